/* What target.c and follow.c share: the traced processes. */
#ifndef BD_TRACER_TRACKED_H
#define BD_TRACER_TRACKED_H

#include "layout.h"
#include "locks.h"
#include "target.h"

struct bd_tracked {
	bool used;
	struct bd_process process;
	int pidfd;
	bool ready; /* what follows is known: always at level counters */
	struct bd_layout layout;
	struct bd_tracer_gil gils[BD_PROBE_GILS];
	size_t gils_len;
	struct bd_probe_counters *told; /* level counters: what earlier readings added up to */

	/* level events */
	struct bd_event_code code;
	struct bd_event_locks locks;
	bool gil_enabled;
	struct bd_event_interpreter interpreters[BD_EVENTS_INTERPRETERS];
	size_t interpreters_len;
	bool awaited; /* it was not Python when it came */
	bool ended, dropped;
	uint32_t generation, execs; /* execs: as the probe counts, when it was last looked at */
	unsigned tries;
	int64_t layout_at_ns, lists_at_ns, rights_at_ns; /* when to look again */
	struct bd_error why;
};

struct bd_targets {
	struct bd_probe *probe;
	struct bd_locks *locks; /* level events */
	int epoll;
	struct bd_tracked target[BD_TRACER_MAX_TARGETS];
	unsigned used;
	uint32_t change;
	bool paused;
};

/* The used target of this number, or NULL. */
struct bd_tracked *bd_targets_get(struct bd_targets *t, int target, struct bd_error *err);

/* Where in a GIL of the target what lies, for the probes of either level. */
struct bd_probe_layout bd_tracked_layout(const struct bd_tracked *x);

/* Level events: tells the probe what is known of a target, as of a new life. */
void bd_follow_publish(struct bd_targets *t, unsigned i);
/* Finds the layout and the lists, and publishes them. */
int bd_follow_find(struct bd_targets *t, unsigned i, struct bd_error *err);
/* Reads the lists of GILs and interpreters again. */
void bd_follow_lists(struct bd_targets *t, unsigned i);
/* The probe of free-threaded interpreters is on while there are any. */
int bd_follow_locks(struct bd_targets *t, struct bd_error *err);

#endif
