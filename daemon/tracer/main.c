/* bench-tracer: the only program with kernel rights. Serves the process that started it, over one descriptor, until end
 * of input. It has no options, reads no files of its own and writes none. */
#include "protocol.h"
#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct server {
	struct bd_targets *targets;
	struct bd_probe *probe;
	struct bd_tracer_reading reading;
	struct bd_records records;
	int epoll;
	bool draining; /* a drain is to be answered, at the latest: */
	int64_t drain_until_ns;
	bool drain_all; /* at once, and with what else would be told later */
};

static int send_all(const void *p, size_t len)
{
	ssize_t n;
	do
		n = send(BD_TRACE_FD, p, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : -EPIPE;
}

static int send_records(const void *records, size_t n, size_t size)
{
	for (size_t at = 0; at < n; at += BD_TRACE_PACKET)
		if (send_all((const char *)records + at * size, BD_MIN(n - at, (size_t)BD_TRACE_PACKET) * size) < 0)
			return -EPIPE;
	return 0;
}

static int answer(struct server *s, const struct bd_trace_request *q)
{
	struct bd_trace_reply r = {.protocol = BD_TRACE_PROTOCOL};
	struct bd_tracer_reading *reading = &s->reading;
	struct bd_tracer_gil gils[BD_PROBE_GILS];
	struct bd_tracer_info info;
	size_t gils_len = 0;
	*reading = (struct bd_tracer_reading){.threads = reading->threads,
		.blocks = reading->blocks,
		.hist = reading->hist};
	switch (q->op) {
	case BD_TRACE_ATTACH:
		bd_targets_attach(s->targets, q->pid, &r.target, &r.error);
		break;
	case BD_TRACE_GILS:
		bd_targets_gils(s->targets, q->target, gils, BD_LEN(gils), &gils_len, &r.error);
		break;
	case BD_TRACE_READ:
		bd_targets_read(s->targets, q->target, reading, &r.error);
		break;
	case BD_TRACE_DETACH:
		bd_targets_detach(s->targets, q->target, &r.error);
		break;
	case BD_TRACE_AWAIT:
		bd_targets_await(s->targets, q->pid, &r.target, &r.error);
		break;
	case BD_TRACE_INFO:
		bd_targets_info(s->targets, q->target, &info, &r.error);
		break;
	case BD_TRACE_PAUSE:
		bd_targets_pause(s->targets, q->value, &r.error);
		break;
	default:
		bd_error_set(&r.error, -EPROTO, "tracer-failed", NULL, "unknown request %u", q->op);
	}
	r.gils = (uint32_t)gils_len;
	r.threads = (uint32_t)reading->threads_len;
	r.blocks = (uint32_t)reading->blocks_len;
	r.buckets = (uint32_t)reading->hist_len;
	r.lost = reading->lost;
	if (send_all(&r, sizeof r) < 0 || send_records(gils, gils_len, sizeof gils[0]) < 0 ||
		send_records(reading->threads, reading->threads_len, sizeof reading->threads[0]) < 0 ||
		send_records(reading->blocks, reading->blocks_len, sizeof reading->blocks[0]) < 0 ||
		(q->op == BD_TRACE_INFO && !r.error.code && send_all(&info, sizeof info) < 0))
		return -EPIPE;
	return send_records(reading->hist, reading->hist_len, sizeof reading->hist[0]);
}

/* ---- level events: records on request, and a look at the targets now and then --------------------------------- */

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int answer_drain(struct server *s)
{
	s->draining = false;
	s->records.len = 0;
	bd_targets_tell(s->targets, s->drain_all);
	bd_probe_drain(s->probe, &s->records);
	bd_targets_heard(s->targets, &s->records);
	struct bd_trace_reply r = {.protocol = BD_TRACE_PROTOCOL,
		.lost = bd_probe_lost(s->probe),
		.bytes = s->records.len,
		.cpu_ns = (uint64_t)cpu_ns(),
		.alive = bd_targets_alive(s->targets),
		.gils_change = bd_targets_change(s->targets)};
	if (send_all(&r, sizeof r) < 0)
		return -EPIPE;
	for (size_t at = 0; at < s->records.len; at += BD_TRACE_DRAIN_PACKET)
		if (send_all(s->records.bytes + at, BD_MIN(s->records.len - at, (size_t)BD_TRACE_DRAIN_PACKET)) < 0)
			return -EPIPE;
	return 0;
}

static int serve_request(struct server *s)
{
	struct bd_trace_request q;
	ssize_t n = recv(BD_TRACE_FD, &q, sizeof q, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n != (ssize_t)sizeof q)
		return -EPIPE;
	if (q.op != BD_TRACE_DRAIN || !s->records.bytes)
		return answer(s, &q);
	s->draining = true;
	s->drain_all = q.value == 0;
	s->drain_until_ns = bd_clock_mono_ns() + q.value * 1000000LL;
	return 0;
}

static void serve(struct server *s)
{
	for (;;) {
		int64_t now = bd_clock_mono_ns(),
			next = BD_MIN(bd_targets_look(s->targets, now), bd_probe_pace(s->probe, now));
		if (s->draining)
			next = BD_MIN(next, s->drain_until_ns);
		int timeout = next == INT64_MAX ? -1 : next <= now ? 0 : (int)((next - now + 999999) / 1000000);
		struct epoll_event e[4];
		int n = epoll_wait(s->epoll, e, BD_LEN(e), timeout);
		bool told = false, asked = false;
		for (int i = 0; i < n; i++) {
			asked |= e[i].data.fd == BD_TRACE_FD;
			told |= e[i].data.fd != BD_TRACE_FD;
		}
		if (asked && serve_request(s) < 0)
			return;
		if (s->draining && (told || bd_clock_mono_ns() >= s->drain_until_ns) && answer_drain(s) < 0)
			return;
	}
}

static bool watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static int prepare(struct server *s, struct bd_error *err)
{
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	bool ok = s->epoll >= 0 && watch(s->epoll, BD_TRACE_FD, EPOLLIN);
	if (ok && bd_probe_level(s->probe) == BD_TRACER_EVENTS) {
		/* edges: any record in the ring makes it readable, only some are urgent */
		ok = watch(s->epoll, bd_probe_ring_fd(s->probe), EPOLLIN | EPOLLET);
		s->records.max = BD_TRACE_DRAIN_MAX;
		s->records.bytes = bd_alloc(s->records.max);
	}
	if (!ok)
		return bd_error_set(err, -errno, "tracer-failed", NULL, "epoll: %s", strerror(errno));
	s->targets = bd_targets_new(s->probe, s->epoll);
	return 0;
}

static void done(struct server *s)
{
	bd_targets_free(&s->targets);
	bd_probe_free(&s->probe);
	bd_closep(&s->epoll);
	free(s->records.bytes);
	free(s->reading.threads);
	free(s->reading.blocks);
	free(s->reading.hist);
}

int main(int argc, char **argv)
{
	/* Ours alone: exec of a file with capabilities clears what the parent had set. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int type;
	socklen_t len = sizeof type;
	if (getsockopt(BD_TRACE_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		fprintf(stderr, "bench-tracer: is started by benchd, not by hand\n");
		return BD_EXIT_USAGE;
	}
	int room = 4 * BD_TRACE_DRAIN_PACKET; /* fewer switches between the two; what is granted will do */
	setsockopt(BD_TRACE_FD, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	enum bd_tracer_level level = argc > 1 && bd_streq(argv[1], "events") ? BD_TRACER_EVENTS : BD_TRACER_COUNTERS;
	struct bd_trace_reply ready = {.protocol = BD_TRACE_PROTOCOL};
	struct server s = {.epoll = -1};
	if (bd_probe_load(level, &s.probe, &ready.error) == 0 && bd_probe_on(s.probe, true, &ready.error) == 0) {
		bd_probe_off(s.probe); /* until there is a target */
		prepare(&s, &ready.error);
	}
	int status = BD_EXIT_OK;
	if (send_all(&ready, sizeof ready) < 0 || ready.error.code)
		status = bd_error_kind(ready.error.key)->exit_status;
	else
		serve(&s);
	done(&s);
	return status;
}
