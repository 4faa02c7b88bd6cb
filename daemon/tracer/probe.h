/* The BPF object of a level: loaded once, attached only while somebody is traced, so that an idle tracer costs nothing. */
#ifndef BD_TRACER_PROBE_H
#define BD_TRACER_PROBE_H

#include "bd_base.h"
#include "bd_tracer.h"
#include "probe_types.h"

#define BD_PROBE_SELF_TEST (BD_PROBE_TARGETS - 1) /* never given to a target */

struct bd_probe;

/* Errors: no-bpf-rights, no-btf, tracer-failed. */
int bd_probe_load(enum bd_tracer_level level, struct bd_probe **ret, struct bd_error *err);
/* The same with a ring of another size, of level events; a power of two of pages, 0 = the usual. */
int bd_probe_load_ring(enum bd_tracer_level level, uint32_t ring_bytes, struct bd_probe **ret, struct bd_error *err);
void bd_probe_free(struct bd_probe **p);
enum bd_tracer_level bd_probe_level(const struct bd_probe *p);

/* Attaches when it is not attached. The test has a child of ours wait once on a known futex: not seeing exactly that wait
 * is tracer-blind, and leaves it off. It is for when there is no target yet. */
int bd_probe_on(struct bd_probe *p, bool test, struct bd_error *err);
void bd_probe_off(struct bd_probe *p);
/* Level events: whether holders are sampled often, as the need is; from bd_probe_on to the first call they are. Gives the time
 * of the next look at the latest, INT64_MAX when a wait makes bd_probe_ring_fd readable before. */
int64_t bd_probe_pace(struct bd_probe *p, int64_t now_ns);
/* Level events, beside that: exec, fork and end of marked processes are told, also while it is off. */
int bd_probe_follow(struct bd_probe *p, struct bd_error *err);
void bd_probe_unfollow(struct bd_probe *p);

/* Of either level: nothing is known of target i any more; nobody may be marked with it. */
void bd_probe_clear(struct bd_probe *p, unsigned i);

/* From now on (until unmarked or its end) the process of this pidfd is target i. 0 or -errno. */
int bd_probe_mark(struct bd_probe *p, int pidfd, unsigned i);
void bd_probe_unmark(struct bd_probe *p, int pidfd);
bool bd_probe_marked(struct bd_probe *p, int pidfd);
/* What the kernel answered to loading or attaching, in words. Errors: no-bpf-rights, no-btf, tracer-failed. */
int bd_probe_refused(int code, struct bd_error *err);
struct bpf_object;
struct bpf_object *bd_probe_object(struct bd_probe *p); /* of level events */

/* ---- level counters: the mapped elements of one target */
struct bd_probe_target *bd_probe_target(struct bd_probe *p, unsigned i);
struct bd_probe_counters *bd_probe_counters(struct bd_probe *p, unsigned i);

/* A copy in which the counters fit together, though the thread may be running. */
void bd_probe_read_thread(const struct bd_probe_thread *th, struct bd_probe_thread *ret);

/* ---- level events */
struct bd_event_target *bd_probe_event_target(struct bd_probe *p, unsigned i);
struct bd_event_live *bd_probe_live(struct bd_probe *p, unsigned i);

/* Becomes readable by a record that cannot wait, or when there is much. Watch it edge-triggered: with any record in the
 * ring the kernel calls it readable. */
int bd_probe_ring_fd(const struct bd_probe *p);

struct bd_records {
	char *bytes;
	size_t len, max; /* allocated once */
};
/* Appends what is in the ring, as long as there is room; records of the self-test are left out. */
void bd_probe_drain(struct bd_probe *p, struct bd_records *to);
/* Reads the ring empty and gives each record to `hear`. For the self-test, when there is no target. */
void bd_probe_listen(struct bd_probe *p, void (*hear)(void *context, const struct bd_rec *r), void *context);
uint64_t bd_probe_next_life(struct bd_probe *p); /* for bd_event_target */
uint64_t bd_probe_lost(struct bd_probe *p);

#endif
