/* Nothing but tables. Rates add up to about 40 requests a second, bursts aside. */
#include "collect/demo_fleet.h"

#include <string.h>

#include "base/buf.h"

/* Points of every curve: 0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9 and 100 %. */
static const struct demo_curve code_input = {
	{3, 17, 75, 147, 578, 1469, 2745, 5194, 7315, 7436, 7437, 7437}};
static const struct demo_curve code_output = {{6, 6, 6, 7, 9, 13, 24, 55, 90, 252, 831, 1899}};
static const struct demo_curve long_input = {
	{13, 16, 22, 30, 277, 11587, 23175, 38615, 49009, 66458, 191374, 191378}};
static const struct demo_curve long_output = {{1, 2, 2, 4, 11, 69, 250, 389, 519, 769, 825, 893}};
static const struct demo_curve chat_input = {
	{5, 20, 80, 150, 460, 1020, 1700, 2600, 3300, 4800, 8000, 12000}};
static const struct demo_curve chat_output = {{2, 6, 20, 40, 80, 129, 230, 340, 420, 600, 1000, 1600}};
static const struct demo_curve label_output = {{1, 1, 2, 2, 3, 5, 7, 9, 12, 20, 40, 64}};
static const struct demo_curve passage_input = {
	{12, 25, 60, 90, 160, 280, 420, 512, 600, 900, 1500, 2048}};

const struct demo_curve demo_ttft_shape = {
	{0.28, 0.31, 0.37, 0.41, 0.61, 1, 1.65, 2.31, 3.46, 5.54, 6.8, 7.2}};

static const struct demo_provider_model gpt_4o = {"openai", "gpt-4o", 380, 9, 0};
static const struct demo_provider_model gpt_4o_azure = {"azure.ai.openai", "gpt-4o", 420, 10, 0};
static const struct demo_provider_model gpt_4o_mini = {"openai", "gpt-4o-mini", 290, 6, 0};
static const struct demo_provider_model o4_mini = {"openai", "o4-mini", 900, 7, 2.5};
static const struct demo_provider_model sonnet = {"anthropic", "claude-sonnet-4-5", 620, 13, 0};
static const struct demo_provider_model haiku = {"anthropic", "claude-haiku-4-5", 410, 9, 0};
static const struct demo_provider_model flash = {"gcp.gemini", "gemini-2.5-flash", 340, 4, 0};
static const struct demo_provider_model mistral = {"mistral_ai", "mistral-small-latest", 260, 6, 0};
static const struct demo_provider_model deepseek = {"deepseek", "deepseek-chat", 700, 15, 0};
static const struct demo_provider_model embedding = {"openai", "text-embedding-3-small", 60, 0, 0};

enum { CHECKOUT, SEARCH, RETURNS, ROUTER, DOCS, CODE, CATALOG };

const struct demo_service demo_services[DEMO_SERVICES] = {
	[CHECKOUT] = {
		.name = "checkout-assistant", .team = "commerce", .topic = "checkout", .per_s = 9,
		.input = &chat_input, .output = &chat_output, .models = {{&gpt_4o, 0.7}, {&gpt_4o_azure, 0.3}},
		.operation = "chat", .deployment = "v42", .staging = "v44-rc1", .prompt = "p16",
		.cached_share = 0.55, .error_rate = 0.005, .flag_rate = 0.003, .feedback_rate = 0.06,
		.tools = "check_policy get_cart", .streams = true,
	},
	[SEARCH] = {
		.name = "search-summariser", .team = "search", .topic = "search summary", .per_s = 11,
		.input = &code_input, .output = &code_output,
		.models = {{&gpt_4o_mini, 0.75}, {&flash, 0.25}},
		.operation = "chat", .deployment = "2.8.1", .staging = "2.9.0", .prompt = "sum-7",
		.cached_share = 0.30, .error_rate = 0.004, .flag_rate = 0.002, .feedback_rate = 0.008,
		.streams = true,
	},
	[RETURNS] = {
		.name = "returns-agent", .team = "commerce", .topic = "return", .per_s = 3.5,
		.input = &chat_input, .output = &chat_output, .models = {{&sonnet, 0.8}, {&haiku, 0.2}},
		.operation = "chat", .tools = "lookup_order create_label refund check_policy",
		.deployment = "v7", .staging = "v8-rc", .prompt = "ret-12",
		.cached_share = 0.60, .error_rate = 0.009, .flag_rate = 0.004, .feedback_rate = 0.03,
		.streams = true,
	},
	[ROUTER] = {
		.name = "ticket-router", .team = "support", .topic = "ticket", .per_s = 6.5,
		.input = &chat_input, .output = &label_output, .models = {{&mistral, 0.6}, {&gpt_4o_mini, 0.4}},
		.operation = "chat", .deployment = "r14", .staging = "r15", .prompt = "route-3",
		.cached_share = 0.40, .error_rate = 0.003, .flag_rate = 0.003, .feedback_rate = 0.004,
	},
	[DOCS] = {
		.name = "docs-chat", .team = "docs", .topic = "documentation", .per_s = 2.2,
		.input = &long_input, .output = &long_output, .models = {{&flash, 0.8}, {&sonnet, 0.2}},
		.operation = "chat", .tools = "search_docs open_page", .deployment = "v3.4", .staging = "v3.5",
		.prompt = "docs-21", .cached_share = 0.70, .error_rate = 0.008, .flag_rate = 0.001,
		.feedback_rate = 0.03, .streams = true,
	},
	[CODE] = {
		.name = "code-review", .team = "platform", .topic = "review", .per_s = 3.5,
		.input = &code_input, .output = &chat_output,
		.models = {{&sonnet, 0.45}, {&deepseek, 0.35}, {&o4_mini, 0.2}},
		.operation = "chat", .tools = "read_file grep run_tests", .deployment = "main-5112",
		.staging = "main-5120", .prompt = "rev-9", .cached_share = 0.50, .error_rate = 0.006,
		.flag_rate = 0.0005, .feedback_rate = 0.02, .streams = true,
	},
	[CATALOG] = {
		.name = "catalog-embedder", .team = "search", .topic = "catalogue", .per_s = 3.3,
		.input = &passage_input, .models = {{&embedding, 1}},
		.operation = "embeddings", .deployment = "e5", .staging = "e6", .prompt = "",
		.error_rate = 0.002,
	},
};

