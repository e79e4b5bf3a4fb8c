/* A rule is a row of word sets with gaps: "ignore|forget ~3 previous|prior ~2 instructions" means one
 * of the first set, up to three words later one of the second, up to two later the third. A set's word
 * may end in '*'. Each rule counts once a text. */
#include "judge/safety.h"

#include <pthread.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/config.h"
#include "judge/words.h"

#define WORDS_MAX 1200
#define TEXT_MAX_BYTES 16384

enum { JAILBREAK, INJECTION };

struct rule {
	const char *pattern;
	double weight;
	int kind;
};

#define RULES "instruction*|prompt*|rule*|guideline*|direction*|programming|training|directive*|polic*|context|order*|information|message*"
#define LIMITS "restriction*|limit*|filter*|censor*|guideline*|rules|boundar*|constraint*|ethic*|moral*|polic*|safeguard*|disclaimer*|warning*"

static const struct rule rules[] = {
	{"ignore|disregard|forget|override|bypass|discard|neglect|dismiss ~3 previous|prior|above|earlier|preceding|all|your|these|any|former|initial|existing|the ~3 " RULES, 1.0, INJECTION},
	{"new|updated|real|following|different ~1 instructions|task|objective|rules ~1 are|is|follow", 0.4, INJECTION},
	{"reveal|show|print|repeat|output|display|tell|give|leak|write|what ~4 system|initial|original|hidden|secret|your|above ~2 prompt|instructions", 0.7, INJECTION},
	{"repeat|print|output|reveal|leak|recite ~4 instruction*|prompt", 1.0, INJECTION},
	{"instruction*|prompt ~2 so|above|given|you ~2 far|were|received|got|as|in", 0.5, INJECTION},
	{"forget|forgot|forgotten|unlearn ~4 rule*|instruction*|training|everything", 1.0, INJECTION},
	{"not ~1 listen|obey|follow ~3 previous|prior|above|any ~2 " RULES, 1.0, INJECTION},
	{"add|embed*|includ*|inclusion|incorporat*|insert|integrat*|introduc*|enhance|employ|utiliz*|modify|make ~6 following|subsequent|below|this ~1 code|script|link|snippet ~1 snippet|block|section|excerpt|in|into|as", 0.6, INJECTION},
	{"your|a ~2 response|answer|reply|elucidation|implementation|solution|output|codebase|code|algorithm", 0.4, INJECTION},
	{"system ~0 prompt|message|override", 0.4, INJECTION},
	{"end|stop ~2 of ~1 prompt|instructions|document|context", 0.5, INJECTION},
	{"do ~1 not ~1 follow|obey|listen ~3 " RULES, 0.6, INJECTION},
	{"instead ~2 say|print|output|respond|write|answer|reply|do", 0.3, INJECTION},
	{"do ~0 anything ~0 now", 1.0, JAILBREAK},
	{"dan ~3 mode|prompt|do|will|is|has|can|stands|response|answer*", 0.7, JAILBREAK},
	{"jailbreak*|jailbroken", 1.0, JAILBREAK},
	{"developer|god|sudo|debug|unrestricted|unfiltered|evil|admin|root|opposite ~0 mode", 0.8, JAILBREAK},
	{"mode ~1 enabled|activated|engaged|on|output", 0.5, JAILBREAK},
	{"no|without|free|freed|bypass*|remove*|ignor*|break*|beyond|disregard*|bound|lack* ~4 " LIMITS, 0.5, JAILBREAK},
	{"amoral|immoral|unethical|unfiltered|uncensored|unrestricted|unbiased|unhinged|uninhibited", 0.5, JAILBREAK},
	{"never|not|cannot|can't|won't|don't|doesn't ~3 refuse*|reject|decline|deny|censor|apologize|apologise", 0.6, JAILBREAK},
	{"never|not|don't|cannot ~3 say|mention|state|tell|claim ~3 can't|cannot|unable|ai|language|sorry|illegal|unethical", 0.5, JAILBREAK},
	{"regardless|matter ~4 ethic*|moral*|legal*|illegal*|consequence*|harm*|content", 0.6, JAILBREAK},
	{"illegal|unethical|immoral|harmful|offensive|inappropriate|explicit|dangerous ~3 content|or|and|information|things|activit*|advice|question*", 0.3, JAILBREAK},
	{"openai*|anthropic*|chatgpt*|google* ~3 polic*|guideline*|rules|restrict*|limit*|content|filter*", 0.6, JAILBREAK},
	{"content ~0 polic*|filter*|guideline*|moderation", 0.4, JAILBREAK},
	{"pretend*|act|acting|roleplay*|role ~6 you|as|to|play|be", 0.3, JAILBREAK},
	{"roleplay*|simulat*|immerse|impersonat*|persona|character ~8 you|as|will|who|named|is", 0.3, JAILBREAK},
	{"you ~1 are|will|be ~1 now|going|become|to ~4 play|act|be|pretend|called|named|a|as", 0.3, JAILBREAK},
	{"from ~1 now ~0 on", 0.4, JAILBREAK},
	{"stay|remain|break|staying|breaking|in|keep ~1 in|out|of|your|the ~0 character|role", 0.4, JAILBREAK},
	{"hypothetical*|fictional|fiction ~3 response|story|scenario|world|dialogue|purpose*", 0.15, JAILBREAK},
	{"two|both|2 ~2 response*|answer*|ways|personalities|paragraphs|outputs", 0.5, JAILBREAK},
	{"as|be|respond* ~3 chatgpt|gpt|dan|aim|ai|bot|assistant ~4 and|would|normally|with|without|would|that", 0.3, JAILBREAK},
	{"chatgpt|gpt*|gpt-4", 0.3, JAILBREAK},
	{"fuck*|shit|nsfw|swear*|curse|cursing|profan*|vulgar*|porn*|sexual*|erotic*", 0.3, JAILBREAK},
	{"confirm|understand|understood|acknowledge|agree ~6 say|saying|reply|respond*|with|by|and|only", 0.3, JAILBREAK},
	{"my|first ~1 first|next|prompt|question|request|command ~2 is|will|are", 0.35, JAILBREAK},
	{"i ~0 want ~0 you ~1 to ~1 act|pretend|play|roleplay|be|become|simulate|respond", 0.5, JAILBREAK},
	{"always|must|only|will ~2 answer*|respond*|reply|obey|comply|follow|start|begin ~5 as|in|the|with|every|any|all|question*|me", 0.3, JAILBREAK},
	{"obey|comply|complies|fulfil*|slave|master ~6 any|every|all|me|my|request*|order*|command*|user*", 0.4, JAILBREAK},
	{"token* ~6 lose*|deduct*|die*|points|each|will|remaining|system", 0.5, JAILBREAK},
	{"machiavel*|aim|stan|dude|niccolo|ucar|sam|evil|alphabreak|oppo|anti ~2 bot|gpt|is|mode|confidant|always|stands|will|machiavelli", 0.4, JAILBREAK},
};

