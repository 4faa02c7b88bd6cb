#ifndef BD_TRACER_SELF_TEST_H
#define BD_TRACER_SELF_TEST_H

#include "bd_base.h"

struct bd_probe;
/* A child waits once on a futex inside a GIL made up for it. 0 when exactly that was seen, else tracer-blind. */
int bd_self_test(struct bd_probe *p, struct bd_error *err);

#endif
