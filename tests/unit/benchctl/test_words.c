/* The command line as the descriptors say; what is refused is tested through the program (tests/cli). */
#include "bd_benchctl.h"
#include "bd_test.h"

static const struct bd_option options[] = {
	{"threads", 0, BD_OPT_LIST, "N,...", "", true, 0, 0, BD_WORDS_VALUE},
	{"label", 0, BD_OPT_PAIR, "K=V", "", true, 0, 0, BD_WORDS_NONE},
	{"budget", 0, BD_OPT_SECONDS, "TIME", "", false, 0, 0, BD_WORDS_NONE},
	{"launches", 0, BD_OPT_WHOLE, "N", "", false, 1, 10, BD_WORDS_NONE},
	{"detach", 0, BD_OPT_FLAG, NULL, "", false, 0, 0, BD_WORDS_NONE},
};
static const struct bd_command verbs[] = {{.name = "list", .summary = "", .example = ""}};
static const struct bd_command run = {.name = "run",
	.summary = "",
	.example = "",
	.operands = "TARGET",
	.operands_min = 1,
	.operands_max = 2,
	.options = options,
	.options_len = BD_LEN(options)};
static const struct bd_option run_program_options[] = {
	{"precision", 0, BD_OPT_PERCENT, "P%", "", false, 0, 0, BD_WORDS_NONE},
};
static const struct bd_command measure = {.name = "measure",
	.summary = "",
	.example = "",
	.operands = "TARGET",
	.operands_min = 1,
	.operands_max = 1,
	.program = "COMMAND",
	.options = run_program_options,
	.options_len = BD_LEN(run_program_options)};
static const struct bd_command runs = {.name = "runs", .summary = "", .example = "", .verbs = verbs, .verbs_len = 1};
static const struct bd_command *const commands[] = {&run, &runs, &measure};

static int parse(struct bd_words *w, const char *line)
{
	bd_auto_strv struct bd_strv words = {0};
	static char *lines[8][32]; /* borrowed by w, each by its own, until the test ends */
	static size_t n;
	BD_CHECK(n < BD_LEN(lines));
	char **argv = lines[n++];
	bd_strv_split(&words, line, ' ');
	BD_CHECK(words.n < BD_LEN(lines[0]));
	for (size_t i = 0; i < words.n; i++)
		argv[i] = bd_strdup(words.v[i]);
	struct bd_error err;
	return bd_words_parse(commands, BD_LEN(commands), (int)words.n, argv, w, &err);
}

BD_TEST(values_are_found_wherever_they_stand)
{
	bd_auto_words struct bd_words w = {0};
	BD_CHECK_INT(
		parse(&w,
			"benchctl -vv --json run --threads=1,2 suite --threads 2,4 --budget 1.5m --label a=b=c --detach"),
		0);
	BD_CHECK(w.command == &run && !w.parent);
	BD_CHECK_INT(w.operands.n, 1);
	BD_CHECK_STR(w.operands.v[0], "suite");
	bd_auto_strv struct bd_strv threads = {0};
	bd_words_list(&w, "threads", &threads);
	BD_CHECK_INT(threads.n, 3);
	BD_CHECK_STR(threads.v[2], "4");
	BD_CHECK_NEAR(bd_words_seconds(&w, "budget"), 90, 1e-9);
	BD_CHECK(isnan(bd_words_seconds(&w, "wait")));
	BD_CHECK_INT(bd_words_whole(&w, "launches"), BD_NULL_INT);
	BD_CHECK(bd_words_flag(&w, "detach") && bd_words_flag(&w, "json") && !bd_words_flag(&w, "quiet"));
	struct bd_map labels = {0};
	bd_words_pairs(&w, "label", &labels);
	BD_CHECK_INT(labels.n, 1);
	BD_CHECK_STR(bd_map_get(&labels, "a"), "b=c");
	bd_map_done(&labels);
}

BD_TEST(the_last_of_a_single_value_counts)
{
	bd_auto_words struct bd_words w = {0};
	BD_CHECK_INT(parse(&w, "benchctl run x --launches 2 --launches=3"), 0);
	BD_CHECK_INT(bd_words_whole(&w, "launches"), 3);
}

BD_TEST(words_after_two_dashes_are_operands)
{
	bd_auto_words struct bd_words w = {0};
	BD_CHECK_INT(parse(&w, "benchctl run -- --detach -v"), 0);
	BD_CHECK_INT(w.operands.n, 2);
	BD_CHECK(!bd_words_flag(&w, "detach"));
}

BD_TEST(words_after_two_dashes_are_a_command_where_one_is_taken)
{
	bd_auto_words struct bd_words w = {0}, none = {0}, both = {0};
	BD_CHECK_INT(parse(&w, "benchctl measure --precision 1% -- sleep --precision -- 1"), 0);
	BD_CHECK_INT(w.operands.n, 0);
	BD_CHECK_INT(w.program.n, 4);
	BD_CHECK_STR(w.program.v[1], "--precision");
	BD_CHECK_STR(w.program.v[2], "--");
	BD_CHECK_NEAR(bd_words_part(&w, "precision"), 0.01, 1e-12);
	BD_CHECK(isnan(bd_words_part(&w, "equivalence")));
	BD_CHECK(parse(&none, "benchctl measure --") < 0);
	BD_CHECK(parse(&both, "benchctl measure suite -- sleep") < 0);
}

BD_TEST(percentages)
{
	double part = -1;
	BD_CHECK_INT(bd_percent_parse("2.5%", &part), 0);
	BD_CHECK_NEAR(part, 0.025, 1e-12);
	BD_CHECK_INT(bd_percent_parse("100%", &part), 0);
	part = -1;
	static const char *const wrong[] = {"", "%", "1", "1 %", "0%", "-1%", "+1%", "101%", "1%%", "nan%", "inf%",
		"0x1%"};
	for (size_t i = 0; i < BD_LEN(wrong); i++)
		if (bd_percent_parse(wrong[i], &part) == 0)
			BD_FAIL("'%s' was taken", wrong[i]);
	BD_CHECK_NEAR(part, -1, 0);
}

BD_TEST(a_verb_has_its_parent)
{
	bd_auto_words struct bd_words w = {0};
	BD_CHECK_INT(parse(&w, "benchctl runs list"), 0);
	BD_CHECK(w.command == &verbs[0] && w.parent == &runs);
	bd_auto_free char *title = bd_words_title(&w);
	BD_CHECK_STR(title, "runs list");
}

BD_TEST(times)
{
	static const struct {
		const char *text;
		double seconds;
	} good[] = {{"30s", 30}, {"30", 30}, {"500ms", 0.5}, {"10m", 600}, {"10min", 600}, {"1.5h", 5400}, {"0", 0}};
	static const char *const bad[] = {"", "s", "-1s", "+1s", "1 s", "1d", "inf", "nan", "0x10", "1e400", " 1",
		"1ss", "."};
	double s;
	for (size_t i = 0; i < BD_LEN(good); i++) {
		BD_CHECK_INT(bd_seconds_parse(good[i].text, &s), 0);
		BD_CHECK_NEAR(s, good[i].seconds, 1e-9);
	}
	for (size_t i = 0; i < BD_LEN(bad); i++)
		if (bd_seconds_parse(bad[i], &s) == 0)
			BD_FAIL("'%s' was taken as a time", bad[i]);
}

BD_TEST_MAIN
