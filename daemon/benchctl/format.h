/* The verdicts of ab, compare and gate in the forms that people and their tools take: a table, Markdown for a pull
 * request, JUnit XML for a CI server, the document itself. */
#ifndef FORMAT_H
#define FORMAT_H

#include "bd_benchctl.h"

#define FORMAT_OPTION                                                                                                \
	{                                                                                                            \
		"format", 0, BD_OPT_CHOICE, "table|markdown|junit|json",                                             \
			"for people, for a pull request, for a CI server, or for programs (as --json)", false, 0, 0, \
			BD_WORDS_NONE                                                                                \
	}

enum format { FORMAT_TABLE, FORMAT_MARKDOWN, FORMAT_JUNIT, FORMAT_JSON };
enum format format_of(const struct bd_ctl *ctl, const struct bd_words *w);
/* usage when --json and --format do not agree. */
int format_check(const struct bd_ctl *ctl, const struct bd_words *w, struct bd_error *err);

/* ---- one form for all three ------------------------------------------------------------------------------------- */

enum outcome { OUTCOME_GOOD, OUTCOME_BAD, OUTCOME_UNDECIDED, OUTCOME_BROKEN, OUTCOME_LEFT_OUT };
struct row {
	char *id, *label;          /* unique · for people */
	char *verdict;             /* a word or two */
	enum outcome outcome;      /* broken: no figures, though there should be */
	double before_ns, time_ns; /* of the two sides; NAN = unknown */
	double ratio, lo, hi, limit;
	char *message; /* why, NULL = nothing to add */
};
struct rows {
	char *title, *heading, *run, *started;
	char *summary;  /* a paragraph, NULL = the heading says it */
	char *names[2]; /* of the two sides, NULL = unknown */
	char *noise;    /* a sentence, NULL = none */
	double wall_s;
	struct row *v;
	size_t n;
};
void rows_done(struct rows *r);
#define auto_rows BD_CLEANUP(rows_done)
/* Of a run with two sides, or a comparison of two runs. */
void rows_of_run(const struct bd_run_document *doc, struct rows *ret);
/* The same against limits: what a gate (schema benchd.gate.v1) says of this document. */
void rows_of_gate(const struct bd_run_document *doc, const cJSON *gate, struct rows *ret);
/* How many rows ended so. */
size_t rows_count(const struct rows *r, enum outcome outcome);
/* 1: something is slower than it may be; 2: that could not be decided; 0: neither. */
int rows_status(const struct rows *r);

/* Of a gate, whose verdict comes first. */
void rows_table(const struct rows *r, const struct bd_screen *s, struct bd_str *out);
void rows_markdown(const struct rows *r, struct bd_str *out);
void rows_junit(const struct rows *r, struct bd_str *out);
char *rows_ratio(const struct row *r); /* "1.012× [1.004, 1.020]", "–"; caller frees */

/* ---- ab and compare ---------------------------------------------------------------------------------------------- */

/* For struct measure_end. */
int format_run(const struct bd_ctl *ctl, const struct bd_words *w, const cJSON *json,
	const struct bd_run_document *doc);
int format_status(const struct bd_run_document *doc);

#endif
