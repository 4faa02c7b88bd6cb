/* Level events: processes are followed through exec, and what changes in them is told to the probe. */
#include "rights.h"
#include "tracked.h"

#include <errno.h>

#define LISTS_NS 100000000
#define RIGHTS_NS 1000000000
#define EXEC_NS 20000000 /* for an exec that is under way to be seen by the probe */

/* ---- what the probe is told ---------------------------------------------------------------------------------- */

static void publish_lists(struct bd_targets *t, unsigned i)
{
	struct bd_tracked *x = &t->target[i];
	struct bd_event_target *out = bd_probe_event_target(t->probe, i);
	/* none while they change: the probe may be reading */
	__atomic_store_n(&out->gils_len, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&out->interpreters_len, 0, __ATOMIC_SEQ_CST);
	for (size_t g = 0; g < x->gils_len; g++)
		__atomic_store_n(&out->gil[g], x->gils[g].address, __ATOMIC_RELAXED);
	memcpy(out->interpreter, x->interpreters, x->interpreters_len * sizeof x->interpreters[0]);
	__atomic_store_n(&out->list_seq, out->list_seq + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&out->interpreters_len, (uint32_t)x->interpreters_len, __ATOMIC_SEQ_CST);
	__atomic_store_n(&out->gils_len, (uint32_t)x->gils_len, __ATOMIC_SEQ_CST);
}

/* What threads are known to do belongs to an earlier life from here on. */
static void begin_life(struct bd_targets *t, unsigned i)
{
	struct bd_event_live *live = bd_probe_live(t->probe, i);
	struct bd_event_target *out = bd_probe_event_target(t->probe, i);
	__atomic_store_n(&out->life, 0, __ATOMIC_SEQ_CST);
	for (size_t g = 0; g < BD_PROBE_GILS; g++)
		__atomic_store_n(&live->waiters[g], 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&out->life, bd_probe_next_life(t->probe), __ATOMIC_SEQ_CST);
}

/* false: they are not what the probe can read. */
static bool code_offsets(const struct bd_layout *l, struct bd_event_code *ret)
{
	const struct bd_offsets *o = &l->offsets;
	const struct bd_frame_offsets *f = &o->frame;
	const struct bd_code_offsets *c = &o->code;
	uint32_t frame = BD_MAX(BD_MAX(f->code, f->ip), BD_MAX(f->previous, f->owner)) + 8;
	uint32_t code = BD_MAX(BD_MAX(c->filename, c->qualname), BD_MAX(c->linetable, c->firstlineno));
	code = BD_MAX(code, BD_MAX(o->object.ob_type, (uint32_t)BD_MAX(c->version, 0))) + 8;
	*ret = (struct bd_event_code){
		.tstate_next = o->tstate_next,
		.cframe = f->cframe,
		.current_frame = f->current_frame,
		.frame_code = f->code,
		.frame_ip = f->ip,
		.frame_previous = f->previous,
		.frame_owner = f->owner,
		.frame_bytes = frame,
		.owners_skipped = f->owners_skipped,
		.ob_type = o->object.ob_type,
		.filename = c->filename,
		.qualname = c->qualname,
		.linetable = c->linetable,
		.firstlineno = c->firstlineno,
		.version = c->version,
		.code_bytes = code,
		.unicode_length = o->object.unicode_length,
		.unicode_state = o->object.unicode_state,
		.ascii_bits = 3U << (o->object.unicode_kind + 3),
		.ascii_data = o->object.ascii_data,
		.bytes_size = o->object.bytes_size,
		.bytes_data = o->object.bytes_data,
		.code_mask = ~(uint64_t)f->code_tag,
		.code_type = l->code_type,
	};
	return frame <= BD_EVENTS_FRAME_BYTES && code <= BD_EVENTS_CODE_BYTES &&
		o->object.ascii_data + BD_EVENTS_TEXT <= BD_EVENTS_STR_BYTES && o->object.bytes_data <= 64;
}

void bd_follow_publish(struct bd_targets *t, unsigned i)
{
	struct bd_tracked *x = &t->target[i];
	struct bd_event_target *out = bd_probe_event_target(t->probe, i);
	__atomic_store_n(&out->life, 0, __ATOMIC_SEQ_CST); /* nobody reads on */
	out->layout = bd_tracked_layout(x);
	out->code = x->code;
	out->locks = x->locks;
	out->execs = x->execs;
	out->lent = x->layout.offsets.minor < 13;
	publish_lists(t, i);
	begin_life(t, i);
}

