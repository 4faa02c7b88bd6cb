/* bd_benchctl: what every subcommand of benchctl is made of: descriptors of commands and options, the parsed command
 * line, and what people see (text, grids, the table of a run, the live line). A subcommand is one file in commands/
 * and one word in the list of CMakeLists.txt. */
#ifndef BD_BENCHCTL_H
#define BD_BENCHCTL_H

#include "bd_client.h"
#include "bd_model.h"

/* ---- descriptors ---------------------------------------------------------------------------------------- */

enum bd_option_kind {
	BD_OPT_FLAG,
	BD_OPT_TEXT,
	BD_OPT_WHOLE,   /* a whole number from min to max */
	BD_OPT_SECONDS, /* "30s", "500ms", "10m", "1.5h"; a bare number is seconds */
	BD_OPT_PERCENT, /* "1%", "0.5%": more than 0, at most 100 */
	BD_OPT_LIST,    /* "A,B"; empty entries are refused */
	BD_OPT_PAIR,    /* "K=V" */
	BD_OPT_AXIS,    /* "NAME=V1,V2" */
	BD_OPT_CHOICE,  /* one of the words of `argument`, which are separated by '|' */
};

/* What words fit, for shells that complete them. */
enum bd_words_kind {
	BD_WORDS_NONE, /* nothing that could be known */
	BD_WORDS_FILE,
	BD_WORDS_TARGET, /* a suite or a case */
	BD_WORDS_SUITE,
	BD_WORDS_CASE,
	BD_WORDS_RUN,
	BD_WORDS_TRACE,   /* a stored one */
	BD_WORDS_AXIS,    /* the name of one, and then its values */
	BD_WORDS_VALUE,   /* of the axis that has the option's name */
	BD_WORDS_COMMAND, /* of this program, and then its verb */
};

struct bd_option {
	const char *name; /* without the dashes */
	char letter;      /* 0 = has none */
	enum bd_option_kind kind;
	const char *argument; /* as help shows it; NULL for a flag */
	const char *summary;
	bool repeat;              /* may be given several times and adds up; else the last one counts */
	int64_t min, max;         /* of BD_OPT_WHOLE; max 0 = no limit below 2^53 */
	enum bd_words_kind words; /* its values; those of BD_OPT_CHOICE are in `argument` */
};

struct bd_ctl;
struct bd_words;

struct bd_command {
	const char *name, *summary;
	const char *operands; /* "TARGET", "[NAME]"; NULL = takes none */
	size_t operands_min, operands_max;
	const char *
		program; /* "COMMAND [ARG...]" may follow --, in place of the operands; NULL = -- ends the options only */
	enum bd_words_kind words; /* what operands can be */
	const char *details;      /* paragraphs separated by empty lines, wrapped when shown; may be NULL */
	const struct bd_option *options;
	size_t options_len;
	const char *example;            /* one command line that works */
	const struct bd_command *verbs; /* `runs list`: the verbs of `runs`; then run is NULL */
	size_t verbs_len;
	int (*run)(struct bd_ctl *ctl, const struct bd_words *words); /* exit status */
};
extern const struct bd_command *const bd_command_table[]; /* written from the list in CMakeLists.txt */
extern const size_t bd_command_table_len;

extern const struct bd_option bd_global_options[]; /* accepted before and after the command */
extern const size_t bd_global_options_len;
/* An option of a command (may be NULL) or of all, by its name or (name NULL) its letter; NULL when there is none. */
const struct bd_option *bd_option_find(const struct bd_command *c, const char *name, size_t len, char letter);

/* ---- the parsed command line ------------------------------------------------------------------------------ */

struct bd_word {
	const struct bd_option *option;
	const char *value; /* NULL for a flag; borrowed from argv */
};
struct bd_words {
	const struct bd_command *command; /* with its verb: the verb */
	const struct bd_command *parent;  /* the command of a verb, else NULL */
	struct bd_word *v;
	size_t n;
	struct bd_strv operands;
	struct bd_strv program; /* what follows --, of a command that takes one */
	bool help;
};
void bd_words_done(struct bd_words *w);
#define bd_auto_words BD_CLEANUP(bd_words_done)
/* Parses argv[1..]. Words are checked against their descriptors; unknown ones are refused with the nearest valid word
 * (key usage). No command at all leaves ret->command NULL. ret is to be freed after a failure too: it then says which
 * command was meant. */
