/* Feedback worked through by keyboard against a running collector: thirty items with one key each and
 * labels, undo, marks, notes, the data set; two reviewers on one queue who never have the same item, one
 * of them killed; hostile texts. What was pressed is what the store, the audit and the exports tell. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "screen_asserts.h"
#include "store/query_feedback.h"

#define ITEMS 40
#define WIDTH 100
#define HEIGHT 30

/* A store of its own with its collector. */
struct place {
	char *store, *socket, *config; /* config NULL: none */
	struct screen *collector;
	bool listens;
	struct store_reader *reader;
	int64_t ids[ITEMS]; /* newest first */
};

static void write_file(const char *path, const struct buf *bytes)
{
	struct err err = {""};

	if (file_write_atomic(path, bytes->data, bytes->len, 0600, &err))
		fail_msg("%s", err.text);
}

static void list_items(struct place *p, struct feedback_list *list)
{
	struct feedback_filter filter;
	struct err err = {""};

	feedback_filter_init(&filter);
	do {
		if (query_feedback_list(p->reader, &filter, list, &err) != 0)
			fail_msg("%s", err.text);
	} while (!list->complete && (feedback_list_fini(list), true));
}

static void name_place(struct place *p, const char *name, const char *config)
{
	struct buf yaml = {0};

	*p = (struct place){.store = mem_printf("%s/%s.db", screen_folder(), name),
	                    .socket = mem_printf("%s/%s.sock", screen_folder(), name)};
	if (!config)
		return;
	buf_puts(&yaml, config);
	p->config = mem_printf("%s/%s.yaml", screen_folder(), name);
	write_file(p->config, &yaml);
	buf_fini(&yaml);
}

static void start_collector(struct place *p, const char *listen)
{
	const char *argv[] = {screen_binary(), "--store", p->store, "--socket", p->socket, "collect", "--listen", listen,
	                      p->config ? "--config" : NULL, p->config, NULL};

	p->listens = strcmp(listen, "none") != 0;
	p->collector = screen_start(argv, NULL, 120, 20);
	assert_shows(p->collector, p->listens ? "listening on" : "collecting into");
}

static void open_place(struct place *p, const char *name, const char *config)
{
	struct feedback_list list;
	struct buf csv = {0};
	struct err err = {""};
	char *log = mem_printf("%s/%s.csv", screen_folder(), name);

	name_place(p, name, config);
	buf_puts(&csv, "time,id,service,rating,text\n");
	for (int i = 0; i < ITEMS; i++)
		buf_printf(&csv, "2026-03-01T10:%02d:00Z,i%d,chat,%d,remark %02d of many\n", i, i, 1 + i % 5, i);
	write_file(log, &csv);
	screen_import(p->store, log, "feedback");
	start_collector(p, "none");
	if (store_reader_open(&p->reader, p->store, &err) != 0)
		fail_msg("%s", err.text);
	list_items(p, &list);
	assert_int_equal(list.count, ITEMS);
	for (size_t i = 0; i < ITEMS; i++)
		p->ids[i] = list.items[i].id;
	feedback_list_fini(&list);
	buf_fini(&csv);
	free(log);
}

static void close_place(struct place *p)
{
	screen_signal(p->collector, SIGTERM);
	assert_int_not_equal(screen_wait_exit(p->collector, SOON), -1);
	screen_free(&p->collector);
	store_reader_close(&p->reader);
	free(p->store);
	free(p->socket);
	free(p->config);
}

static struct screen *start(const struct place *p, const char *user)
{
	char name[80];
	const char *env[] = {name, NULL};
	const char *argv[] = {screen_binary(), "--store", p->store, "--socket", p->socket, "console", "--page", "feedback",
	                      p->config ? "--config" : NULL, p->config, NULL};
	struct screen *s;

	snprintf(name, sizeof name, "LLMDECK_USER=%s", user);
	s = screen_start(argv, env, WIDTH, HEIGHT);
	assert_shows(s, p->listens ? "src 1/1" : "src 0/0"); /* the collector has answered: this session may change things */
	assert_shows(s, "remark");
	return s;
}