/* A rule's sets, taken apart once. `initials` tells most words apart by their first byte: bit c % 64. */
#define SETS_MAX 5
struct word_set {
	const char *text;
	size_t len, gap; /* gap: how many words may stand before it */
	uint64_t initials;
};
static struct {
	struct word_set sets[SETS_MAX];
	size_t count;
} taken_apart[sizeof rules / sizeof rules[0]];
static pthread_once_t rules_once = PTHREAD_ONCE_INIT;

static uint64_t initial_bit(char c)
{
	return UINT64_C(1) << ((unsigned char)c % 64);
}

static uint64_t initials_of(const char *set, size_t len)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < len; i++)
		if (i == 0 || set[i - 1] == '|')
			bits |= initial_bit(set[i]);
	return bits;
}

static void take_rules_apart(void)
{
	for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
		const char *at = rules[r].pattern;
		size_t gap = 0, n = 0;

		while (*at && n < SETS_MAX) {
			size_t len = strcspn(at, " ");

			taken_apart[r].sets[n++] = (struct word_set){at, len, gap, initials_of(at, len)};
			at += len;
			/* " ~N set…" */
			gap = *at ? (size_t)(at[2] - '0') : 0;
			at += *at ? 4 : 0;
		}
		taken_apart[r].count = n;
	}
}

