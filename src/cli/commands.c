/* The table of commands, in the order in which the help lists them. */
#include <stddef.h>

#include "cli/command.h"

const struct command *const commands[] = {
	&console_command,
	&demo_command,
	&collect_command,
	&import_command,
	&report_command,
	&requests_command,
	&suspects_command,
	&snapshot_command,
	&rollout_command,
	&budget_command,
	&alert_command,
	&incident_command,
	&feedback_command,
	&forget_command,
	&sources_command,
	&query_command,
	&judge_command,
	&prices_command,
	&audit_command,
	&doctor_command,
	&completion_command,
	NULL,
};