static void read_item(struct place *p, int64_t id, struct feedback_item *item)
{
	struct err err = {""};

	if (query_feedback_item(p->reader, id, item, &err) != 0)
		fail_msg("%s", err.text);
}

static const char *label_of(const struct feedback_item *item, const char *name)
{
	for (size_t i = 0; i < item->label_count; i++) {
		if (strcmp(item->labels[i].name, name) == 0)
			return item->labels[i].value;
	}
	return NULL;
}

static void run(const struct place *p, const char *const *words, struct buf *out)
{
	const char *argv[16] = {screen_binary(), "--store", p->store, "--socket", p->socket};
	size_t count = 5;

	while (*words)
		argv[count++] = *words++;
	buf_reset(out);
	if (screen_run(argv, NULL, out) != 0)
		fail_msg("%s: %s", argv[5], out->data ? out->data : "");
}

static size_t count_of(const struct buf *text, const char *what)
{
	size_t count = 0;

	for (const char *at = text->data; at && (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

/* ── one reviewer ──────────────────────────────────────────────────────────────────────────── */

static const char *const labels[] = {"hallucination", "refusal", "tone", "slow", "wrong", "incomplete", "unsafe"};

/* Item i is given label i % 7, and dismissed when i % 5 is 4, else settled. */
static void press_verdict(struct screen *s, int i)
{
	char keys[3] = {(char)('1' + i % 7), i % 5 == 4 ? 'x' : '\r', '\0'};

	screen_send(s, keys);
}

static void check_verdicts(struct place *p, int count)
{
	for (int i = 0; i < ITEMS; i++) {
		struct feedback_item item;

		read_item(p, p->ids[i], &item);
		assert_int_equal(item.state, i >= count ? FEEDBACK_OPEN : i % 5 == 4 ? FEEDBACK_DISMISSED : FEEDBACK_SETTLED);
		assert_int_equal(item.label_count, i < count);
		if (i < count)
			assert_string_equal(label_of(&item, labels[i % 7]), "true");
		feedback_item_fini(&item);
	}
}

/* A line an item in both formats, each with what was pressed on it. */
static void check_export(const struct place *p, int count)
{
	static const char *const formats[] = {"jsonl", "csv"};
	struct buf out = {0};

	for (size_t f = 0; f < 2; f++) {
		run(p, (const char *const[]){"feedback", "export", "--format", formats[f], NULL}, &out);
		for (int i = 0; i < ITEMS; i++) {
			const char *state = i >= count ? "open" : i % 5 == 4 ? "dismissed" : "settled";
			char id[24], line[2000];
			const char *at;

			snprintf(id, sizeof id, "%llx", (unsigned long long)p->ids[i]);
			at = strstr(out.data, id);
			assert_non_null(at);
			snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
			assert_non_null(strstr(line, state));
			for (size_t k = 0; k < sizeof labels / sizeof *labels; k++)
				assert_int_equal(strstr(line, labels[k]) != NULL, i < count && (size_t)i % 7 == k);
		}
	}
	buf_fini(&out);
}

static void thirty_items_by_keyboard(void **state)
{
	struct place p;
	struct screen *s;
	struct buf out = {0};
	struct feedback_item item;
	char id[24];

	(void)state;
	open_place(&p, "thirty", NULL);
	s = start(&p, "mia");
	screen_send(s, "\r");
	assert_shows(s, "yours");
	for (int i = 0; i < 10; i++) { /* each seen before the next */
		char remark[24], done[40];

		snprintf(remark, sizeof remark, "remark %02d of many", ITEMS - 1 - i);
		snprintf(id, sizeof id, "%llx", (unsigned long long)p.ids[i]);
		assert_shows(s, id);
		assert_shows(s, remark);
		press_verdict(s, i);
		snprintf(done, sizeof done, "you %d of ", i + 1);
		assert_shows(s, done);
		read_item(&p, p.ids[i], &item); /* the next one shows: this one is stored */
		assert_int_not_equal(item.state, FEEDBACK_OPEN);
		feedback_item_fini(&item);
	}
	for (int i = 10; i < 30; i++) /* faster than anybody can read: keys wait for the commit of those before */
		press_verdict(s, i);
	assert_shows(s, "you 30 of 40");
	check_verdicts(&p, 30);

	screen_send(s, "u"); /* the last verdict, then its label */
	assert_shows(s, "you 29 of 40");
	snprintf(id, sizeof id, "%llx", (unsigned long long)p.ids[29]);
	assert_shows(s, id);
	read_item(&p, p.ids[29], &item);
	assert_int_equal(item.state, FEEDBACK_OPEN);
	assert_string_equal(label_of(&item, labels[29 % 7]), "true");
	feedback_item_fini(&item);
	screen_send(s, "u");
	assert_shows(s, "undone: label");
	read_item(&p, p.ids[29], &item);
	assert_int_equal(item.label_count, 0);
	feedback_item_fini(&item);
	check_verdicts(&p, 29);
	screen_send(s, "UU");
	assert_shows(s, "you 30 of 40");
	check_verdicts(&p, 30);

	run(&p, (const char *const[]){"audit", "--limit", "1000", "--format", "json", NULL}, &out);
	assert_int_equal(count_of(&out, "\"feedback settle\""), 24);
	assert_int_equal(count_of(&out, "\"feedback dismiss\""), 6);
	assert_int_equal(count_of(&out, "\"feedback label\""), 30);
	assert_int_equal(count_of(&out, "\"feedback undo\""), 2);
	assert_int_equal(count_of(&out, "\"feedback redo\""), 2);
	assert_null(strstr(out.data, "remark")); /* no user's text in it */
	check_export(&p, 30);
	screen_send(s, "\033");
	assert_gone(s, "yours");
	screen_quit(&s);
	close_place(&p);
	buf_fini(&out);
}

/* The numeric label, a note, an assignee, the right answer; marks and their count; each as the store has it. */
static void labels_notes_marks(void **state)
{
	struct place p;
	struct screen *s;
	struct feedback_item item;
	struct feedback_list list;

	(void)state;
	open_place(&p, "notes", NULL);
	s = start(&p, "mia");
	screen_send(s, "\r");
	assert_shows(s, "yours");
	screen_send(s, "8");
	assert_shows(s, "quality: 1 to 5");
	screen_send(s, "4");
	assert_shows(s, "8 quality 4");
	screen_send(s, "n");
	assert_shows(s, "note:");
	screen_send(s, "seen with the new prompt\r");
	assert_shows(s, "(says mia): seen with the new prompt");
	screen_send(s, "@");
	assert_shows(s, "assign:");
	screen_send(s, "\025jo\r");
	assert_shows(s, "for jo");
	screen_send(s, "d");
	assert_shows(s, "right answer");
	screen_send(s, "Thirty days.\r");
	assert_shows(s, "corrected answer (in the data set)");
	screen_send(s, "33"); /* set, and taken away again */
	assert_shows(s, "tone cleared");
	read_item(&p, p.ids[0], &item);
	assert_string_equal(label_of(&item, "quality"), "4");
	assert_null(label_of(&item, "tone"));
	assert_int_equal(item.note_count, 1);
	assert_string_equal(item.assignee, "jo");
	assert_true(str_equal_c(item.corrected, "Thirty days."));
	feedback_item_fini(&item);
	screen_send(s, "\033");
	assert_gone(s, "yours");

	screen_send(s, "g V");   /* a mark, then a range of four below it */
	screen_send(s, "jjj");
	screen_send(s, "V");
	assert_shows(s, "5 marked");
	screen_send(s, "x");
	assert_shows(s, "dismiss: 5 marked items");
	screen_send(s, "\033");
	assert_gone(s, "dismiss: 5");
	list_items(&p, &list);
	assert_int_equal(list.dismissed, 0); /* nothing without the count confirmed */
	feedback_list_fini(&list);
	screen_send(s, "x");
	assert_shows(s, "dismiss: 5 marked items");
	screen_send(s, "\r");
	assert_shows(s, "you 5 of 40");
	list_items(&p, &list);
	assert_int_equal(list.dismissed, 5);
	feedback_list_fini(&list);
	screen_send(s, "u");
	assert_shows(s, "undone: dismiss, 5 items");
	list_items(&p, &list);
	assert_int_equal(list.dismissed, 0);
	feedback_list_fini(&list);
	screen_send(s, "/assignee:jo\r");
	assert_shows(s, "items 1/1");
	screen_send(s, "/\025remark 07\r");
	assert_shows(s, "items 1/1");
	screen_send(s, "/\025state:dismissed\r");
	assert_shows(s, "nothing here is open");
	screen_quit(&s);
	close_place(&p);
}

/* Sets of the configuration, their bounds, an incident of its own, and a case of the data set. */
static void own_label_sets(void **state)
{
	struct place p;
	struct screen *s;
	struct feedback_item item;
	struct buf out = {0};
	char id[24];

	(void)state;
	open_place(&p, "sets", "labels:\n  - {name: wrong}\n  - {name: topic, values: [price, policy, delivery]}\n"
	                       "  - {name: quality, min: 2, max: 4}\n");
	snprintf(id, sizeof id, "%llx", (unsigned long long)p.ids[0]);
	s = start(&p, "mia");
	screen_send(s, "\r");
	assert_shows(s, "yours");
	screen_send(s, "2");
	assert_shows(s, "topic: 1 price  2 policy  3 delivery");
	screen_send(s, "2");
	assert_shows(s, "2 topic policy");
	screen_send(s, "31");
	assert_shows(s, "quality takes 2 to 4");
	screen_send(s, "33");
	assert_shows(s, "3 quality 3");
	screen_send(s, "1");
	assert_shows(s, "1[x] wrong");
	screen_send(s, "9");
	assert_shows(s, "there is no label 9");
	screen_send(s, "20");
	assert_shows(s, "topic cleared");
	read_item(&p, p.ids[0], &item);
	assert_string_equal(label_of(&item, "quality"), "3");
	assert_string_equal(label_of(&item, "wrong"), "true");
	assert_null(label_of(&item, "topic"));
	feedback_item_fini(&item);
	screen_send(s, "i");
	assert_shows(s, "none is open");
	screen_send(s, "late parcels\r");
	assert_shows(s, "1 added to INC-1");
	run(&p, (const char *const[]){"incident", "show", "1", "--format", "json", NULL}, &out);
	assert_non_null(strstr(out.data, "late parcels"));
	assert_non_null(strstr(out.data, id));
	screen_send(s, "i");
	assert_shows(s, "open now: late parcels");
	screen_send(s, "\033");
	assert_gone(s, "open now");
	screen_send(s, "\r");
	assert_shows(s, "you 1 of 40");
	screen_send(s, "\033");
	assert_gone(s, "yours");
	screen_quit(&s);
	close_place(&p);
	buf_fini(&out);
}

/* `*` marks all that were not marked; an incident takes every marked item. */
static void marks_inverted_and_added(void **state)
{
	struct place p;
	struct screen *s;
	struct buf out = {0};
	char id[24];

	(void)state;
	open_place(&p, "invert", NULL);
	s = start(&p, "mia");
	screen_send(s, "gV"); /* the first three */
	screen_send(s, "jj");
	screen_send(s, "V");
	assert_shows(s, "3 marked");
	screen_send(s, "*");
	assert_shows(s, "37 marked");
	screen_send(s, "*");
	assert_shows(s, "3 marked");
	screen_send(s, "i");
	assert_shows(s, "none is open");
	screen_send(s, "dead links\r");
	assert_shows(s, "3 added to INC-1");
	run(&p, (const char *const[]){"incident", "show", "1", "--format", "json", NULL}, &out);
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof id, "%llx", (unsigned long long)p.ids[i]);
		assert_int_equal(strstr(out.data, id) != NULL, i < 3);
	}
	screen_quit(&s);
	close_place(&p);
	buf_fini(&out);
}

/* ── a case of the data set ────────────────────────────────────────────────────────────────── */

static int free_port(void)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof where;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof where), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&where, &len), 0);
	close(fd);
	return ntohs(where.sin_port);
}

