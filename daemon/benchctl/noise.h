/* What the machine sees where there is nothing to see: `benchctl doctor --noise`. */
#ifndef NOISE_H
#define NOISE_H

#include "bd_benchctl.h"

#define NOISE_SUITE "noise"
#define NOISE_LEAST_S 5.0 /* under which six launches do not fit */

/* Measures for so long and tells; the exit status. */
int noise_measure(const struct bd_ctl *ctl, const struct bd_words *w, double seconds);
/* The same code against itself in a finished run: the document (schema benchd.noise.v1), with one paragraph in words. */
cJSON *noise_document(const struct bd_run_document *doc);
void noise_text(const cJSON *document, const struct bd_screen *s, struct bd_str *out);

#endif