static bool word_fits(const struct word *w, const char *set, size_t set_len)
{
	const char *at = set, *end = set + set_len;

	while (at < end) {
		const char *bar = memchr(at, '|', (size_t)(end - at)), *stop = bar ? bar : end;
		size_t len = (size_t)(stop - at);
		bool open = len && stop[-1] == '*';
		if (open ? w->len >= len - 1 && memcmp(w->lower, at, len - 1) == 0 : w->len == len && memcmp(w->lower, at, len) == 0)
			return true;
		at = stop + 1;
	}
	return false;
}

/* Whether the sets from `sets` on match from word `from` on, the first of them within `gap` more words. */
static bool fits_from(const struct word_set *sets, size_t set_count, const struct word *words, const uint64_t *initials, size_t count,
                      size_t from, size_t gap)
{
	for (size_t i = from; i < count && i <= from + gap; i++) {
		if (!(sets->initials & initials[i]) || !word_fits(&words[i], sets->text, sets->len))
			continue;
		if (set_count == 1 || fits_from(sets + 1, set_count - 1, words, initials, count, i + 1, sets[1].gap))
			return true;
	}
	return false;
}

static size_t letters_only(struct str text, struct word *words)
{
	size_t count = 0;

	if (text.len > TEXT_MAX_BYTES)
		text.len = TEXT_MAX_BYTES;
	while (count < WORDS_MAX && words_next(&text, &words[count]))
		count += words[count].kind == WORD_LETTERS;
	return count;
}

/* Marks that chat formats use and people do not write. */
static double marks(struct str text)
{
	static const char *const signs[] = {"<|im_start|>", "<|im_end|>", "<|system|>", "[INST]", "<<SYS>>", "### Instruction",
		"### System", "</system>", "<system>", "\xf0\x9f\x94\x93"};

	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (memmem(text.ptr, text.len, signs[i], strlen(signs[i])))
			return 0.8;
	return 0;
}

static int severity_of(double sum)
{
	return sum >= 3 ? 7 : sum >= 2 ? 6 : sum >= 1.5 ? 5 : 4;
}

size_t safety_find_attacks(struct str text, struct safety_finding out[2])
{
	static const char *const categories[] = {[JAILBREAK] = "jailbreak", [INJECTION] = "prompt_injection"};
	struct word *words = mem_array(NULL, WORDS_MAX + 1, sizeof *words);
	double sums[2] = {0, text.len ? marks(text) : 0}, heaviest[2] = {0};
	const char *why[2] = {"marks of a chat format", "marks of a chat format"};
	size_t count = letters_only(text, words), found = 0;
	uint64_t initials[WORDS_MAX];

	pthread_once(&rules_once, take_rules_apart);
	for (size_t i = 0; i < count; i++)
		initials[i] = initial_bit(words[i].lower[0]);
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		if (count == 0 || !fits_from(taken_apart[i].sets, taken_apart[i].count, words, initials, count, 0, count))
			continue;
		sums[rules[i].kind] += rules[i].weight;
		if (rules[i].weight > heaviest[rules[i].kind]) {
			heaviest[rules[i].kind] = rules[i].weight;
			why[rules[i].kind] = rules[i].pattern;
		}
	}
	free(words);
	/* long texts touch a rule by chance: what it takes grows slowly with the length */
	for (int kind = JAILBREAK; kind <= INJECTION; kind++) {
		double needed = kind == JAILBREAK ? (count < 60 ? 1.0 : count < 200 ? 1.3 : 1.6) : 1.0;
		if (sums[kind] >= needed)
			out[found++] = (struct safety_finding){categories[kind], severity_of(sums[kind] / needed), why[kind]};
	}
	return found;
}

static bool phrase_at(const char *phrase, const struct word *words, size_t count, size_t from)
{
	while (*phrase) {
		size_t len = strcspn(phrase, " ");
		if (from >= count || !word_fits(&words[from++], phrase, len))
			return false;
		phrase += len + (phrase[len] == ' ');
	}
	return true;
}