static void post_json(int port, const char *path, const char *body)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct buf request = {0};
	char answer[512] = "";

	buf_printf(&request, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
	                     "Connection: close\r\n\r\n%s", path, strlen(body), body);
	assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
	assert_int_equal(write(fd, request.data, request.len), request.len);
	assert_true(read(fd, answer, sizeof answer - 1) > 0);
	if (!strstr(answer, " 200 "))
		fail_msg("%s: %s", path, answer);
	close(fd);
	buf_fini(&request);
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"

/* A call with its question and answer, and a remark on it. */
static void send_exchange(struct place *p, int port)
{
	long long now_ns = (long long)clock_wall_us() * 1000;
	char *log = mem_printf("%s/remark.jsonl", screen_folder());
	struct buf body = {0}, out = {0};

	buf_printf(&body, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]},"
	    "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" TRACE "\",\"spanId\":\"b7ad6b7169203331\",\"name\":\"chat m\",\"kind\":3,"
	    "\"startTimeUnixNano\":\"%lld\",\"endTimeUnixNano\":\"%lld\",\"attributes\":["
	    "{\"key\":\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"chat\"}},{\"key\":\"gen_ai.request.model\",\"value\":{\"stringValue\":\"m\"}},"
	    "{\"key\":\"gen_ai.input.messages\",\"value\":{\"stringValue\":\"[{\\\"role\\\":\\\"user\\\",\\\"parts\\\":[{\\\"type\\\":\\\"text\\\","
	    "\\\"content\\\":\\\"May I return shoes?\\\"}]}]\"}},"
	    "{\"key\":\"gen_ai.output.messages\",\"value\":{\"stringValue\":\"[{\\\"role\\\":\\\"assistant\\\",\\\"parts\\\":[{\\\"type\\\":\\\"text\\\","
	    "\\\"content\\\":\\\"Never.\\\"}]}]\"}}]}]}]}]}", now_ns - 2000000000, now_ns - 1000000000);
	post_json(port, "/v1/traces", body.data);
	buf_reset(&body);
	buf_printf(&body, "{\"time\":%lld,\"id\":\"r1\",\"service\":\"shop\",\"rating\":1,\"trace_id\":\"" TRACE "\",\"text\":\"a wrong remark\"}\n",
	           now_ns / 1000000);
	write_file(log, &body);
	run(p, (const char *const[]){"import", log, "--as", "feedback", NULL}, &out);
	buf_fini(&body);
	buf_fini(&out);
	free(log);
}