/* ---- what it is told of -------------------------------------------------------------------------------------- */

static bool read_u64(const struct bd_process *p, uint64_t address, uint64_t *ret)
{
	return bd_process_read(p, address, ret, sizeof *ret) == 0;
}

/* In the interpreter's own order, the newest first. false: the list changed under our eyes. */
static bool read_interpreters(const struct bd_tracked *x, const struct bd_tracer_gil *gils, size_t gils_len,
	struct bd_event_interpreter *ret, size_t *ret_len)
{
	const struct bd_offsets *o = &x->layout.offsets;
	uint64_t at, gil = x->layout.runtime + o->gil;
	size_t n = 0;
	if (!read_u64(&x->process, x->layout.runtime + o->interpreters_head, &at))
		return false;
	while (at && n < BD_EVENTS_INTERPRETERS) {
		if (!o->gil_in_runtime && !read_u64(&x->process, at + o->gil, &gil))
			return false;
		uint32_t g = 0;
		while (g < gils_len && gils[g].address != gil)
			g++;
		ret[n++] = (struct bd_event_interpreter){.threads_head = at + o->threads_head,
			.gil = g < gils_len ? g : BD_PROBE_GILS};
		if (!read_u64(&x->process, at + o->interp_next, &at))
			return false;
	}
	*ret_len = n;
	return n > 0;
}

static bool is_same(const struct bd_tracer_gil *a, const struct bd_tracer_gil *b)
{
	return a->address == b->address && a->interpreter == b->interpreter;
}

/* A GIL keeps its number as long as it is there: threads that sleep on it and records under way speak of it by that. The number
 * of one that is gone stays empty (address 0) until the look after, as long as there are others. */
static size_t keep_numbers(const struct bd_tracked *x, const struct bd_tracer_gil *now, size_t n,
	struct bd_tracer_gil ret[BD_PROBE_GILS])
{
	size_t len = x->gils_len;
	bool placed[BD_PROBE_GILS] = {false};
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < x->gils_len && !placed[i]; k++)
			if (is_same(&now[i], &x->gils[k])) {
				ret[k] = now[i];
				placed[i] = true;
			}
	for (size_t i = 0; i < n; i++) {
		size_t k = 0, any = BD_PROBE_GILS;
		while (!placed[i] && k < BD_PROBE_GILS && (ret[k].address || x->gils[k].address)) {
			if (!ret[k].address)
				any = k;
			k++;
		}
		k = k < BD_PROBE_GILS ? k : any;
		if (placed[i] || k == BD_PROBE_GILS)
			continue;
		ret[k] = now[i];
		len = BD_MAX(len, k + 1);
	}
	return len;
}

static bool read_lists(struct bd_tracked *x, bool *ret_changed)
{
	struct bd_tracer_gil now[BD_PROBE_GILS] = {0}, gils[BD_PROBE_GILS] = {0};
	struct bd_event_interpreter interpreters[BD_EVENTS_INTERPRETERS] = {0};
	size_t n, k;
	if (bd_layout_gils(&x->process, &x->layout, now, BD_LEN(now), &n) < 0)
		return false;
	n = keep_numbers(x, now, n, gils);
	if (!read_interpreters(x, gils, n, interpreters, &k))
		return false;
	bool enabled = bd_locks_gil_enabled(&x->process, &x->layout, gils, n);
	*ret_changed = n != x->gils_len || k != x->interpreters_len || memcmp(gils, x->gils, sizeof gils) != 0 ||
		memcmp(interpreters, x->interpreters, sizeof interpreters) != 0 || enabled != x->gil_enabled;
	x->gil_enabled = enabled;
	memcpy(x->gils, gils, sizeof gils);
	memcpy(x->interpreters, interpreters, sizeof interpreters);
	x->gils_len = n;
	x->interpreters_len = k;
	return true;
}

