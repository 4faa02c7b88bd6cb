/* The probe of free-threaded interpreters: loaded when the first one is traced, attached only while one is, so that it
 * costs the others nothing. Its marks, targets and ring are those of level events. */
#ifndef BD_TRACER_LOCKS_H
#define BD_TRACER_LOCKS_H

#include "layout.h"

struct bd_locks;
struct bpf_object;

/* What the probe needs to know of a process; all zero unless its interpreter is a free-threaded one of known layout. */
void bd_locks_describe(const struct bd_process *p, const struct bd_layout *layout, struct bd_event_locks *ret);
/* Whether a GIL is in use: in a free-threaded interpreter none is, until an import or an option has it so. */
bool bd_locks_gil_enabled(const struct bd_process *p, const struct bd_layout *layout, const struct bd_tracer_gil *gils,
	size_t gils_len);

/* events: the loaded object of level events, borrowed. Nothing is loaded yet. */
struct bd_locks *bd_locks_new(struct bpf_object *events);
void bd_locks_free(struct bd_locks **l);
/* 0, or -errno of libbpf. */
int bd_locks_on(struct bd_locks *l);
/* Tells what is summed up. This and the next take NULL too: other levels have none. */
void bd_locks_off(struct bd_locks *l);
/* Has the probe tell what it still sums up. It looks at every thread of the machine for that: without `now` only as often
 * as that stays below a percent of the time. */
void bd_locks_tell(struct bd_locks *l, bool now);

#endif
