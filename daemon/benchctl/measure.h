/* What `run` and `ab` share: the options that say what is measured and how, the request made of them, and staying with
 * the run to its end. */
#ifndef MEASURE_H
#define MEASURE_H

#include "bd_benchctl.h"
#include "registry.h"

#define MEASURE_WHAT                                                                                                   \
	{"threads", 0, BD_OPT_LIST, "N,...", "how many threads call at once", true, 0, 0, BD_WORDS_VALUE},             \
		{"allocator", 0, BD_OPT_LIST, "NAME,...", "what serves malloc: glibc, jemalloc, mimalloc, tcmalloc",   \
			true, 0, 0, BD_WORDS_VALUE},                                                                   \
		{"objalloc", 0, BD_OPT_LIST, "NAME,...", "Python's object allocator: pymalloc, malloc", true, 0, 0,    \
			BD_WORDS_VALUE},                                                                               \
		{"binding", 0, BD_OPT_LIST, "NAME,...",                                                                \
			"how the boundary is crossed: capi, ctypes, or one variant such as capi:fastcall", true, 0, 0, \
			BD_WORDS_VALUE},                                                                               \
		{"python", 0, BD_OPT_LIST, "ID,...", "interpreters, by their ids", true, 0, 0, BD_WORDS_VALUE},        \
		{"axis", 0, BD_OPT_AXIS, "NAME=V1,V2", "values of any axis, for example u=10us or gil=hold", true, 0,  \
			0, BD_WORDS_AXIS},                                                                             \
	{                                                                                                              \
		"case", 0, BD_OPT_LIST, "GLOB,...", "only cases or cells whose name or id matches", true, 0, 0,        \
			BD_WORDS_CASE                                                                                  \
	}

/* budget: what its help says of the default */
#define MEASURE_HOW(budget)                                                                                                \
	{"budget", 0, BD_OPT_SECONDS, "TIME", budget, false, 0, 0, BD_WORDS_NONE},                                         \
		{"precision", 0, BD_OPT_PERCENT, "P%",                                                                     \
			"a cell is done when its interval is no wider than this to either side, for example 1%",           \
			false, 0, 0, BD_WORDS_NONE},                                                                       \
		{"equivalence", 0, BD_OPT_PERCENT, "P%",                                                                   \
			"what counts as no difference, for example 2% (default: 2%, or what this machine can tell apart)", \
			false, 0, 0, BD_WORDS_NONE},                                                                       \
		{"launches", 0, BD_OPT_WHOLE, "N", "processes per configuration, one after the other", false, 1, 1000,     \
			BD_WORDS_NONE},                                                                                    \
		{"rounds", 0, BD_OPT_WHOLE, "N", "rounds in each launch", false, 1, 100000, BD_WORDS_NONE},                \
		{"seed", 0, BD_OPT_WHOLE, "N", "repeats the random orders of an earlier run", false, 0, 0,                 \
			BD_WORDS_NONE},                                                                                    \
		{"trace", 0, BD_OPT_CHOICE, "off|counters|events",                                                         \
			"GIL waits: not traced, added up, or each one with its lines (benchctl trace --run)", false,       \
			0, 0, BD_WORDS_NONE},                                                                              \
		{"label", 0, BD_OPT_PAIR, "K=V", "stored with the run, to find it again", true, 0, 0, BD_WORDS_NONE},      \
		{"env", 0, BD_OPT_PAIR, "K=V",                                                                             \
			"a variable of the measured processes, which get nothing of this shell's", true, 0, 0,             \
			BD_WORDS_NONE},                                                                                    \
		{"wait", 0, BD_OPT_SECONDS, "TIME", "for the machine's turn while another run measures (default 10m)",     \
			false, 0, 0, BD_WORDS_NONE},                                                                       \
		{"dry-run", 0, BD_OPT_FLAG, NULL,                                                                          \
			"only show the cells, the unsupported ones with reasons, and the expected time", false, 0, 0,      \
			BD_WORDS_NONE},                                                                                    \
		{"html", 0, BD_OPT_TEXT, "FILE", "also write the run as one self-contained page to this file", false,      \
			0, 0, BD_WORDS_FILE},                                                                              \
	{                                                                                                                  \
		"detach", 0, BD_OPT_FLAG, NULL, "print the run's id and leave it running", false, 0, 0, BD_WORDS_NONE      \
	}

/* How an ended run is told. */
struct measure_end {
	/* Prints it; the exit status of the printing. */
	int (*print)(const struct bd_ctl *ctl, const struct bd_words *w, const cJSON *json,
		const struct bd_run_document *doc);
	int (*status)(const struct bd_run_document *doc);
	const char *stopping; /* what Ctrl-C is answered with; NULL: of batches */
	const char *what;     /* that failed; NULL: "the run failed: " */
};
/* The table, or with --json the document. */
int measure_print(const struct bd_ctl *ctl, const struct bd_words *w, const cJSON *json,
	const struct bd_run_document *doc);

/* Everything the options say; the rest of rq (initialised) is left alone. */
void measure_request(struct bd_request *rq, const struct bd_words *w);
/* What TARGET says. One that is a suite of benchd.json is what that says, and fills what the options left open. */
struct measure_target {
	char *word;   /* as in the file, or as typed; NULL = a command */
	char *folder; /* where a path begins; NULL = here */
	char *name;   /* of the suite, NULL = none */
};
#define auto_target BD_CLEANUP(measure_target_done)
int measure_target(const struct bd_words *w, struct bd_request *rq, struct measure_target *ret, struct bd_error *err);
void measure_target_done(struct measure_target *t);
/* A Python file is measured with the virtual environment that is active in this shell, on its interpreter, unless another was
 * asked for: what there is not is said. */
int measure_venv(const struct bd_ctl *ctl, struct bd_client *c, struct bd_request *rq, struct bd_registered *targets,
	size_t n, struct bd_error *err);
/* What is wrong with --html is said before anything is started. */
int measure_check(const struct bd_words *w, struct bd_error *err);
/* Asks for the run and does with it what --dry-run, --detach and --html say; the exit status. What was registered for it
 * is kept when the run was accepted. */
int measure(const struct bd_ctl *ctl, const struct bd_words *w, struct bd_client *c, const struct bd_request *rq,
	struct registry *registry, const struct measure_end *end);

#endif
