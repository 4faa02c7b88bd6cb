#include "locks.h"

#include "gil_locks.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#define SELDOM 100 /* of the time between two */

struct bd_locks {
	struct bpf_object *events;
	struct gil_locks *skeleton;  /* NULL: not needed so far */
	struct bpf_link *links[3];   /* the first tells what the others summed up, and outlives them */
	int64_t told_ns, telling_ns; /* when, and how long that took */
};

/* ---- processes ----------------------------------------------------------------------------------------------- */

static bool free_threaded(const struct bd_layout *layout)
{
	return strchr(layout->offsets.abiflags, 't') != NULL;
}

void bd_locks_describe(const struct bd_process *p, const struct bd_layout *layout, struct bd_event_locks *ret)
{
	const struct bd_offsets *o = &layout->offsets;
	*ret = (struct bd_event_locks){0};
	if (!free_threaded(layout) || o->object.ob_mutex < 0 || o->tstate_state < 0)
		return;
	/* the type of code objects is of type `type`, and that is of type `type` */
	uint64_t type, itself;
	if (!layout->code_type || bd_process_read(p, layout->code_type + o->object.ob_type, &type, sizeof type) < 0 ||
		bd_process_read(p, type + o->object.ob_type, &itself, sizeof itself) < 0 || itself != type)
		return;
	*ret = (struct bd_event_locks){
		.free_threaded = 1,
		.ob_mutex = (uint32_t)o->object.ob_mutex,
		.ob_type = o->object.ob_type,
		.tp_name = o->object.tp_name,
		.state = (uint32_t)o->tstate_state,
		.threads_head = o->threads_head,
		.interpreter_size = o->interp_size,
		.runtime = layout->runtime,
		.runtime_size = o->runtime_size,
		.type_type = type,
	};
}

bool bd_locks_gil_enabled(const struct bd_process *p, const struct bd_layout *layout, const struct bd_tracer_gil *gils,
	size_t gils_len)
{
	int32_t at = layout->offsets.in_gil.enabled, enabled;
	if (!free_threaded(layout) || at < 0)
		return true;
	for (size_t i = 0; i < gils_len; i++)
		if (bd_process_read(p, gils[i].address + (uint32_t)at, &enabled, sizeof enabled) == 0 && enabled != 0)
			return true;
	return false;
}

/* ---- the probe ----------------------------------------------------------------------------------------------- */

struct bd_locks *bd_locks_new(struct bpf_object *events)
{
	struct bd_locks *l = bd_alloc(sizeof *l);
	l->events = events;
	return l;
}

void bd_locks_free(struct bd_locks **lp)
{
	struct bd_locks *l = BD_TAKE_PTR(*lp);
	if (!l)
		return;
	bd_locks_off(l);
	gil_locks__destroy(l->skeleton);
	free(l);
}

static int share_maps(struct bpf_object *ours, const struct bpf_object *theirs)
{
	struct bpf_map *map;
	bpf_object__for_each_map(map, ours)
	{
		const struct bpf_map *shared = bpf_object__find_map_by_name(theirs, bpf_map__name(map));
		int r = shared ? bpf_map__reuse_fd(map, bpf_map__fd(shared)) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int load(struct bd_locks *l)
{
	if (l->skeleton)
		return 0;
	struct gil_locks *s = gil_locks__open();
	if (!s)
		return errno ? -errno : -EINVAL;
	int r = share_maps(s->obj, l->events);
	if (r == 0)
		r = gil_locks__load(s);
	if (r < 0)
		gil_locks__destroy(s);
	else
		l->skeleton = s;
	return r;
}

int bd_locks_on(struct bd_locks *l)
{
	if (l->links[0])
		return 0;
	int r = load(l);
	if (r < 0)
		return r;
	struct bpf_program *programs[] = {l->skeleton->progs.locks_told, l->skeleton->progs.locks_switch,
		l->skeleton->progs.locks_waking};
	_Static_assert(BD_LEN(programs) == BD_LEN(l->links), "a link each");
	for (size_t i = 0; i < BD_LEN(programs); i++) {
		l->links[i] = bpf_program__attach(programs[i]);
		if (!l->links[i]) {
			r = -errno;
			bd_locks_off(l);
			return r;
		}
	}
	return 0;
}

void bd_locks_off(struct bd_locks *l)
{
	for (size_t i = l ? BD_LEN(l->links) : 0; i-- > 0;) {
		if (i == 0)
			bd_locks_tell(l, true);
		struct bpf_link *link = BD_TAKE_PTR(l->links[i]);
		bpf_link__destroy(link);
	}
}

void bd_locks_tell(struct bd_locks *l, bool now)
{
	int64_t start = bd_clock_mono_ns();
	if (!l || !l->links[0] || (!now && start - l->told_ns < SELDOM * l->telling_ns))
		return;
	bd_auto_close int fd = bpf_iter_create(bpf_link__fd(l->links[0]));
	char nothing[64];
	while (fd >= 0 && read(fd, nothing, sizeof nothing) > 0)
		;
	l->told_ns = bd_clock_mono_ns();
	l->telling_ns = l->told_ns - start;
}