int bd_follow_find(struct bd_targets *t, unsigned i, struct bd_error *err)
{
	struct bd_tracked *x = &t->target[i];
	bool changed;
	x->execs = __atomic_load_n(&bd_probe_live(t->probe, i)->execs, __ATOMIC_SEQ_CST);
	memset(x->gils, 0, sizeof x->gils); /* of a program before */
	x->gils_len = 0;
	int r = bd_process_suits(&x->process, err);
	if (r == 0)
		r = bd_layout_find(&x->process, bd_offsets_table, bd_offsets_table_len, &x->layout, err);
	if (r < 0)
		return r;
	if (!code_offsets(&x->layout, &x->code))
		return bd_error_set(err, -ENOTSUP, "layout-unknown", NULL,
			"process %d: its frames are larger than any known", x->process.pid);
	if (!read_lists(x, &changed))
		return bd_error_set(err, -EAGAIN, "layout-unknown", NULL,
			"the interpreters of process %d change too fast", x->process.pid);
	bd_locks_describe(&x->process, &x->layout, &x->locks);
	x->ready = true;
	x->why = (struct bd_error){0};
	t->change++;
	bd_follow_publish(t, i);
	return bd_follow_locks(t, err);
}

int bd_follow_locks(struct bd_targets *t, struct bd_error *err)
{
	bool wanted = false;
	for (unsigned i = 0; i < BD_TRACER_MAX_TARGETS; i++) {
		const struct bd_tracked *x = &t->target[i];
		wanted |= x->pidfd >= 0 && x->ready && x->locks.free_threaded;
	}
	if (!wanted || t->paused) {
		bd_locks_off(t->locks);
		return 0;
	}
	int r = bd_locks_on(t->locks);
	return r < 0 ? bd_probe_refused(r, err) : 0;
}

void bd_targets_tell(struct bd_targets *t, bool now)
{
	bd_locks_tell(t->locks, now);
}

void bd_follow_lists(struct bd_targets *t, unsigned i)
{
	struct bd_tracked *x = &t->target[i];
	bool changed;
	if (!x->ready || x->ended || x->dropped || !bd_pidfd_alive(x->pidfd) || !read_lists(x, &changed) || !changed)
		return;
	publish_lists(t, i);
	t->change++;
}

/* ---- looking after them -------------------------------------------------------------------------------------- */

/* Ready at once mostly: an interpreter that starts has its structures within some ms. */
static int64_t next_try_ns(unsigned tries)
{
	return tries < 100 ? 1000000 : tries < 200 ? 10000000 : 100000000;
}

static void drop(struct bd_targets *t, unsigned i, const struct bd_error *why)
{
	struct bd_tracked *x = &t->target[i];
	bd_probe_unmark(t->probe, x->pidfd);
	x->dropped = true;
	x->ready = false;
	x->why = *why;
	t->change++;
}

static void exec_happened(struct bd_targets *t, unsigned i, uint32_t execs, int64_t now_ns)
{
	struct bd_tracked *x = &t->target[i];
	if (x->ready || !x->generation) /* else nothing was told of the program before */
		x->generation++;
	x->execs = execs;
	x->ready = false;
	x->tries = 0;
	x->why = (struct bd_error){0};
	x->layout_at_ns = x->rights_at_ns = now_ns;
	t->change++;
	bd_follow_locks(t, &(struct bd_error){0});
}

static void look_at(struct bd_targets *t, unsigned i, int64_t now_ns)
{
	struct bd_tracked *x = &t->target[i];
	struct bd_error err = {0};
	if (!bd_pidfd_alive(x->pidfd)) {
		x->ended = true;
		return;
	}
	struct bd_event_live *live = bd_probe_live(t->probe, i);
	uint32_t execs = __atomic_load_n(&live->execs, __ATOMIC_SEQ_CST);
	/* The first thread of the process is another one, and the probe did not count that: an exec all the same. Or not yet:
	 * then the memory is still that of the program before, and the probe counts once more. */
	bool moved = !bd_probe_marked(t->probe, x->pidfd) && bd_probe_mark(t->probe, x->pidfd, i) == 0 &&
		execs == x->execs;
	if (moved)
		execs = __atomic_add_fetch(&live->execs, 1, __ATOMIC_SEQ_CST);
	if (execs != x->execs)
		exec_happened(t, i, execs, now_ns);
	if (moved)
		x->layout_at_ns = now_ns + EXEC_NS;
	if (now_ns >= x->rights_at_ns) {
		x->rights_at_ns = now_ns + RIGHTS_NS;
		int r = bd_process_may_trace(&x->process, &err);
		if (r == -EPERM) {
			drop(t, i, &err);
			return;
		}
	}
	if (!x->ready && now_ns >= x->layout_at_ns) {
		x->layout_at_ns = now_ns + next_try_ns(x->tries++);
		if (bd_follow_find(t, i, &err) < 0 && !(x->awaited && !x->generation))
			x->why = err;
	}
	if (x->ready && now_ns >= x->lists_at_ns) {
		x->lists_at_ns = now_ns + LISTS_NS;
		bd_follow_lists(t, i);
	}
}

