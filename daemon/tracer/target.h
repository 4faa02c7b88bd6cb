/* Traced processes: who may be traced, attaching, and the counters since the previous read. */
#ifndef BD_TRACER_TARGET_H
#define BD_TRACER_TARGET_H

#include "bd_tracer.h"
#include "probe.h"

struct bd_targets;

/* probe is borrowed; the ends of processes become readable at epoll. */
struct bd_targets *bd_targets_new(struct bd_probe *probe, int epoll);
void bd_targets_free(struct bd_targets **t);

/* As bd_tracer_attach. The probe is switched on for the first target and off after the last. */
int bd_targets_attach(struct bd_targets *t, pid_t pid, int *ret_target, struct bd_error *err);
int bd_targets_detach(struct bd_targets *t, int target, struct bd_error *err);
int bd_targets_gils(struct bd_targets *t, int target, struct bd_tracer_gil *ret, size_t max, size_t *ret_len,
	struct bd_error *err);
/* *ret must be zeroed or hold an earlier reading. */
int bd_targets_read(struct bd_targets *t, int target, struct bd_tracer_reading *ret, struct bd_error *err);

/* ---- level events: as the functions of bd_tracer.h */
int bd_targets_await(struct bd_targets *t, pid_t pid, int *ret_target, struct bd_error *err);
int bd_targets_info(struct bd_targets *t, int target, struct bd_tracer_info *ret, struct bd_error *err);
int bd_targets_pause(struct bd_targets *t, bool paused, struct bd_error *err);
uint32_t bd_targets_alive(const struct bd_targets *t);
uint32_t bd_targets_change(const struct bd_targets *t);

/* Looks after the targets where it is due; gives the time of the next look, INT64_MAX when there is nothing to look at. */
int64_t bd_targets_look(struct bd_targets *t, int64_t now_ns);
/* Has what the probes still sum up told: before records are drained. `now`: of all, whatever that costs. */
void bd_targets_tell(struct bd_targets *t, bool now);
/* What was drained: after some records it is time to look. */
void bd_targets_heard(struct bd_targets *t, const struct bd_records *records);

#endif
