#include "target.h"

#include "rights.h"
#include "tracked.h"

#include <errno.h>
#include <sys/epoll.h>

_Static_assert(BD_PROBE_TARGETS == BD_TRACER_MAX_TARGETS + 1, "one for the self-test");
_Static_assert(BD_PROBE_THREADS == BD_TRACER_MAX_THREADS, "threads per target");

struct bd_targets *bd_targets_new(struct bd_probe *probe, int epoll)
{
	struct bd_targets *t = bd_alloc(sizeof *t);
	t->probe = probe;
	t->epoll = epoll;
	if (bd_probe_level(probe) == BD_TRACER_EVENTS)
		t->locks = bd_locks_new(bd_probe_object(probe));
	return t;
}

static void release(struct bd_tracked *x)
{
	bd_closep(&x->pidfd);
	bd_closep(&x->process.proc_fd);
	bd_freep(&x->told);
	x->used = false;
}

void bd_targets_free(struct bd_targets **tp)
{
	struct bd_targets *t = BD_TAKE_PTR(*tp);
	if (!t)
		return;
	for (size_t i = 0; i < BD_TRACER_MAX_TARGETS; i++)
		if (t->target[i].used)
			release(&t->target[i]);
	bd_locks_free(&t->locks);
	free(t);
}

/* ---- attaching --------------------------------------------------------------------------------------------- */

static void publish(struct bd_targets *t, unsigned i)
{
	struct bd_tracked *x = &t->target[i];
	struct bd_probe_target *out = bd_probe_target(t->probe, i);
	/* none while they change: the probe may be reading */
	__atomic_store_n(&out->gils_len, 0, __ATOMIC_SEQ_CST);
	for (size_t g = 0; g < x->gils_len; g++)
		__atomic_store_n(&out->gil[g], x->gils[g].address, __ATOMIC_RELAXED);
	__atomic_store_n(&out->gils_len, (uint32_t)x->gils_len, __ATOMIC_SEQ_CST);
}

struct bd_probe_layout bd_tracked_layout(const struct bd_tracked *x)
{
	const struct bd_offsets *o = &x->layout.offsets;
	return (struct bd_probe_layout){
		.last_holder = o->in_gil.last_holder,
		.switch_number = o->in_gil.switch_number,
		.cond = o->in_gil.cond,
		.mutex = o->in_gil.mutex,
		.switch_cond = o->in_gil.switch_cond,
		.switch_mutex = o->in_gil.switch_mutex,
		.size = o->in_gil.size,
		.native_thread_id = o->native_thread_id,
	};
}

static void prepare(struct bd_targets *t, unsigned i)
{
	bd_probe_clear(t->probe, i);
	bd_probe_target(t->probe, i)->layout = bd_tracked_layout(&t->target[i]);
	publish(t, i);
}

static void switch_off(struct bd_targets *t)
{
	bd_locks_off(t->locks);
	bd_probe_off(t->probe);
	bd_probe_unfollow(t->probe);
}

static int mark(struct bd_targets *t, unsigned i, struct bd_error *err)
{
	struct bd_tracked *x = &t->target[i];
	pid_t pid = x->process.pid;
	int r = bd_probe_follow(t->probe, err);
	if (r == 0 && !t->paused)
		r = bd_probe_on(t->probe, !t->used, err);
	if (r < 0)
		return r;
	if ((r = bd_probe_mark(t->probe, x->pidfd, i)) < 0)
		return r == -ESRCH || r == -ENOENT /* it ended after it was opened, or just now */
			? bd_process_gone(pid, err)
			: bd_error_set(err, r, "tracer-failed", NULL, "cannot mark process %d: %s", pid, strerror(-r));
	/* again, now that it is marked: it may have started a program with other rights meanwhile */
	if (!bd_pidfd_alive(x->pidfd))
		r = bd_process_gone(pid, err);
	else
		r = bd_process_may_trace(&x->process, err);
	if (r < 0)
		bd_probe_unmark(t->probe, x->pidfd);
	return r;
}

static int attach_counting(struct bd_targets *t, unsigned i, struct bd_error *err)
{
	struct bd_tracked *x = &t->target[i];
	int r = bd_process_suits(&x->process, err);
	if (r == 0)
		r = bd_layout_find(&x->process, bd_offsets_table, bd_offsets_table_len, &x->layout, err);
	if (r < 0)
		return r;
	if (bd_layout_gils(&x->process, &x->layout, x->gils, BD_LEN(x->gils), &x->gils_len) < 0)
		return bd_error_set(err, -EAGAIN, "layout-unknown", NULL,
			"the interpreters of process %d change too fast", x->process.pid);
	x->told = bd_alloc(sizeof *x->told);
	prepare(t, i);
	x->ready = true;
	return mark(t, i, err);
}

