#include "protocol.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_MS 30000
#define ANSWER_MS 15000

struct bd_tracer {
	pid_t pid;
	int fd;
	bool broken;   /* out of step: nothing more can be asked */
	char *records; /* what was drained last */
	size_t records_size;
};

void bd_tracer_reading_done(struct bd_tracer_reading *r)
{
	bd_freep(&r->threads);
	bd_freep(&r->blocks);
	bd_freep(&r->hist);
	*r = (struct bd_tracer_reading){0};
}

static int broken(struct bd_tracer *t, const char *why, struct bd_error *err)
{
	t->broken = true;
	return bd_error_set(err, -EPIPE, "tracer-failed", NULL, "bench-tracer %s", why);
}

static int receive(struct bd_tracer *t, void *to, size_t len, int64_t deadline_ns, struct bd_error *err)
{
	for (;;) {
		int64_t left = deadline_ns - bd_clock_mono_ns();
		struct pollfd p = {t->fd, POLLIN, 0};
		int r = left > 0 ? poll(&p, 1, (int)(left / 1000000) + 1) : 0;
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return broken(t, "did not answer in time", err);
		ssize_t n = recv(t->fd, to, len, MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return broken(t, "has ended", err);
		return n == (ssize_t)len ? 0 : broken(t, "gave an answer of the wrong size", err);
	}
}

static int receive_reply(struct bd_tracer *t, int64_t deadline_ns, struct bd_trace_reply *ret, struct bd_error *err)
{
	int r = receive(t, ret, sizeof *ret, deadline_ns, err);
	if (r < 0)
		return r;
	if (ret->protocol != BD_TRACE_PROTOCOL)
		return broken(t, "is of another build", err);
	if (ret->error.code) {
		if (err)
			*err = ret->error;
		return ret->error.code < 0 ? ret->error.code : -EIO;
	}
	return 0;
}

/* A kind of records a reply announced: one allocation, filled packet by packet. */
static int receive_records(struct bd_tracer *t, void *ret_array, size_t n, size_t size, int64_t deadline_ns,
	struct bd_error *err)
{
	bd_auto_free char *all = n ? bd_alloc(n * size) : NULL;
	for (size_t at = 0; at < n; at += BD_TRACE_PACKET) {
		size_t k = BD_MIN(n - at, (size_t)BD_TRACE_PACKET);
		int r = receive(t, all + at * size, k * size, deadline_ns, err);
		if (r < 0)
			return r;
	}
	*(void **)ret_array = BD_TAKE_PTR(all);
	return 0;
}

static int ask_long(struct bd_tracer *t, const struct bd_trace_request *q, int64_t longest_ms, int64_t *ret_deadline_ns,
	struct bd_trace_reply *ret, struct bd_error *err)
{
	if (t->broken)
		return bd_error_set(err, -EPIPE, "tracer-failed", NULL, "bench-tracer has failed before");
	ssize_t n;
	do
		n = send(t->fd, q, sizeof *q, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof *q)
		return broken(t, "has ended", err);
	*ret_deadline_ns = bd_clock_mono_ns() + longest_ms * 1000000;
	return receive_reply(t, *ret_deadline_ns, ret, err);
}

static int ask(struct bd_tracer *t, const struct bd_trace_request *q, int64_t *ret_deadline_ns,
	struct bd_trace_reply *ret, struct bd_error *err)
{
	return ask_long(t, q, ANSWER_MS, ret_deadline_ns, ret, err);
}

int bd_tracer_start(const char *program, enum bd_tracer_level level, struct bd_tracer **ret, struct bd_error *err)
{
	bd_auto_free char *path = program ? realpath(program, NULL) : NULL; /* the child starts in another folder */
	if (!path || access(path, X_OK) < 0)
		return bd_error_set(err, -ENOENT, "tracer-missing",
			"sudo apt-get install clang bpftool libbpf-dev, then build again",
			"there is no bench-tracer at %s", program ? program : "(nowhere)");
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return bd_error_set(err, -errno, "tracer-failed", NULL, "socketpair: %s", strerror(errno));
	bd_auto_close int theirs = pair[1];
	BD_CLEANUP(bd_tracer_free) struct bd_tracer *t = bd_alloc(sizeof *t);
	t->fd = pair[0];
	char events[] = "events", *argv[] = {path, level == BD_TRACER_EVENTS ? events : NULL, NULL};
	bd_auto_strv struct bd_strv env = {0};
	bd_spawn_sanitizers(&env);
	bd_auto_free char **envp = bd_strv_argv(&env);
	const struct bd_spawn spawn = {
		.program = path,
		.argv = argv,
		.envp = envp,
		.fds = &theirs,
		.fds_len = 1,
		.out_fd = -1,
		.err_fd = -1,
		.die_with_parent = true,
		.max_core_bytes = 0,
	};
	struct bd_error why = {0};
	int r = bd_spawn(&spawn, &t->pid, NULL, &why);
	if (r < 0)
		return bd_error_set(err, r, "tracer-failed", NULL, "%s", why.message);
	bd_closep(&theirs);
	struct bd_trace_reply ready;
	if ((r = receive_reply(t, bd_clock_mono_ns() + START_MS * 1000000LL, &ready, err)) < 0)
		return r;
	*ret = BD_TAKE_PTR(t);
	return 0;
}

void bd_tracer_free(struct bd_tracer **tp)
{
	struct bd_tracer *t = BD_TAKE_PTR(*tp);
	if (!t)
		return;
	bd_closep(&t->fd); /* it ends by itself; a kill makes sure, even while it is starting */
	bd_spawn_kill(t->pid);
	free(t->records);
	free(t);
}

int bd_tracer_check(const char *program, struct bd_error *err)
{
	BD_CLEANUP(bd_tracer_free) struct bd_tracer *t = NULL;
	return bd_tracer_start(program, BD_TRACER_COUNTERS, &t, err);
}

static int attach(struct bd_tracer *t, enum bd_trace_op op, pid_t pid, int *ret_target, struct bd_error *err)
{
	struct bd_trace_reply reply;
	int64_t deadline;
	int r = ask(t, &(struct bd_trace_request){.op = op, .pid = pid}, &deadline, &reply, err);
	if (r < 0)
		return r;
	*ret_target = reply.target;
	return 0;
}

int bd_tracer_attach(struct bd_tracer *t, pid_t pid, int *ret_target, struct bd_error *err)
{
	return attach(t, BD_TRACE_ATTACH, pid, ret_target, err);
}

int bd_tracer_await(struct bd_tracer *t, pid_t pid, int *ret_target, struct bd_error *err)
{
	return attach(t, BD_TRACE_AWAIT, pid, ret_target, err);
}

int bd_tracer_detach(struct bd_tracer *t, int target, struct bd_error *err)
{
	struct bd_trace_reply reply;
	int64_t deadline;
	return ask(t, &(struct bd_trace_request){.op = BD_TRACE_DETACH, .target = target}, &deadline, &reply, err);
}

int bd_tracer_gils(struct bd_tracer *t, int target, struct bd_tracer_gil *ret, size_t max, size_t *ret_len,
	struct bd_error *err)
{
	struct bd_trace_reply reply;
	int64_t deadline;
	int r = ask(t, &(struct bd_trace_request){.op = BD_TRACE_GILS, .target = target}, &deadline, &reply, err);
	if (r < 0)
		return r;
	bd_auto_free struct bd_tracer_gil *all = NULL;
	if ((r = receive_records(t, &all, reply.gils, sizeof *all, deadline, err)) < 0)
		return r;
	size_t n = BD_MIN(max, (size_t)reply.gils);
	if (n)
		memcpy(ret, all, n * sizeof *ret);
	*ret_len = n;
	return 0;
}

int bd_tracer_read(struct bd_tracer *t, int target, struct bd_tracer_reading *ret, struct bd_error *err)
{
	struct bd_trace_reply reply;
	int64_t deadline;
	int r = ask(t, &(struct bd_trace_request){.op = BD_TRACE_READ, .target = target}, &deadline, &reply, err);
	if (r < 0)
		return r;
	BD_CLEANUP(bd_tracer_reading_done)
	struct bd_tracer_reading got = {.threads_len = reply.threads,
		.blocks_len = reply.blocks,
		.hist_len = reply.buckets,
		.lost = reply.lost};
	if ((r = receive_records(t, &got.threads, got.threads_len, sizeof *got.threads, deadline, err)) < 0 ||
		(r = receive_records(t, &got.blocks, got.blocks_len, sizeof *got.blocks, deadline, err)) < 0 ||
		(r = receive_records(t, &got.hist, got.hist_len, sizeof *got.hist, deadline, err)) < 0)
		return r;
	*ret = got;
	got = (struct bd_tracer_reading){0};
	return 0;
}

/* ---- level events -------------------------------------------------------------------------------------------- */

int bd_tracer_info(struct bd_tracer *t, int target, struct bd_tracer_info *ret, struct bd_error *err)
{
	struct bd_trace_reply reply;
	int64_t deadline;
	struct bd_tracer_info info;
	int r = ask(t, &(struct bd_trace_request){.op = BD_TRACE_INFO, .target = target}, &deadline, &reply, err);
	if (r < 0 || (r = receive(t, &info, sizeof info, deadline, err)) < 0)
		return r;
	*ret = info;
	return 0;
}

int bd_tracer_drain(struct bd_tracer *t, int timeout_ms, struct bd_tracer_drained *ret, struct bd_error *err)
{
	struct bd_trace_reply reply;
	int64_t deadline;
	int r = ask_long(t, &(struct bd_trace_request){.op = BD_TRACE_DRAIN, .value = timeout_ms},
		timeout_ms + (int64_t)ANSWER_MS, &deadline, &reply, err);
	if (r < 0)
		return r;
	if (reply.bytes > BD_TRACE_DRAIN_MAX)
		return broken(t, "announced too much", err);
	if (reply.bytes > t->records_size) {
		free(t->records);
		t->records_size = reply.bytes;
		t->records = bd_alloc(t->records_size);
	}
	for (size_t at = 0; at < reply.bytes; at += BD_TRACE_DRAIN_PACKET) {
		size_t n = BD_MIN(reply.bytes - at, (size_t)BD_TRACE_DRAIN_PACKET);
		if ((r = receive(t, t->records + at, n, deadline, err)) < 0)
			return r;
	}
	*ret = (struct bd_tracer_drained){.records = t->records,
		.bytes = reply.bytes,
		.lost = reply.lost,
		.cpu_ns = reply.cpu_ns,
		.alive = reply.alive,
		.gils_change = reply.gils_change};
	return 0;
}

int bd_tracer_pause(struct bd_tracer *t, bool paused, struct bd_error *err)
{
	struct bd_trace_reply reply;
	int64_t deadline;
	return ask(t, &(struct bd_trace_request){.op = BD_TRACE_PAUSE, .value = paused}, &deadline, &reply, err);
}
