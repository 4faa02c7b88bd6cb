/* bench-tracer: the only program with kernel rights. Serves the process that started it, over one descriptor, until end
 * of input. It has no options, reads no files of its own and writes none. */
#include "protocol.h"
#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

static int answer(struct bd_targets *targets, const struct bd_trace_request *q, struct bd_tracer_reading *reading)
{
	struct bd_trace_reply r = {.protocol = BD_TRACE_PROTOCOL};
	struct bd_tracer_gil gils[BD_PROBE_GILS];
	size_t gils_len = 0;
	*reading = (struct bd_tracer_reading){.threads = reading->threads,
		.blocks = reading->blocks,
		.hist = reading->hist};
	switch (q->op) {
	case BD_TRACE_ATTACH:
		bd_targets_attach(targets, q->pid, &r.target, &r.error);
		break;
	case BD_TRACE_GILS:
		bd_targets_gils(targets, q->target, gils, BD_LEN(gils), &gils_len, &r.error);
		break;
	case BD_TRACE_READ:
		bd_targets_read(targets, q->target, reading, &r.error);
		break;
	case BD_TRACE_DETACH:
		bd_targets_detach(targets, q->target, &r.error);
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
		send_records(reading->blocks, reading->blocks_len, sizeof reading->blocks[0]) < 0)
		return -EPIPE;
	return send_records(reading->hist, reading->hist_len, sizeof reading->hist[0]);
}

static void serve(struct bd_targets *targets)
{
	struct bd_tracer_reading reading = {0};
	for (;;) {
		struct bd_trace_request q;
		ssize_t n = recv(BD_TRACE_FD, &q, sizeof q, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof q || answer(targets, &q, &reading) < 0)
			break;
	}
	free(reading.threads);
	free(reading.blocks);
	free(reading.hist);
}

int main(void)
{
	/* Ours alone: exec of a file with capabilities clears what the parent had set. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int type;
	socklen_t len = sizeof type;
	if (getsockopt(BD_TRACE_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		fprintf(stderr, "bench-tracer: is started by benchd, not by hand\n");
		return BD_EXIT_USAGE;
	}
	struct bd_trace_reply ready = {.protocol = BD_TRACE_PROTOCOL};
	struct bd_probe *probe = NULL;
	if (bd_probe_load(&probe, &ready.error) == 0 && bd_probe_on(probe, &ready.error) == 0)
		bd_probe_off(probe); /* until there is a target */
	int status = BD_EXIT_OK;
	if (send_all(&ready, sizeof ready) < 0 || ready.error.code) {
		status = bd_error_kind(ready.error.key)->exit_status;
	} else {
		struct bd_targets *targets = bd_targets_new(probe);
		serve(targets);
		bd_targets_free(&targets);
	}
	bd_probe_free(&probe);
	return status;
}