/* Marked first: from then on an exec is seen, and what was found before it is not believed. */
static int attach_following(struct bd_targets *t, unsigned i, struct bd_error *err)
{
	struct bd_tracked *x = &t->target[i];
	bd_probe_clear(t->probe, i);
	int r = mark(t, i, err);
	if (r < 0)
		return r;
	if (!x->awaited)
		r = bd_follow_find(t, i, err);
	struct epoll_event end = {.events = EPOLLIN | EPOLLET, .data.fd = x->pidfd};
	if (r == 0 && epoll_ctl(t->epoll, EPOLL_CTL_ADD, x->pidfd, &end) < 0)
		r = bd_error_set(err, -errno, "tracer-failed", NULL, "epoll: %s", strerror(errno));
	if (r < 0)
		bd_probe_unmark(t->probe, x->pidfd);
	x->process.hurried = true;
	return r;
}

static int attach(struct bd_targets *t, pid_t pid, bool await, int *ret_target, struct bd_error *err)
{
	unsigned i = 0;
	while (i < BD_TRACER_MAX_TARGETS && t->target[i].used)
		i++;
	if (i == BD_TRACER_MAX_TARGETS)
		return bd_error_set(err, -ENOSPC, "too-many", NULL, "more than %d processes are traced already",
			BD_TRACER_MAX_TARGETS);
	struct bd_tracked *x = &t->target[i];
	*x = (struct bd_tracked){.pidfd = -1, .process = {.proc_fd = -1}, .awaited = await};
	int r = bd_process_open(pid, &x->process, &x->pidfd, err);
	if (r == 0 && (r = bd_process_may_trace(&x->process, err)) == 0)
		r = bd_probe_level(t->probe) == BD_TRACER_EVENTS ? attach_following(t, i, err)
								 : attach_counting(t, i, err);
	if (r < 0) {
		release(x);
		if (!t->used)
			switch_off(t);
		else
			bd_follow_locks(t, &(struct bd_error){0});
		return r;
	}
	x->used = true;
	t->used++;
	*ret_target = (int)i;
	return 0;
}

int bd_targets_attach(struct bd_targets *t, pid_t pid, int *ret_target, struct bd_error *err)
{
	return attach(t, pid, false, ret_target, err);
}

int bd_targets_await(struct bd_targets *t, pid_t pid, int *ret_target, struct bd_error *err)
{
	if (bd_probe_level(t->probe) != BD_TRACER_EVENTS)
		return bd_error_set(err, -EINVAL, "tracer-failed", NULL, "only level events can await Python");
	return attach(t, pid, true, ret_target, err);
}

struct bd_tracked *bd_targets_get(struct bd_targets *t, int target, struct bd_error *err)
{
	if (target >= 0 && target < BD_TRACER_MAX_TARGETS && t->target[target].used)
		return &t->target[target];
	bd_error_set(err, -EINVAL, "tracer-failed", NULL, "target %d is not attached", target);
	return NULL;
}