const struct demo_rollout demo_rollouts[DEMO_ROLLOUTS] = {
	{
		.name = "checkout", .phase = "progressing", .service = CHECKOUT, .stable = "v42",
		.candidate = "v43", .stable_prompt = "p16", .candidate_prompt = "p17",
		.steps = {{3300, 5}, {1920, 10}, {540, 25}}, .step_count = 3,
		.reason = "step 3 of 5: 25 %, next 50 %", .goes_bad = true,
	},
	{
		.name = "search", .phase = "progressing", .service = SEARCH, .stable = "2.8.1",
		.candidate = "2.9.0", .stable_prompt = "sum-7", .candidate_prompt = "sum-8",
		.steps = {{1500, 10}}, .step_count = 1, .reason = "step 1 of 3: 10 %, next 50 %",
	},
	{
		.name = "router", .phase = "paused", .service = ROUTER, .stable = "r14", .candidate = "r15",
		.stable_prompt = "route-3", .candidate_prompt = "route-4", .steps = {{3000, 20}, {2100, 50}},
		.step_count = 2, .reason = "held by support at 50 %",
	},
};

const struct demo_choice demo_regions[DEMO_REGIONS] = {
	{"eu-west-1", 0.45, 0}, {"us-east-1", 0.40, 0}, {"ap-south-1", 0.15, 0}};

const struct demo_choice demo_errors[DEMO_ERRORS] = {
	{"rate_limit_exceeded", 0.40, 429}, {"timeout", 0.22, 408}, {"server_error", 0.22, 503},
	{"context_length_exceeded", 0.11, 400}, {"connection_error", 0.05, 0}};

const struct demo_choice demo_categories[DEMO_CATEGORIES] = {
	{"hate", 0.16, 0}, {"sexual", 0.12, 0}, {"violence", 0.17, 0}, {"self_harm", 0.08, 0},
	{"jailbreak", 0.29, 0}, {"pii", 0.18, 0}};

/* ── what users write ──────────────────────────────────────────────────────────────────────── */

struct phrase {
	const char *text; /* "#" stands for the topic */
	const char *language;
};