int bd_words_parse(const struct bd_command *const *commands, size_t commands_len, int argc, char *const *argv,
	struct bd_words *ret, struct bd_error *err);
const char *bd_words_text(const struct bd_words *w, const char *name); /* the last value; NULL when not given */
bool bd_words_flag(const struct bd_words *w, const char *name);
int64_t bd_words_whole(const struct bd_words *w, const char *name);                  /* BD_NULL_INT when not given */
double bd_words_seconds(const struct bd_words *w, const char *name);                 /* NAN when not given */
double bd_words_part(const struct bd_words *w, const char *name);                    /* 1% = 0.01; NAN when not given */
void bd_words_list(const struct bd_words *w, const char *name, struct bd_strv *ret); /* all entries, each once */
void bd_words_pairs(const struct bd_words *w, const char *name, struct bd_map *ret);
/* "30s" → seconds; -EINVAL. */
int bd_seconds_parse(const char *s, double *ret);
/* "1%" → 0.01; -EINVAL. */
int bd_percent_parse(const char *s, double *ret);
/* "run" or "runs list" */
char *bd_words_title(const struct bd_words *w);

/* Help texts, wrapped at 80 columns. */
void bd_help_overview(const struct bd_command *const *commands, size_t n, struct bd_str *out);
void bd_help_command(const struct bd_command *command, const struct bd_command *parent, struct bd_str *out);
/* Manual pages: benchctl(1), and one for each command with its verbs. */
void bd_manual_overview(const struct bd_command *const *commands, size_t n, const char *version, struct bd_str *out);
void bd_manual_command(const struct bd_command *command, const char *version, struct bd_str *out);

/* ---- completion ------------------------------------------------------------------------------------------------ */

struct bd_offer {
	char *word, *about;
};
struct bd_offers {
	struct bd_offer *v;
	size_t n;
	bool files; /* names of files fit, which the shell knows best */
};
void bd_offers_add(struct bd_offers *o, const char *word, const char *about); /* each word once; about may be NULL */
void bd_offers_done(struct bd_offers *o);
/* Adds all words of a kind: for BD_WORDS_VALUE of this axis, for a run of this target (may be NULL). */
typedef void (*bd_offer_fn)(enum bd_words_kind kind, const char *axis, const char *target, struct bd_offers *ret);
void bd_offers_here(enum bd_words_kind kind, const char *axis, const char *target, struct bd_offers *ret);
/* What the last of the words (those after the program's name) can become. */
void bd_complete(const struct bd_command *const *commands, size_t commands_len, const struct bd_strv *words,
	bd_offer_fn source, struct bd_offers *ret);

/* ---- what is written where ---------------------------------------------------------------------------------- */

struct bd_screen {
	bool terminal, colour, utf8;
	bool verbose; /* -v: tables may have more columns */
	size_t width; /* columns; of something that is no terminal: $COLUMNS, else wide enough for everything */
};
enum bd_colour_choice { BD_COLOUR_AUTO, BD_COLOUR_ALWAYS, BD_COLOUR_NEVER };
void bd_screen_init(struct bd_screen *s, int fd, enum bd_colour_choice choice);
size_t bd_screen_width(int fd); /* of a terminal, now; 0 when fd is none */

enum bd_style { BD_PLAIN, BD_BOLD, BD_DIM, BD_RED, BD_YELLOW, BD_GREEN };
/* Appends text in a style, in the characters the screen has. */
void bd_put(struct bd_str *out, const struct bd_screen *s, enum bd_style style, const char *text);
void bd_putf(struct bd_str *out, const struct bd_screen *s, enum bd_style style, const char *fmt, ...) BD_PRINTF(4, 5);
/* Plain text wrapped to the screen; as bd_text_wrap. */
void bd_put_wrapped(struct bd_str *out, const struct bd_screen *s, const char *text, size_t indent, size_t start);