int bd_targets_detach(struct bd_targets *t, int target, struct bd_error *err)
{
	struct bd_tracked *x = bd_targets_get(t, target, err);
	if (!x)
		return -EINVAL;
	bd_probe_unmark(t->probe, x->pidfd);
	release(x);
	if (--t->used == 0)
		switch_off(t);
	else
		bd_follow_locks(t, &(struct bd_error){0});
	return 0;
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

/* Interpreters come and go; those of a process that ended stay as they were. */
static void refresh(struct bd_targets *t, unsigned i)
{
	struct bd_tracked *x = &t->target[i];
	struct bd_tracer_gil now[BD_PROBE_GILS];
	size_t n;
	if (!bd_pidfd_alive(x->pidfd) || bd_layout_gils(&x->process, &x->layout, now, BD_LEN(now), &n) < 0)
		return;
	if (n == x->gils_len && memcmp(now, x->gils, n * sizeof now[0]) == 0)
		return;
	memcpy(x->gils, now, n * sizeof now[0]);
	x->gils_len = n;
	publish(t, i);
}

int bd_targets_gils(struct bd_targets *t, int target, struct bd_tracer_gil *ret, size_t max, size_t *ret_len,
	struct bd_error *err)
{
	struct bd_tracked *x = bd_targets_get(t, target, err);
	if (!x)
		return -EINVAL;
	if (bd_probe_level(t->probe) == BD_TRACER_EVENTS)
		bd_follow_lists(t, (unsigned)target);
	else
		refresh(t, (unsigned)target);
	size_t n = BD_MIN(max, x->gils_len);
	memcpy(ret, x->gils, n * sizeof ret[0]);
	*ret_len = n;
	return 0;
}

/* What came on top of what was told. A wait that turns out to go on is taken back by the probe until it ends, so a
 * counter may be one behind for a moment; then nothing is told twice. */
static uint64_t since(uint64_t now, __u64 *told)
{
	if (now <= *told)
		return 0;
	uint64_t d = now - *told;
	*told = now;
	return d;
}

static void read_threads(struct bd_tracked *x, const struct bd_probe_counters *c, struct bd_probe_target *head,
	struct bd_tracer_reading *r)
{
	struct bd_probe_thread th;
	uint64_t max[BD_PROBE_THREADS];
	uint32_t epoch = head->epoch;
	for (size_t k = 0; k < BD_PROBE_THREADS; k++) {
		bd_probe_read_thread(&c->thread[k], &th);
		max[k] = th.epoch == epoch ? th.max_ns : 0;
	}
	__atomic_store_n(&head->epoch, epoch + 1, __ATOMIC_SEQ_CST);
	for (size_t k = 0; k < BD_PROBE_THREADS; k++) {
		bd_probe_read_thread(&c->thread[k], &th);
		struct bd_probe_thread *told = &x->told->thread[k];
		struct bd_tracer_thread d = {
			.tid = th.tid,
			.waits = since(th.waits, &told->waits),
			.wait_ns = since(th.wait_ns, &told->wait_ns),
			.holder_ns = since(th.holder_ns, &told->holder_ns),
			.runqueue_ns = since(th.runqueue_ns, &told->runqueue_ns),
			.switch_ns = since(th.switch_ns, &told->switch_ns),
			.mutex_ns = since(th.mutex_ns, &told->mutex_ns),
			.retries = since(th.retries, &told->retries),
			/* of either epoch: the thread may have gone on between the two looks */
			.max_ns = th.epoch == epoch || th.epoch == epoch + 1 ? BD_MAX(th.max_ns, max[k]) : max[k],
		};
		if (d.waits || d.wait_ns)
			*BD_PUSH(r->threads, r->threads_len) = d;
	}
}

static void read_blocks(struct bd_tracked *x, const struct bd_probe_counters *c, struct bd_tracer_reading *r)
{
	for (size_t w = 0; w < BD_PROBE_THREADS; w++) {
		if (!c->thread[w].tid)
			continue;
		for (size_t h = 0; h <= BD_PROBE_THREADS; h++) {
			struct bd_probe_block now = c->block[w][h], *told = &x->told->block[w][h];
			uint64_t ns = since(now.ns, &told->ns), waits = since(now.waits, &told->waits);
			if (ns || waits)
				*BD_PUSH(r->blocks, r->blocks_len) = (struct bd_tracer_block){
					.waiter_tid = c->thread[w].tid,
					.holder_tid = h ? c->thread[h - 1].tid : 0,
					.ns = ns,
					.waits = waits,
				};
		}
	}
}

int bd_targets_read(struct bd_targets *t, int target, struct bd_tracer_reading *ret, struct bd_error *err)
{
	struct bd_tracked *x = bd_targets_get(t, target, err);
	if (!x)
		return -EINVAL;
	if (!x->told)
		return bd_error_set(err, -EINVAL, "tracer-failed", NULL, "level events counts nothing");
	refresh(t, (unsigned)target);
	const struct bd_probe_counters *c = bd_probe_counters(t->probe, (unsigned)target);
	ret->threads_len = ret->blocks_len = ret->hist_len = 0;
	read_threads(x, c, bd_probe_target(t->probe, (unsigned)target), ret);
	read_blocks(x, c, ret);
	for (uint32_t b = 0; b < BD_PROBE_BUCKETS; b++) {
		uint64_t n = since(c->hist[b], &x->told->hist[b]);
		if (n)
			*BD_PUSH(ret->hist, ret->hist_len) = (struct bd_tracer_bucket){b,
				(uint32_t)BD_MIN(n, UINT32_MAX)};
	}
	ret->lost = since(c->lost, &x->told->lost);
	return 0;
}
