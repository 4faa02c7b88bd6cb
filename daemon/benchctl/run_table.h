/* The parts of a run's table: inside benchctl's output only. */
#ifndef BD_RUN_TABLE_H
#define BD_RUN_TABLE_H

#include "bd_benchctl.h"

/* The lines above a table: what it is, what is the same in all its rows (may be NULL), the machine. */
void bd_run_header(const struct bd_run_document *doc, const struct bd_screen *s, size_t cells, const char *same,
	struct bd_str *out);
/* A run of two sides or two runs side by side, as a whole. */
bool bd_run_has_sides(const struct bd_run_document *doc);
void bd_sides_table(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out);
/* Everything below the rows: what the ratios refer to, noise, what was not measured and why, times, the run's id. */
void bd_run_notes(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out);
void bd_run_about(const struct bd_run_document *doc, const struct bd_screen *s,
	struct bd_str *out); /* only its id, times */
/* A stored check. */
bool bd_run_is_check(const struct bd_run_document *doc);
void bd_check_table(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out);
/* "AMD EPYC, 2 processors, Linux 6.1 …" from the environment of a document. */
void bd_run_machine(const cJSON *environment, struct bd_str *out);
/* One note: a short label, then text with a hanging indent. */
void bd_note_put(struct bd_str *out, const struct bd_screen *s, const char *label, enum bd_style style,
	const char *text);

#endif