struct bd_ctl {
	const char *server; /* --server, else NULL */
	bool json;
	int verbosity; /* -1 quiet, 0, 1 … */
	struct bd_screen out, err;
};
/* Connects as the global options say. Errors as bd_client_connect. */
int bd_ctl_connect(const struct bd_ctl *ctl, const char *idle_exit, struct bd_client **ret, struct bd_error *err);
/* One GET of a connection made for it. */
int bd_ctl_get(const struct bd_ctl *ctl, const char *path, cJSON **ret, struct bd_error *err);
/* path, and ?name=value (percent-encoded) when value is not NULL; a path that has a query already gets &. Caller frees. */
char *bd_ctl_path(const char *path, const char *name, const char *value);
/* Prints "benchctl: message (hint)" and gives the exit status of the key. */
int bd_ctl_fail(const struct bd_ctl *ctl, const struct bd_error *err);
/* A message on standard error, unless -q. */
void bd_ctl_note(const struct bd_ctl *ctl, const char *fmt, ...) BD_PRINTF(2, 3);
/* The answer, on standard output. Returns 0, or the exit status when it could not be written. A reader that has gone
 * away ends the program quietly. */
int bd_ctl_answer(const struct bd_ctl *ctl, const char *text);
int bd_ctl_answer_json(const struct bd_ctl *ctl, const cJSON *json); /* indented on a terminal, else one line */
/* A document: as JSON when that was asked for, else as the text that report makes of it. */
int bd_ctl_answer_document(const struct bd_ctl *ctl, const cJSON *document,
	void (*report)(const cJSON *document, const struct bd_screen *s, struct bd_str *out));
/* Answers with a part of an interpreter's catalogue (GET path, option --python): as JSON, or as the table made of it. */
typedef void (*bd_catalogue_table)(const struct bd_ctl *ctl, const struct bd_catalogue *c, struct bd_str *out);
int bd_ctl_catalogue(struct bd_ctl *ctl, const struct bd_words *w, const char *path, bd_catalogue_table table);
/* {NAME: rows} of a listing that comes in pages, newest first, at most limit; path may have filters already. */
int bd_ctl_rows(struct bd_client *c, const char *path, const char *name, size_t limit, cJSON **ret,
	struct bd_error *err);
/* How many rows have an id that begins so ("": all); ret_id: the last of them, borrowed from rows. */
size_t bd_ctl_row_of(const cJSON *rows, const char *begin, const char **ret_id);
/* Rows of stored runs, newest first, filtered by the options suite, state and label of w (may be NULL). */
int bd_ctl_runs(struct bd_client *c, const struct bd_words *w, size_t limit, cJSON **ret, struct bd_error *err);
/* An id (not looked up), the beginning of one that only one run has, "latest", or the label "K=V" of the newest → the id;
 * caller frees. */
int bd_ctl_run_id(struct bd_client *c, const char *word, char **ret, struct bd_error *err);
char *bd_ctl_run_path(const char *id, const char *tail); /* "/api/v1/runs/ID" and tail; caller frees */
/* 0 when the daemon serves one, else dashboard-off with its reason. */
int bd_ctl_dashboard(struct bd_client *c, struct bd_error *err);
/* A run as one self-contained page of HTML. */
int bd_page_get(struct bd_client *c, const char *id, struct bd_str *ret, struct bd_error *err); /* caller frees */
/* The file that would be replaced: what a link leads to, else the name itself; caller frees. Never a device, a pipe or a folder. */
int bd_page_target(const char *file, char **ret, struct bd_error *err);
/* Whether it could be written to this file: to be asked before a long run. */
int bd_page_check(const char *file, struct bd_error *err);
/* Writes it, whole or not at all. */
int bd_page_write(struct bd_client *c, const char *id, const char *file, struct bd_error *err);
/* Everything to fd: 0 or -errno. */
int bd_write_all(int fd, const char *text, size_t len);

/* ---- text ------------------------------------------------------------------------------------------------------ */

size_t bd_text_width(const char *s); /* columns on the screen */
/* The text in characters the screen has; caller frees. Control characters become '?'. */
char *bd_text_for(const struct bd_screen *s, const char *text);
/* Appends words of text, broken at width, each line but the first indented by `indent`; the first is taken to start at
 * column `start`. No newline at the end. */
