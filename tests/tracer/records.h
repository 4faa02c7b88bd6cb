/* Level events as text: one line of JSON per record. */
#ifndef BD_TESTS_RECORDS_H
#define BD_TESTS_RECORDS_H

#include "bd_tracer.h"

/* Until the time is over, standard input ends or no target is left; then a line with what was lost. Lines `pause` and
 * `resume` on standard input are obeyed. */
int print_records(struct bd_tracer *t, double seconds, struct bd_error *err);
void print_info(int target, const struct bd_tracer_info *info);

#endif