int64_t bd_targets_look(struct bd_targets *t, int64_t now_ns)
{
	int64_t next = INT64_MAX;
	if (bd_probe_level(t->probe) != BD_TRACER_EVENTS)
		return next;
	for (unsigned i = 0; i < BD_TRACER_MAX_TARGETS; i++) {
		struct bd_tracked *x = &t->target[i];
		if (!x->used || x->ended || x->dropped)
			continue;
		look_at(t, i, now_ns);
		if (!x->ended && !x->dropped)
			next = BD_MIN(next, BD_MIN(x->rights_at_ns, x->ready ? x->lists_at_ns : x->layout_at_ns));
	}
	return next;
}

/* A thread that is in none of the lists: there is an interpreter we do not know of. */
void bd_targets_heard(struct bd_targets *t, const struct bd_records *records)
{
	for (size_t at = 0; at < records->len;) {
		const struct bd_rec_stack *r = (const void *)(records->bytes + at);
		at += r->head.size;
		if (r->head.type == BD_REC_STACK && r->error == BD_REC_STACK_NO_TSTATE &&
			r->head.target < BD_TRACER_MAX_TARGETS)
			t->target[r->head.target].lists_at_ns = 0;
	}
}

/* ---- what is asked ------------------------------------------------------------------------------------------- */

uint32_t bd_targets_alive(const struct bd_targets *t)
{
	uint32_t alive = 0;
	for (unsigned i = 0; i < BD_TRACER_MAX_TARGETS; i++) {
		const struct bd_tracked *x = &t->target[i];
		if (x->used && !x->ended && !x->dropped && bd_pidfd_alive(x->pidfd))
			alive |= 1U << i;
	}
	return alive;
}

uint32_t bd_targets_change(const struct bd_targets *t)
{
	return t->change;
}

int bd_targets_info(struct bd_targets *t, int target, struct bd_tracer_info *ret, struct bd_error *err)
{
	struct bd_tracked *x = bd_targets_get(t, target, err);
	if (!x)
		return -EINVAL;
	*ret = (struct bd_tracer_info){
		.ready = x->ready,
		.alive = bd_pidfd_alive(x->pidfd),
		.generation = x->generation,
		.proc_pid = x->process.proc_pid,
		.own_pid = x->process.own_pid,
		.why = x->why,
	};
	if (x->ready) {
		ret->offsets = x->layout.offsets;
		ret->runtime = x->layout.runtime;
		ret->code_type = x->layout.code_type;
		ret->version = x->layout.version;
		ret->gil_enabled = x->gil_enabled;
	}
	return 0;
}

int bd_targets_pause(struct bd_targets *t, bool paused, struct bd_error *err)
{
	if (bd_probe_level(t->probe) != BD_TRACER_EVENTS)
		return bd_error_set(err, -EINVAL, "tracer-failed", NULL, "only level events can pause");
	if (paused == t->paused)
		return 0;
	t->paused = paused;
	if (paused) {
		bd_locks_off(t->locks);
		bd_probe_off(t->probe);
	} else if (t->used) {
		for (unsigned i = 0; i < BD_TRACER_MAX_TARGETS; i++)
			if (t->target[i].used && t->target[i].ready)
				begin_life(t, i);
		int r = bd_probe_on(t->probe, false, err);
		if (r == 0)
			r = bd_follow_locks(t, err);
		if (r < 0) {
			t->paused = true;
			return r;
		}
	}
	return 0;
}
