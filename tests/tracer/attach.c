/* attach TRACER PID: traces one process through the daemon's own client, driven by lines on standard input: `read`,
 * `gils`, `detach`, `attach`; end of input ends it. One line of JSON per answer. The first line is that of attaching;
 * `attach TRACER` without a PID checks the machine only. `attach TRACER PID --events SECONDS` follows it at level events
 * and prints every record until the time is over or standard input ends; with --await the process is still to become
 * Python. */
#include "bd_tracer.h"
#include "records.h"

#include <inttypes.h>
#include <stdio.h>

static int complain(const struct bd_error *err)
{
	printf("{\"error\":{\"key\":\"%s\",\"message\":\"%s\",\"hint\":\"%s\"}}\n", err->key, err->message, err->hint);
	return bd_error_kind(err->key)->exit_status;
}

static void print_reading(const struct bd_tracer_reading *r)
{
	printf("{\"threads\":[");
	for (size_t i = 0; i < r->threads_len; i++) {
		const struct bd_tracer_thread *t = &r->threads[i];
		printf("%s{\"tid\":%" PRId64 ",\"waits\":%" PRIu64 ",\"wait_ns\":%" PRIu64 ",\"holder_ns\":%" PRIu64
		       ",\"runqueue_ns\":%" PRIu64 ",\"switch_ns\":%" PRIu64 ",\"mutex_ns\":%" PRIu64
		       ",\"retries\":%" PRIu64 ",\"max_ns\":%" PRIu64 "}",
			i ? "," : "", t->tid, t->waits, t->wait_ns, t->holder_ns, t->runqueue_ns, t->switch_ns,
			t->mutex_ns, t->retries, t->max_ns);
	}
	printf("],\"blocks\":[");
	for (size_t i = 0; i < r->blocks_len; i++)
		printf("%s{\"waiter\":%" PRId64 ",\"holder\":%" PRId64 ",\"ns\":%" PRIu64 ",\"waits\":%" PRIu64 "}",
			i ? "," : "", r->blocks[i].waiter_tid, r->blocks[i].holder_tid, r->blocks[i].ns,
			r->blocks[i].waits);
	printf("],\"hist\":[");
	for (size_t i = 0; i < r->hist_len; i++)
		printf("%s[%u,%u]", i ? "," : "", r->hist[i].bucket, r->hist[i].count);
	printf("],\"lost\":%" PRIu64 "}\n", r->lost);
}

static int follow(const char *program, pid_t pid, bool await, double seconds)
{
	struct bd_tracer *t = NULL;
	struct bd_error err;
	int target, r = bd_tracer_start(program, BD_TRACER_EVENTS, &t, &err);
	if (r == 0)
		r = await ? bd_tracer_await(t, pid, &target, &err) : bd_tracer_attach(t, pid, &target, &err);
	if (r == 0) {
		printf("{\"target\":%d}\n", target);
		r = print_records(t, seconds, &err);
	}
	int status = r < 0 ? complain(&err) : 0;
	bd_tracer_free(&t);
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 64;
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct bd_error err;
	if (argc == 2) {
		if (bd_tracer_check(argv[1], &err) < 0)
			return complain(&err);
		printf("{\"ok\":true}\n");
		return 0;
	}
	struct bd_tracer *t = NULL;
	int target, status = 0;
	pid_t pid = (pid_t)atoi(argv[2]);
	if (argc >= 5 && bd_streq(argv[3], "--events")) {
		setvbuf(stdout, NULL, _IOFBF, 1 << 16);
		return follow(argv[1], pid, bd_streq(argv[5], "--await"), atof(argv[4]));
	}
	if (bd_tracer_start(argv[1], BD_TRACER_COUNTERS, &t, &err) < 0)
		return complain(&err);
	if (bd_tracer_attach(t, pid, &target, &err) < 0)
		status = complain(&err);
	else
		printf("{\"target\":%d}\n", target);
	char line[64];
	while (status == 0 && fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		struct bd_tracer_reading r = {0};
		struct bd_tracer_gil gils[16];
		size_t n;
		int failed = 0;
		if (bd_streq(line, "read")) {
			failed = bd_tracer_read(t, target, &r, &err);
			if (failed == 0)
				print_reading(&r);
			bd_tracer_reading_done(&r);
		} else if (bd_streq(line, "gils")) {
			failed = bd_tracer_gils(t, target, gils, BD_LEN(gils), &n, &err);
			if (failed == 0) {
				printf("{\"gils\":[");
				for (size_t i = 0; i < n; i++)
					printf("%s{\"interpreter\":%" PRId64 ",\"address\":%" PRIu64
					       ",\"size\":%" PRIu64 "}",
						i ? "," : "", gils[i].interpreter, gils[i].address, gils[i].size);
				printf("]}\n");
			}
		} else if (bd_streq(line, "detach")) {
			failed = bd_tracer_detach(t, target, &err);
			if (failed == 0)
				printf("{\"detached\":true}\n");
		} else if (bd_streq(line, "attach")) {
			failed = bd_tracer_attach(t, pid, &target, &err);
			if (failed == 0)
				printf("{\"target\":%d}\n", target);
		} else {
			status = 64;
		}
		if (failed < 0)
			complain(&err);
	}
	bd_tracer_free(&t);
	return status;
}
