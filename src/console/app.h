/* The running console: what the UI thread holds. Private to src/console. */
#ifndef LLMDECK_CONSOLE_APP_H
#define LLMDECK_CONSOLE_APP_H

#include "console/actions.h"
#include "console/chores.h"
#include "console/console.h"
#include "console/deck.h"
#include "console/intent.h"
#include "console/loader.h"
#include "console/rollout_calls.h"
#include "console/tiles.h"
#include "console/triage_app.h"
#include "panels/alertmanager.h"
#include "panels/alerts.h"
#include "ui/chooser.h"
#include "ui/dialog.h"
#include "ui/help.h"
#include "ui/keymap.h"
#include "ui/screen.h"
#include "ui/toast.h"

/* What the keys go to. */
enum app_mode { MODE_DECK, MODE_PALETTE, MODE_FILTER, MODE_COLUMNS, MODE_HELP, MODE_INTENT, MODE_ALERT, MODE_LIMIT, MODE_BUDGET, MODE_INCIDENT, MODE_QUERY, MODE_TRIAGE };

#define CHOICES_MAX 160

/* Acknowledging, muting or unmuting one alert. */
struct alert_dialog {
	struct alert_pick pick; /* of the moment it was opened */
	int action;             /* ACT_ACKNOWLEDGE, ACT_MUTE, ACT_UNMUTE */
	bool theirs;            /* it is about `held`, in an Alertmanager */
	struct am_pick held;
	char title[160], dedup[100], below[100], when[120];
	struct dialog dialog;
};

/* A note to an incident, or the opening of one. */
struct incident_dialog {
	bool opens;
	struct dialog dialog;
};

struct app {
	const struct console_options *o;
	struct config *config;         /* a re-read one, owned; NULL = the options' */
	struct rule_set *rules;
	struct deck deck;
	struct tz *tz;
	struct screen *screen;
	struct theme theme;
	struct keymap *keymap;
	struct loader *loader;
	struct chores *chores;
	struct rollout_calls *calls;
	struct rollout_board *board;   /* as the collector said last; the deck borrows it */
	struct intent *intent;         /* open in MODE_INTENT */
	struct alert_dialog *alert;    /* open in MODE_ALERT */
	struct limit_dialog *limit;    /* open in MODE_LIMIT */
	int64_t rung_id;               /* the newest alert that the terminal was told of */
	bool rings;                    /* what was firing when the console opened is not told */
	struct budget_dialog *budget;  /* open in MODE_BUDGET */
	struct triage_work *triage;    /* the feedback page's; the deck borrows its desk */
	struct query_page *query;      /* the SQL page; the deck borrows its board */
	struct incident_dialog *incident; /* open in MODE_INCIDENT */
	int64_t pinned_from_us, pinned_to_us; /* a window to compare with; 0: none */
	int compared;                  /* with which one: incident_app.c */
	bool incident_wanted;          /* the page shows the one that was just opened */
	bool incident_jump;            /* the page of the one that is being loaded is wanted */
	int wake[2];
	int start_fd;                  /* epoll of wake[0] and of the collector that is being started; -1: none is */
	struct layout layout;
	struct load_job job;           /* the last one given to the loader */
	uint64_t generation;
	struct toasts toasts;
	enum app_mode mode;
	struct chooser chooser;
	struct choice choices[CHOICES_MAX];
	size_t choice_count;
	char themes[CHORES_THEMES_MAX][THEME_NAME_BYTES];
	char choice_keys[CHOICES_MAX][24], choice_names[CHOICES_MAX][THEME_NAME_BYTES + 8];
	struct history history;
	struct field filter;
	char filter_before[DECK_FIND_BYTES]; /* Esc in the filter restores it */
	struct help help;
	const struct action *help_tables[1];
	bool mouse, quit, dirty;
	struct err failure;            /* why it makes no sense to go on; "" = it does */
	int64_t news_mono_us;          /* since when something waits to be drawn that nobody waits for; 0: nothing */
	int64_t asked_mono_us;         /* when a person last did something: for a while all that comes is drawn at once */
};

