/* The BPF object: loaded once, attached only while somebody is traced, so that an idle tracer costs nothing. */
#ifndef BD_TRACER_PROBE_H
#define BD_TRACER_PROBE_H

#include "bd_base.h"
#include "probe_types.h"

struct bd_probe;

/* Errors: no-bpf-rights, no-btf, tracer-failed. */
int bd_probe_load(struct bd_probe **ret, struct bd_error *err);
void bd_probe_free(struct bd_probe **p);

/* Attaches when it is not attached, and then has a child of ours wait once on a known futex: not seeing exactly that
 * wait is tracer-blind, and leaves it off. */
int bd_probe_on(struct bd_probe *p, struct bd_error *err);
void bd_probe_off(struct bd_probe *p);

/* The mapped elements of one target. Clear writes zeros to both; nobody may be marked with it. */
struct bd_probe_target *bd_probe_target(struct bd_probe *p, unsigned i);
struct bd_probe_counters *bd_probe_counters(struct bd_probe *p, unsigned i);
void bd_probe_clear(struct bd_probe *p, unsigned i);

/* From now on (until unmarked or its end) the process of this pidfd is target i. 0 or -errno. */
int bd_probe_mark(struct bd_probe *p, int pidfd, unsigned i);
void bd_probe_unmark(struct bd_probe *p, int pidfd);

/* A copy in which the counters fit together, though the thread may be running. */
void bd_probe_read_thread(const struct bd_probe_thread *th, struct bd_probe_thread *ret);

#endif
