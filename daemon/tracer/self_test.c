#include "self_test.h"

#include "probe.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOT BD_PROBE_SELF_TEST
#define WAIT_NS 1000000
#define DEADLINE_MS 2000

static struct {
	uint64_t native_thread_id;
} holder = {12345};

static struct {
	uint64_t interval, last_holder, locked, switch_number;
	uint32_t cond[12], mutex[10], switch_cond[12], switch_mutex[10];
} gil;

static const struct bd_probe_layout layout = {
	.last_holder = 8,
	.switch_number = 24,
	.cond = 32,
	.mutex = 80,
	.switch_cond = 120,
	.switch_mutex = 168,
	.size = sizeof gil,
	.native_thread_id = 0,
};

/* In the child: tell our number, wait until we are marked, then wait once. */
static void child(int in, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int32_t tid = (int32_t)syscall(SYS_gettid);
	char go;
	if (write(out, &tid, sizeof tid) != sizeof tid || read(in, &go, 1) != 1)
		_exit(1);
	struct timespec t = {0, WAIT_NS};
	long r = syscall(SYS_futex, gil.cond, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
	_exit(r < 0 && errno == ETIMEDOUT ? 0 : 1);
}

static int wait_once(struct bd_probe *p, pid_t pid, int to, int from, int32_t *ret_tid)
{
	bd_auto_close int pidfd = bd_pidfd_open(pid);
	struct pollfd says = {from, POLLIN, 0}, ends = {pidfd, POLLIN, 0};
	int32_t tid;
	if (pidfd < 0 || poll(&says, 1, DEADLINE_MS) != 1 || read(from, &tid, sizeof tid) != sizeof tid)
		return -EIO;
	int r = bd_probe_mark(p, pidfd, SLOT);
	if (r < 0)
		return r;
	if (write(to, "", 1) != 1 || poll(&ends, 1, DEADLINE_MS) != 1)
		return -EIO;
	*ret_tid = tid;
	return 0;
}

static const char *not_counted(const struct bd_probe_counters *c, int32_t tid)
{
	const volatile struct bd_probe_thread *th = &c->thread[tid % BD_PROBE_THREADS];
	if (th->tid != (uint32_t)tid || th->waits != 1)
		return "a wait of a thread of its own was not seen";
	if (th->wait_ns == 0 || th->wait_ns != th->holder_ns + th->runqueue_ns || c->hist[th->bucket] != 1)
		return "a wait of a thread of its own was measured wrongly";
	unsigned column = th->holder;
	if (!column || c->thread[column - 1].tid != (uint32_t)holder.native_thread_id)
		return "the holder of a lock of its own was not seen";
	return NULL;
}

/* Level events: what came out of the ring so far. */
struct told {
	int32_t tid;
	unsigned waits;
	struct bd_rec_wait wait;
};

static void tell(void *context, const struct bd_rec *r)
{
	struct told *t = context;
	const struct bd_rec_wait *w = (const struct bd_rec_wait *)r;
	if (r->type != BD_REC_WAIT || r->target != SLOT || w->tid != (uint32_t)t->tid)
		return;
	t->waits++;
	t->wait = *w;
}

static const char *not_told(const struct told *t)
{
	const struct bd_rec_wait *w = &t->wait;
	if (t->waits != 1)
		return "a wait of a thread of its own was not told";
	if (w->part != BD_REC_COND || w->on_ns <= w->off_ns || w->on_ns - w->off_ns < w->queued_ns ||
		w->flags & BD_REC_CONTINUES)
		return "a wait of a thread of its own was measured wrongly";
	if (w->holder != (uint32_t)holder.native_thread_id)
		return "the holder of a lock of its own was not seen";
	return NULL;
}

static const char *not_seen(struct bd_probe *p, struct told *t)
{
	if (bd_probe_level(p) == BD_TRACER_COUNTERS)
		return not_counted(bd_probe_counters(p, SLOT), t->tid);
	bd_probe_listen(p, tell, t);
	return not_told(t);
}

static void make_target(struct bd_probe *p)
{
	gil.last_holder = (uint64_t)(uintptr_t)&holder;
	bd_probe_clear(p, SLOT);
	uint64_t address = (uint64_t)(uintptr_t)&gil; /* the child has it at the same one */
	if (bd_probe_level(p) == BD_TRACER_COUNTERS) {
		struct bd_probe_target *t = bd_probe_target(p, SLOT);
		t->layout = layout;
		t->gil[0] = address;
		t->gils_len = 1;
	} else {
		struct bd_event_target *t = bd_probe_event_target(p, SLOT);
		t->layout = layout;
		t->gil[0] = address;
		t->gils_len = 1;
		t->life = bd_probe_next_life(p);
	}
}

int bd_self_test(struct bd_probe *p, struct bd_error *err)
{
	int down[2], up[2];
	if (pipe(down) < 0)
		return bd_error_set(err, -errno, "tracer-failed", NULL, "pipe: %s", strerror(errno));
	bd_auto_close int down_r = down[0], down_w = down[1];
	if (pipe(up) < 0)
		return bd_error_set(err, -errno, "tracer-failed", NULL, "pipe: %s", strerror(errno));
	bd_auto_close int up_r = up[0], up_w = up[1];

	make_target(p);
	pid_t pid = fork();
	if (pid == 0)
		child(down_r, up_w);
	if (pid < 0)
		return bd_error_set(err, -errno, "tracer-failed", NULL, "fork: %s", strerror(errno));
	struct told told = {0};
	int r = wait_once(p, pid, down_w, up_r, &told.tid), status = -1;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return bd_error_set(err, r < 0 ? r : -EIO, "tracer-failed", NULL, "the self-test could not run: %s",
			strerror(r < 0 ? -r : EIO));
	/* it can be reaped shortly before it leaves its processor for the last time */
	const char *why = not_seen(p, &told);
	for (int i = 0; i < DEADLINE_MS && why; i++) {
		bd_sleep_ns(1000000);
		why = not_seen(p, &told);
	}
	return why ? bd_error_set(err, -EIO, "tracer-blind", "report this with the output of: uname -a",
			     "bench-tracer is blind here: %s", why)
		   : 0;
}