/* Says something for a few seconds. */
void app_say(struct app *a, bool bad, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Recomputes layout and job after the deck or the size has changed, and asks the loader. */
void app_refresh(struct app *a);

/* app_actions.c */
void app_do(struct app *a, int action);
void app_key(struct app *a, struct key key);

/* app_commands.c: the palette's line; says what was wrong. */
void app_command(struct app *a, const char *line);
void app_open_palette(struct app *a);
/* Asks for a theme; it is shown when it has been read. */
void app_set_theme(struct app *a, const char *name);
/* Takes `text` as the live filter: words of the form dim=value become filters of the window, the
 * rest finds rows. */
void app_set_filter(struct app *a, const char *text, bool final);

/* rollout_app.c: from the keys of a rollout to its dialog. */
void app_rollout(struct app *a, int action);
/* `shares` for the rollout under the cursor; "" explains itself. */
void app_rollout_set(struct app *a, const char *shares);
void app_rollout_stop_all(struct app *a, const char *where);
void app_intent_key(struct app *a, struct key key);
/* Takes what the collector has answered; true when something is to be drawn. */
bool app_take_calls(struct app *a);

/* alert_app.c: ACT_ACKNOWLEDGE, ACT_MUTE and ACT_UNMUTE open the dialog for the alert under the cursor, or
 * the most urgent one on other pages. */
void app_alert(struct app *a, int action);
void app_alert_key(struct app *a, struct key key);
/* manager_app.c: the same keys on the pages of the Alertmanagers; false elsewhere. */
bool app_manager(struct app *a, int action);
/* Sends what the dialog says; false when what was typed does not do. */
bool app_manager_send(struct app *a);
/* Enter on an alert of others goes to the silence that holds it; false elsewhere. */
bool app_manager_open(struct app *a);
/* The alert that those would be about; says so when there is none. */
bool app_alert_pick(struct app *a, struct alert_pick *out);
/* Rings the terminal, as the config says, when an alert has begun to fire since the last call. */
void app_alert_ring(struct app *a);
/* limit_app.c: ACT_EDIT_LIMIT opens the form for the limit of the alert's rule; `rule` of one by its name,
 * with a limit to begin with ("" = that in force). */
void app_limit(struct app *a);
void app_limit_named(struct app *a, const char *text);
void app_limit_key(struct app *a, struct key key);
void app_limit_draw(const struct app *a, struct surface *s, int *cursor_x, int *cursor_y);
/* A back-test has ended. */
void app_limit_news(struct app *a, const struct chore_news *news);
/* Enter on the alerts page: what changed in the alert's window with its filters; a budget's spending, a
 * rollout's arms. False elsewhere. */
bool app_alert_open(struct app *a);

/* incident_app.c */
/* What a key means to the incident page, its list and its timeline, `i` everywhere; false: something else. */
bool app_incident_do(struct app *a, int action);
/* ":incident", ":pin", ":diff", ":assign" …; false when it is none of them. */
bool app_incident_command(struct app *a, struct str word, const char *rest);
void app_incident_key(struct app *a, struct key key);
/* After a load: the trace of the chosen request is shown, a page that waited for its incident opens. */
void app_incident_follow(struct app *a);
void app_incident_jump(struct app *a);
/* The collector has opened one, or changed it. */
void app_incident_opened(struct app *a, int64_t id);

/* The report of the incident that is shown, into files; false when none is. */
bool app_incident_export(struct app *a);

/* query_page.c */
struct query_page *query_page_start(const char *store_path, int wake_fd);
void query_page_stop(struct query_page **p, int64_t wait_us);
const struct query_board *query_page_board(const struct query_page *p);
/* Keys and actions on the SQL page; false: something else. Ctrl-C cancels what runs there. */
bool app_query_key(struct app *a, struct key key);
bool app_query_do(struct app *a, int action);
/* Takes what has been answered; true when something is to be drawn. */
bool app_query_take(struct app *a);
/* The answer into a file by its suffix; false when the SQL page is not open. */
bool app_query_export(struct app *a, const char *path);
/* ":sql [SELECT …]" */
void app_query_command(struct app *a, const char *sql);
/* Before drawing: how long it has been running. */
bool app_query_tick(struct app *a);

/* trace_app.c */
/* `t`: the trace of the row under the cursor, on its own page. */
void app_trace(struct app *a);
/* ":trace ID [TIME]". */
void app_trace_command(struct app *a, const char *text);
/* Enter on a trace folds what is below the line; false elsewhere. */
bool app_trace_fold(struct app *a);
/* The focused panel's row under the cursor as a trace; false when there is none. */
bool app_trace_pick(const struct app *a, int panel, struct trace_pick *out);

/* budget_app.c: ACT_SET_BUDGET opens the form for the budget under the cursor, or a new one;
 * ACT_REMOVE_BUDGET asks whether to remove it. */
void app_budget(struct app *a, int action);
/* ":budget NAME 500": the form with what was said filled in. */
void app_budget_named(struct app *a, const char *text);
void app_budget_key(struct app *a, struct key key);
void app_budget_draw(const struct app *a, struct surface *s, int *cursor_x, int *cursor_y);
/* Enter on the budgets page: what it is spent on. False elsewhere. */
bool app_budget_open(struct app *a);
/* The open alert of the budget under the cursor of the budgets page; false when there is none. */
bool app_budget_pick_alert(const struct app *a, struct alert_pick *out);

/* app_share.c */
void app_copy_here(struct app *a);
void app_export(struct app *a, const char *path);
/* The command that opens exactly this screen. */
void app_here_command(const struct deck *d, const struct console_options *o, int64_t wall_us,
                      struct buf *out);

#endif
