/* What the two halves of V6 share. */
#ifndef BD_LEAKS_H
#define BD_LEAKS_H

#include "bd_bench.h"

/* Bytes malloc has given, after a collection; BD_NULL_INT = it cannot say. */
int64_t bd_leaks_look(const struct bd_team *team);
/* checks_steps.c: what did not grow in every batch, and still with the number of operations. */
bool bd_check_steps(struct bd_bench_cell *c);

#endif