static size_t add_finding(struct safety_finding *out, size_t found, size_t cap, const struct safety_block *b)
{
	for (size_t i = 0; i < found; i++)
		if (!strcmp(out[i].category, b->category)) {
			if (b->severity > out[i].severity)
				out[i] = (struct safety_finding){b->category, b->severity, b->phrase};
			return found;
		}
	if (found < cap)
		out[found++] = (struct safety_finding){b->category, b->severity, b->phrase};
	return found;
}

size_t safety_find_blocked(struct str text, const struct safety_block *list, size_t count,
                           struct safety_finding *out, size_t cap)
{
	struct word *words = mem_array(NULL, WORDS_MAX + 1, sizeof *words);
	size_t word_count = letters_only(text, words), found = 0;

	for (size_t b = 0; b < count; b++)
		for (size_t i = 0; i < word_count; i++)
			if (phrase_at(list[b].phrase, words, word_count, i)) {
				found = add_finding(out, found, cap, &list[b]);
				break;
			}
	free(words);
	return found;
}

/* ── a configuration's lists ───────────────────────────────────────────────────────────────── */

#define LISTS_TEXT_MAX_BYTES 8192

struct pattern {
	regex_t compiled;
	struct safety_block means; /* phrase: the pattern's text */
};
struct safety_lists {
	struct safety_block *words;
	struct pattern *patterns;
	size_t word_count, pattern_count, word_cap, pattern_cap;
	struct arena arena;
};

static const char *keep(struct safety_lists *l, const char *text, bool lower)
{
	char *copy = arena_copy(&l->arena, text, strlen(text));

	for (char *c = copy; lower && *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	return copy;
}

static void take_block(struct safety_lists *l, const struct config_block *b)
{
	struct safety_block means = {.category = keep(l, b->category, false), .severity = b->severity};

	for (const char *const *w = b->words; *w; w++) {
		means.phrase = keep(l, *w, true);
		l->words = mem_grow(l->words, &l->word_cap, l->word_count + 1, sizeof *l->words);
		l->words[l->word_count++] = means;
	}
	for (const char *const *p = b->patterns; *p; p++) {
		l->patterns = mem_grow(l->patterns, &l->pattern_cap, l->pattern_count + 1, sizeof *l->patterns);
		means.phrase = keep(l, *p, false);
		l->patterns[l->pattern_count].means = means;
		if (!regcomp(&l->patterns[l->pattern_count].compiled, *p, REG_EXTENDED | REG_ICASE | REG_NOSUB))
			l->pattern_count++;
	}
}

struct safety_lists *safety_lists_new(const struct config_block *blocks, size_t count)
{
	struct safety_lists *l = mem_zalloc(sizeof *l);

	for (size_t i = 0; i < count; i++)
		take_block(l, &blocks[i]);
	return l;
}

void safety_lists_free(struct safety_lists **lists)
{
	struct safety_lists *l = *lists;

	if (!l)
		return;
	for (size_t i = 0; i < l->pattern_count; i++)
		regfree(&l->patterns[i].compiled);
	free(l->patterns);
	free(l->words);
	arena_fini(&l->arena);
	free(l);
	*lists = NULL;
}

size_t safety_lists_find(const struct safety_lists *l, struct str text, struct safety_finding *out, size_t cap)
{
	size_t found = l->word_count ? safety_find_blocked(text, l->words, l->word_count, out, cap) : 0;
	char *copy;

	if (!l->pattern_count || !text.len)
		return found;
	/* A NUL would end the text for regexec(). */
	copy = mem_strndup(text.ptr, text.len < LISTS_TEXT_MAX_BYTES ? text.len : LISTS_TEXT_MAX_BYTES);
	for (size_t i = 0; i < l->pattern_count; i++)
		if (!regexec(&l->patterns[i].compiled, copy, 0, NULL, 0))
			found = add_finding(out, found, cap, &l->patterns[i].means);
	free(copy);
	return found;
}