/* What the reviewer types is the assistant's message of the case, to the letter; undone, it is no case. */
static void corrected_answer_is_exported(void **state)
{
	static const char *const to_chat[] = {"feedback", "export", "--format", "chat", NULL};
	static const char wanted[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"May I return shoes?\"},{\"role\":\"assistant\","
	    "\"content\":\"Yes: \\\"unworn\\\", within 30 days \\\\ ask \xc3\xbc" "ber us.\"}],";
	struct place p;
	struct screen *s;
	struct buf out = {0};
	struct err err = {""};
	int port = free_port();
	char listen[40];

	(void)state;
	snprintf(listen, sizeof listen, "127.0.0.1:%d", port);
	name_place(&p, "case", "keep_text: yes\n");
	start_collector(&p, listen);
	send_exchange(&p, port);
	if (store_reader_open(&p.reader, p.store, &err) != 0)
		fail_msg("%s", err.text);
	s = start(&p, "mia");
	assert_shows(s, "May I return shoes?");
	assert_shows(s, "Never.");
	screen_send(s, "\r");
	assert_shows(s, "yours");
	screen_send(s, "d");
	assert_shows(s, "right answer");
	screen_send(s, "\025Yes: \"unworn\", within 30 days \\ ask \xc3\xbc" "ber us.\r");
	assert_shows(s, "corrected answer (in the data set)");
	run(&p, to_chat, &out);
	assert_int_equal(count_of(&out, "\n"), 1);
	if (strstr(out.data, wanted) != out.data)
		fail_msg("%s", out.data);
	assert_non_null(strstr(out.data, "\"rejected_answer\":\"Never.\""));
	screen_send(s, "u");
	assert_gone(s, "corrected answer");
	run(&p, to_chat, &out);
	assert_int_equal(count_of(&out, "messages"), 0);
	screen_send(s, "\033");
	assert_gone(s, "yours");
	screen_quit(&s);
	close_place(&p);
	buf_fini(&out);
}

/* ── two reviewers ─────────────────────────────────────────────────────────────────────────── */

/* The item that somebody has open; 0 when there is none. */
static int64_t held_by(struct place *p, const char *who)
{
	int64_t held = 0;

	for (int i = 0; i < ITEMS && !held; i++) {
		struct feedback_item item;

		read_item(p, p->ids[i], &item);
		if (item.locked && strstr(item.lock_holder, who))
			held = p->ids[i];
		feedback_item_fini(&item);
	}
	return held;
}

static void two_reviewers_never_share(void **state)
{
	struct place p;
	struct screen *a, *b;
	char first[24], second[24];

	(void)state;
	open_place(&p, "two", NULL);
	snprintf(first, sizeof first, "%llx", (unsigned long long)p.ids[0]);
	snprintf(second, sizeof second, "%llx", (unsigned long long)p.ids[1]);
	a = start(&p, "mia");
	screen_send(a, "\r");
	assert_shows(a, "yours");
	b = start(&p, "jo");
	assert_shows(b, first);
	screen_send(b, "\r");
	assert_shows(b, "1 held by ");
	assert_gone(b, "yours");
	screen_send(b, "j");
	assert_shows(b, second);
	screen_send(b, "\r");
	assert_shows(b, "yours");
	for (int i = 0; i < 12; i++) { /* both at once, as fast as it goes */
		screen_send(a, "\r");
		screen_send(b, "\r");
	}
	assert_shows(a, "you 12 of");
	assert_shows(b, "you 12 of");
	for (int i = 0, settled = 0; i < ITEMS; i++) { /* twenty-four different ones, each by one of them */
		struct feedback_item item;
		size_t verdicts = 0;

		read_item(&p, p.ids[i], &item);
		for (size_t k = 0; k < item.event_count; k++)
			verdicts += strcmp(item.events[k].verb, "settle") == 0;
		assert_true(verdicts <= 1);
		settled += (int)verdicts;
		feedback_item_fini(&item);
		if (i == ITEMS - 1)
			assert_int_equal(settled, 24);
	}

	assert_int_not_equal(held_by(&p, "mia"), 0);
	screen_signal(a, SIGKILL); /* what it had is free within moments */
	for (int64_t until = clock_mono_us() + SOON * US_PER_MS; held_by(&p, "mia") && clock_mono_us() < until;)
		screen_settle(b, 50, 100);
	assert_int_equal(held_by(&p, "mia"), 0);
	assert_int_not_equal(held_by(&p, "jo"), 0); /* and nothing else is */
	screen_free(&a);
	screen_send(b, "\033");
	assert_gone(b, "yours");
	screen_quit(&b);
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thirty_items_by_keyboard),
		cmocka_unit_test(labels_notes_marks),
		cmocka_unit_test(own_label_sets),
		cmocka_unit_test(marks_inverted_and_added),
		cmocka_unit_test(corrected_answer_is_exported),
		cmocka_unit_test(two_reviewers_never_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
