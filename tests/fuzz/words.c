/* Command lines: one word per line of the input, every kind of option there is. */
#include "bd_fuzz.h"
#include "bd_benchctl.h"

static const struct bd_option options[] = {
	{"threads", 0, BD_OPT_LIST, "N,...", "", true, 0, 0, BD_WORDS_VALUE},
	{"label", 0, BD_OPT_PAIR, "K=V", "", true, 0, 0, BD_WORDS_NONE},
	{"axis", 0, BD_OPT_AXIS, "NAME=V,...", "", true, 0, 0, BD_WORDS_AXIS},
	{"budget", 0, BD_OPT_SECONDS, "TIME", "", false, 0, 0, BD_WORDS_NONE},
	{"launches", 'n', BD_OPT_WHOLE, "N", "", false, 1, 10, BD_WORDS_NONE},
	{"trace", 0, BD_OPT_CHOICE, "off|counters", "", false, 0, 0, BD_WORDS_NONE},
	{"name", 0, BD_OPT_TEXT, "NAME", "", false, 0, 0, BD_WORDS_FILE},
	{"detach", 0, BD_OPT_FLAG, NULL, "", false, 0, 0, BD_WORDS_NONE},
};
static const struct bd_command verbs[] = {{.name = "list", .summary = "s", .example = "e"}};
static const struct bd_command run = {.name = "run",
	.summary = "s",
	.example = "e",
	.operands = "TARGET",
	.operands_min = 1,
	.operands_max = 2,
	.words = BD_WORDS_TARGET,
	.options = options,
	.options_len = BD_LEN(options)};
static const struct bd_command runs = {.name = "runs", .summary = "s", .example = "e", .verbs = verbs, .verbs_len = 1};
static const struct bd_command *const commands[] = {&run, &runs};

void bd_fuzz_begin(void)
{
}

static void look(const struct bd_words *w)
{
	for (size_t i = 0; i < BD_LEN(options); i++) {
		bd_auto_strv struct bd_strv list = {0};
		struct bd_map pairs = {0};
		const char *name = options[i].name;
		double s;
		switch (options[i].kind) {
		case BD_OPT_LIST:
			bd_words_list(w, name, &list);
			for (size_t k = 0; k < list.n; k++)
				BD_FUZZ_CHECK(list.v[k][0]);
			break;
		case BD_OPT_PAIR:
		case BD_OPT_AXIS:
			bd_words_pairs(w, name, &pairs);
			for (size_t k = 0; k < pairs.n; k++)
				BD_FUZZ_CHECK(pairs.v[k].key[0]);
			bd_map_done(&pairs);
			break;
		case BD_OPT_SECONDS:
			s = bd_words_seconds(w, name);
			BD_FUZZ_CHECK(isnan(s) || (s >= 0 && isfinite(s)));
			break;
		case BD_OPT_WHOLE: {
			int64_t v = bd_words_whole(w, name);
			BD_FUZZ_CHECK(v == BD_NULL_INT || (v >= 1 && v <= 10));
			break;
		}
		default:
			bd_words_flag(w, name);
			bd_words_text(w, name);
		}
	}
}

static void offers(enum bd_words_kind kind, const char *axis, const char *target, struct bd_offers *ret)
{
	BD_FUZZ_CHECK(kind == BD_WORDS_VALUE || kind == BD_WORDS_AXIS || kind == BD_WORDS_TARGET);
	bd_offers_add(ret, axis ? axis : "gil-contention", target);
	bd_offers_add(ret, "1", NULL);
}

/* What the last word can become begins with it. */
static void complete(const struct bd_strv *words)
{
	struct bd_offers found = {0};
	bd_complete(commands, BD_LEN(commands), words, offers, &found);
	for (size_t i = 0; i < found.n; i++)
		BD_FUZZ_CHECK(words->n && bd_starts_with(found.v[i].word, words->v[words->n - 1]));
	bd_offers_done(&found);
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	bd_auto_free char *text = bd_fuzz_text(data, len);
	bd_auto_strv struct bd_strv words = {0};
	bd_strv_add(&words, "benchctl");
	bd_strv_split(&words, text, '\n');
	bd_auto_free char **argv = bd_strv_argv(&words);
	bd_auto_words struct bd_words w = {0};
	struct bd_error err = {0};
	if (bd_words_parse(commands, BD_LEN(commands), (int)words.n, argv, &w, &err) < 0)
		BD_FUZZ_CHECK(err.key[0] && err.message[0]);
	else if (w.command)
		look(&w);
	bd_auto_free char *title = bd_words_title(&w);
	BD_FUZZ_CHECK(title[0]);
	const struct bd_strv typed = {words.v + 1, words.n - 1};
	complete(&typed);
	int64_t ns;
	double s;
	if (bd_duration_parse(text, &ns) == 0)
		BD_FUZZ_CHECK(ns >= 0);
	if (bd_seconds_parse(text, &s) == 0)
		BD_FUZZ_CHECK(s >= 0 && isfinite(s));
}