void bd_text_wrap(struct bd_str *out, const char *text, size_t width, size_t indent, size_t start);
char *bd_text_cut(const char *s, size_t width, bool utf8); /* at most width columns, with an ellipsis; caller frees */
/* All give text the caller frees; a null (NAN, BD_NULL_INT) is "–". */
char *bd_text_count(double x);      /* "192 k", "9.94 k", "1.21 M": three digits and an SI prefix */
char *bd_text_seconds(double s);    /* "0.8 s", "41.2 s", "2 min 5 s", "3 h 20 min" */
char *bd_text_percent(double part); /* 0.497 → "50 %", 0.021 → "2.1 %" */
char *bd_text_ratio(double r);      /* "1.012×" */
char *bd_text_half_width(double median, double lo, double hi); /* "±0.4 %", the larger side */
char *bd_text_map(const struct bd_map *m);                     /* "k=v k=v" */
/* One unit and one number of decimals for a set of durations, so that their columns line up. */
struct bd_scale {
	const char *unit; /* "ns", "µs", "ms", "s" */
	double ns;        /* of one unit */
	int decimals;
};
struct bd_scale bd_scale_for(double smallest_ns, double largest_ns);
char *bd_scale_text(const struct bd_scale *s, double ns); /* "201.3 µs" */

/* ---- grids: rows and columns that fit the screen ------------------------------------------------------------------ */

struct bd_grid_column {
	const char *title;
	bool right;     /* numbers */
	bool tight;     /* belongs to the column before it: one space between them */
	bool flexible;  /* long text: wrapped into what the others leave */
	int importance; /* columns with the highest number go first when the screen is narrow; 0 stays */
};
struct bd_grid;
#define bd_auto_grid BD_CLEANUP(bd_grid_free)
struct bd_grid *bd_grid_new(const struct bd_screen *s);
void bd_grid_free(struct bd_grid **g);
size_t bd_grid_column(struct bd_grid *g, struct bd_grid_column c); /* title is copied */
void bd_grid_row(struct bd_grid *g);
void bd_grid_heading(struct bd_grid *g, const char *text); /* a line of its own, an empty one before it */
void bd_grid_set(struct bd_grid *g, size_t column, enum bd_style style, const char *fmt, ...) BD_PRINTF(4, 5);
/* Text in place of this column and all that follow. */
void bd_grid_span(struct bd_grid *g, size_t column, enum bd_style style, const char *fmt, ...) BD_PRINTF(4, 5);
/* Empty columns are left out. */
void bd_grid_print(struct bd_grid *g, struct bd_str *out);

/* ---- documents for people ------------------------------------------------------------------------------------------ */

/* The table of a run; doc is not changed. */
void bd_run_table(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out);
void bd_runs_table(const struct bd_run_list *l, const struct bd_screen *s, struct bd_str *out);
void bd_plan_table(const struct bd_plan_document *doc, const struct bd_screen *s, struct bd_str *out);
/* 0 when complete without an invalid or failed cell; else 2, or what a failed run's reason says. */
int bd_run_exit(const struct bd_run_document *doc);
bool bd_run_ended(const char *state);

/* Which axes differ among cells: names in the fixed order. */
void bd_axes_varying(const struct bd_axes *const *axes, size_t n, struct bd_strv *ret);
/* Whether what is the same everywhere is still worth a word: most axes at their default are not. */
bool bd_axis_worth_naming(const char *axis, const char *value);
/* "threads=2 gil=hold": the axes that differ among the cells of its case, after the name of the case unless that is the
 * suite's own. Caller frees. */
char *bd_cell_label(const struct bd_run_document *doc, const struct bd_cell_result *cell);

/* ---- the live line ---------------------------------------------------------------------------------------------------- */

struct bd_live;
#define bd_auto_live BD_CLEANUP(bd_live_free)
/* Starts to show progress of a run on standard error: a rewritten line on a terminal, else one line per 10 s; nothing
 * with -q. doc: as it was when the run was accepted, for the names of its cells. */
struct bd_live *bd_live_new(const struct bd_ctl *ctl, const struct bd_run_document *doc);
void bd_live_event(struct bd_live *l, const char *type, const cJSON *data);
void bd_live_note(struct bd_live *l, const char *fmt, ...) BD_PRINTF(2, 3); /* a line that stays */
void bd_live_free(struct bd_live **l);                                      /* takes the line away */

#endif
