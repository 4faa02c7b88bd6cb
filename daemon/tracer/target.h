/* Traced processes: who may be traced, attaching, and the counters since the previous read. */
#ifndef BD_TRACER_TARGET_H
#define BD_TRACER_TARGET_H

#include "bd_tracer.h"
#include "probe.h"

struct bd_targets;

struct bd_targets *bd_targets_new(struct bd_probe *probe); /* probe is borrowed */
void bd_targets_free(struct bd_targets **t);

/* As bd_tracer_attach. The probe is switched on for the first target and off after the last. */
int bd_targets_attach(struct bd_targets *t, pid_t pid, int *ret_target, struct bd_error *err);
int bd_targets_detach(struct bd_targets *t, int target, struct bd_error *err);
int bd_targets_gils(struct bd_targets *t, int target, struct bd_tracer_gil *ret, size_t max, size_t *ret_len,
	struct bd_error *err);
/* *ret must be zeroed or hold an earlier reading. */
int bd_targets_read(struct bd_targets *t, int target, struct bd_tracer_reading *ret, struct bd_error *err);

#endif