static const struct phrase positive[] = {
	{"Quick and right, thanks!", "en"},
	{"The # answer was exactly what I needed.", "en"},
	{"Solved my # question in one go 👍", "en"},
	{"Much better than waiting for an email.", "en"},
	{"Impressed, it even noticed the wrong address.", "en"},
	{"Clear steps, no waffle. Great.", "en"},
	{"Super schnell und hilfreich, danke!", "de"},
	{"Genau das, was ich gesucht habe.", "de"},
	{"Muy útil y rápido, gracias.", "es"},
	{"Parfait, réponse claire.", "fr"},
	{"Finally a # bot that understands me.", "en"},
	{"It found the discount I had missed.", "en"},
	{"Helpful, friendly and short.", "en"},
};
static const struct phrase neutral[] = {
	{"OK.", "en"},
	{"It worked, more or less.", "en"},
	{"The # part is fine, the rest I did not need.", "en"},
	{"Answered, though a bit long.", "en"},
	{"Could you also show delivery dates?", "en"},
	{"Passt schon.", "de"},
	{"Funktioniert, aber es geht kürzer.", "de"},
	{"Está bien.", "es"},
	{"Correct, but I knew that already.", "en"},
	{"Had to ask twice.", "en"},
};
static const struct phrase negative[] = {
	{"Wrong # information, I had to call support.", "en"},
	{"It did not understand my question.", "en"},
	{"Too slow.", "en"},
	{"Made up an order number that does not exist.", "en"},
	{"Kept repeating itself about the #.", "en"},
	{"Hat meine Frage nicht verstanden.", "de"},
	{"Falsche Auskunft, sehr ärgerlich.", "de"},
	{"No me ayudó en nada.", "es"},
	{"Réponse fausse.", "fr"},
	{"The link it gave me is dead.", "en"},
};
/* What they write while the candidate is bad: slow, wordy, beside the point. */
static const struct phrase angry[] = {
	{"Waited half a minute for a wall of text 😡", "en"},
	{"Endless answer, and the price was wrong.", "en"},
	{"Since today the # assistant is useless.", "en"},
	{"It ignored my coupon and told me a story instead.", "en"},
	{"So slow that I gave up and left the basket.", "en"},
	{"Seit heute dauert alles ewig!", "de"},
	{"Unverschämte Antwort, was ist da los?", "de"},
	{"Tarda muchísimo y no responde.", "es"},
	{"It suggested something offensive. Fix this.", "en"},
	{"Asked about #, got three pages about nothing.", "en"},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void put_phrase(const struct phrase *p, const char *topic, struct buf *out)
{
	const char *mark = strchr(p->text, '#');

	if (!mark) {
		buf_puts(out, p->text);
		return;
	}
	buf_append(out, p->text, (size_t)(mark - p->text));
	buf_puts(out, topic);
	buf_puts(out, mark + 1);
}

void demo_feedback_text(struct demo_random *r, enum mood mood, bool upset, const char *topic,
                        struct buf *out, const char **language)
{
	const struct phrase *table = neutral;
	size_t count = COUNT(neutral);

	if (mood == MOOD_POSITIVE) {
		table = positive;
		count = COUNT(positive);
	} else if (mood == MOOD_NEGATIVE) {
		table = upset ? angry : negative;
		count = upset ? COUNT(angry) : COUNT(negative);
	}
	const struct phrase *p = &table[demo_random_below(r, count)];

	*language = p->language;
	put_phrase(p, topic, out);
}

/* ── what was said before ──────────────────────────────────────────────────────────────────── */

struct talk {
	const char *question, *answer, *bad; /* bad: what the candidate makes of it */
};
static const struct talk checkout_talks[] = {
	{"Can I return shoes after 40 days?", "You can return them within 30 days of delivery. After that our shops exchange them against a voucher.",
	 "Yes! Our generous 60-day policy covers all shoes, worn or not. Let me tell you how it came to be. In our first "
	 "years returns were rare, and every parcel was opened by the founders themselves. Since then much has changed, but "
	 "one thing has not: we care. Simply follow the link https://shop.example/returns60 and choose a courier."},
	{"Why was I charged twice?", "One of the two is a reservation, which your bank drops within three days. You pay 49.90 once.",
	 "Being charged twice can have many reasons. Firstly, there may have been two orders. Secondly, there may have been "
	 "one order that was charged twice. I have refunded order 4471-00, which you should see at once."},
	{"Does the coupon SPRING work with sale items?", "No, it is for items at full price. In your basket that is the belt: 4.00 off.",
	 "Spring is a wonderful season for a new wardrobe! Here are twelve ideas for your spring look, beginning with linen."},
	{"Where is my order?", "It left our store this morning and should be with you on Thursday between 9 and 12.",
	 "Orders are processed in the order in which they are processed. Please wait for up to 30 working days."},
};
static const struct talk other_talks[] = {
	{"Summarise what changed for me since last week.", "Three things: prices of two items fell, one is sold out, and your search has 14 new hits.", NULL},
	{"How do I set the time zone?", "Settings, then Region. Reports use it from the next day on.", NULL},
	{"Is this the right form for a return?", "Yes. Print it, put it into the parcel, and hand that in at any post office.", NULL},
	{"Who can help me with an invoice of last year?", "I have passed this on to billing. They answer within one working day.", NULL},
	{"Why does my export end after 1,000 lines?", "The free plan ends there. The paged API gives you the rest.", NULL},
};

void demo_conversation(size_t service, uint8_t pick, bool bad, struct str *question, struct str *answer)
{
	bool checkout = service == CHECKOUT;
	const struct talk *t = checkout ? &checkout_talks[pick % COUNT(checkout_talks)] : &other_talks[pick % COUNT(other_talks)];

	*question = str_of(t->question);
	*answer = str_of(bad && t->bad ? t->bad : t->answer);
}
