/* Sessions with the real tracer on a real interpreter. */
#include "bd_test.h"
#include "bd_traces.h"

#include <signal.h>
#include <sys/stat.h>

/* The culprit holds the GIL for 3 ms at a time, on line 4; the victim wants it every 2 ms. */
static const char program[] = "import ctypes, threading, time\n"
			      "def culprit():\n"
			      "    while True:\n"
			      "        hold(3000)\n"
			      "        time.sleep(0.001)\n"
			      "def victim():\n"
			      "    while True:\n"
			      "        time.sleep(0.002)\n"
			      "hold = ctypes.PyDLL(None).usleep\n"
			      "for f in (culprit, victim):\n"
			      "    threading.Thread(target=f, daemon=True).start()\n"
			      "print('ready', flush=True)\n"
			      "time.sleep(600)\n";

struct world {
	char data[64];
	struct bd_store *store;
	struct bd_traces *traces;
	pid_t target;
	int changes, ends; /* told */
};

static char *tracer_path(void)
{
	return bd_printf("%s/../bin/bench-tracer", bd_program_dir());
}

static pid_t start_target(void)
{
	int ready[2];
	BD_CHECK(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ready[1], 1);
		execl("/usr/bin/python3", "python3", "-c", program, (char *)NULL);
		_exit(127);
	}
	close(ready[1]);
	char line[8];
	BD_CHECK_INT(read(ready[0], line, 5), 5);
	close(ready[0]);
	return pid;
}

static void on_change(const char *id, bool ended, void *arg)
{
	(void)id;
	struct world *w = arg;
	__atomic_add_fetch(ended ? &w->ends : &w->changes, 1, __ATOMIC_SEQ_CST);
}

static void open_all(struct world *w)
{
	bd_auto_free char *tracer = tracer_path();
	struct bd_error err = {0};
	if (bd_store_open(w->data, &w->store, &err) < 0)
		BD_FAIL("%s", err.message);
	bd_traces_new(&(struct bd_traces_config){tracer, on_change, w}, w->store, &w->traces);
}

static void begin(struct world *w)
{
	*w = (struct world){.target = start_target()};
	snprintf(w->data, sizeof w->data, "/tmp/benchd-traces.XXXXXX");
	BD_CHECK(mkdtemp(w->data));
	open_all(w);
}

static void kill_target(struct world *w)
{
	if (w->target) {
		kill(w->target, SIGKILL);
		waitpid(w->target, NULL, 0);
	}
	w->target = 0;
}

static void end(struct world *w)
{
	bd_traces_free(&w->traces);
	bd_store_free(&w->store);
	kill_target(w);
	bd_auto_free char *command = bd_printf("rm -r %s", w->data);
	BD_CHECK_INT(system(command), 0);
}

static int start(struct world *w, double seconds, int64_t pid, const char *level, char *id, struct bd_error *err)
{
	const struct bd_trace_request q = {.pid = pid,
		.seconds = seconds,
		.level = (char *)level,
		.max_bytes = BD_NULL_INT};
	int r = bd_traces_start(w->traces, &q, id, err);
	if (r < 0 &&
		(bd_streq(err->key, "no-bpf-rights") || bd_streq(err->key, "no-btf") ||
			bd_streq(err->key, "tracer-blind")))
		BD_SKIP("%s", err->message);
	return r;
}

static void start_or_fail(struct world *w, double seconds, char *id)
{
	struct bd_error err = {0};
	if (start(w, seconds, w->target, NULL, id, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
}

static cJSON *document(struct world *w, const char *id)
{
	cJSON *d = NULL;
	struct bd_error err = {0};
	if (bd_traces_document(w->traces, id, &d, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	return d;
}

static const cJSON *member(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* The document, when it says that many waits or that state. */
static cJSON *wait_for(struct world *w, const char *id, double waits, const char *state)
{
	for (int64_t until = bd_clock_mono_ns() + 60000000000; bd_clock_mono_ns() < until; bd_sleep_ns(10000000)) {
		cJSON *d = document(w, id);
		if (state ? bd_streq(member(d, "state")->valuestring, state) : member(d, "waits")->valuedouble >= waits)
			return d;
		cJSON_Delete(d);
	}
	BD_FAIL("it did not come to that within a minute");
}

static void check_culprit(const cJSON *d)
{
	const cJSON *blocker = cJSON_GetArrayItem(member(d, "blockers"), 0),
		    *line = cJSON_GetArrayItem(member(d, "lines"), 0);
	BD_CHECK(blocker && line);
	BD_CHECK_STR(member(line, "role")->valuestring, "holder");
	BD_CHECK_STR(member(line, "function")->valuestring, "culprit");
	BD_CHECK_INT(member(line, "line")->valuedouble, 4);
	BD_CHECK_INT(member(blocker, "holder")->valuedouble, member(line, "tid")->valuedouble);
	BD_CHECK(member(blocker, "ns")->valuedouble > 0.9 * member(d, "wait_ns")->valuedouble);
}

struct added {
	struct bd_trace_definitions d;
	int64_t waits;
};

static int count_wait(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	(void)d;
	(void)e;
	((struct added *)arg)->waits++;
	return 0;
}

static int count_chunk(const struct bd_trace_chunk *chunk, void *arg)
{
	const struct bd_trace_visitor v = {.wait = count_wait};
	struct added *a = arg;
	return bd_trace_read_chunk(chunk->data, chunk->bytes, &a->d, &v, a, NULL);
}

BD_TEST(a_trace_names_the_culprit_and_is_stored)
{
	struct world w;
	char id[BD_ULID_LEN];
	begin(&w);
	BD_CHECK(bd_traces_idle(w.traces));
	start_or_fail(&w, (double)NAN, id);
	BD_CHECK(!bd_traces_idle(w.traces));
	bd_auto_json cJSON *live = wait_for(&w, id, 50, NULL);
	BD_CHECK_STR(member(live, "state")->valuestring, "running");
	check_culprit(live);
	BD_CHECK_INT(bd_traces_stop(w.traces, id, NULL), 0);
	BD_CHECK_INT(bd_traces_stop(w.traces, id, NULL), 0);
	bd_auto_json cJSON *done = document(&w, id);
	BD_CHECK_STR(member(done, "state")->valuestring, "complete");
	BD_CHECK(cJSON_IsNull(member(done, "reason")));
	check_culprit(done);
	BD_CHECK_INT(member(done, "lost")->valuedouble, 0);
	BD_CHECK(bd_traces_idle(w.traces));
	struct added a = {0};
	BD_CHECK_INT(bd_store_trace_chunks_each(w.store, id, count_chunk, &a, NULL), 0);
	BD_CHECK_INT(a.waits, member(done, "waits")->valuedouble);
	bd_trace_definitions_done(&a.d);
	struct bd_trace row = {0};
	BD_CHECK_INT(bd_store_trace_get(w.store, id, &row, NULL), 0);
	BD_CHECK_INT(row.waits, a.waits);
	BD_CHECK_INT(row.state, BD_RUN_COMPLETE);
	BD_CHECK(row.python && bd_starts_with(row.python, "3."));
	bd_trace_done(&row);
	BD_CHECK(w.changes > 0);
	end(&w);
	BD_CHECK_INT(w.ends, 1);
}

BD_TEST(a_target_that_is_killed_ends_its_trace)
{
	struct world w;
	char id[BD_ULID_LEN];
	begin(&w);
	start_or_fail(&w, (double)NAN, id);
	cJSON_Delete(wait_for(&w, id, 20, NULL));
	kill_target(&w);
	bd_auto_json cJSON *d = wait_for(&w, id, 0, "complete");
	BD_CHECK_STR(member(member(d, "reason"), "key")->valuestring, "target-ended");
	check_culprit(d);
	end(&w);
}

BD_TEST(a_trace_ends_when_its_time_is_over_or_nobody_watches)
{
	struct world w;
	char id[BD_ULID_LEN], watched[BD_ULID_LEN];
	begin(&w);
	start_or_fail(&w, 0.5, id);
	start_or_fail(&w, (double)NAN, watched);
	BD_CHECK_INT(bd_traces_watch(w.traces, watched, 1, NULL), 0);
	cJSON_Delete(wait_for(&w, id, 0, "complete"));
	bd_auto_json cJSON *timed = document(&w, id);
	BD_CHECK(member(timed, "seconds")->valuedouble >= 0.5);
	BD_CHECK(cJSON_IsNull(member(timed, "reason")));
	BD_CHECK(bd_traces_watch(w.traces, id, 1, NULL) < 0);
	bd_auto_json cJSON *still = document(&w, watched);
	BD_CHECK_STR(member(still, "state")->valuestring, "running");
	BD_CHECK_INT(bd_traces_watch(w.traces, watched, -1, NULL), 0);
	bd_auto_json cJSON *d = wait_for(&w, watched, 0, "complete");
	BD_CHECK_STR(member(member(d, "reason"), "key")->valuestring, "unwatched");
	end(&w);
}

BD_TEST(what_cannot_be_traced_is_refused_by_name)
{
	struct world w;
	char id[BD_ULID_LEN] = "untouched";
	struct bd_error err = {0};
	begin(&w);
	BD_CHECK(start(&w, 1, w.target, "counters", id, &err) < 0);
	BD_CHECK_STR(err.key, "unknown-value");
	BD_CHECK(start(&w, 1, 0, NULL, id, &err) < 0);
	BD_CHECK_STR(err.key, "bad-value");
	pid_t gone = fork();
	if (gone == 0)
		_exit(0);
	waitpid(gone, NULL, 0);
	BD_CHECK(start(&w, 1, gone, NULL, id, &err) < 0);
	BD_CHECK_STR(err.key, "no-such-process");
	BD_CHECK_STR(id, "untouched");
	cJSON *d = NULL;
	BD_CHECK(bd_traces_document(w.traces, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &d, &err) < 0);
	BD_CHECK_STR(err.key, "not-found");
	BD_CHECK(bd_traces_stop(w.traces, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &err) < 0);
	BD_CHECK_STR(err.key, "not-found");
	struct bd_trace_list none = {0};
	BD_CHECK_INT(bd_store_traces_list(w.store, &(struct bd_trace_filter){.limit = 10}, &none, NULL), 0);
	BD_CHECK_INT(none.traces_len, 0); /* nothing is left of what never began */
	bd_doc_done(&bd_trace_list_doc, &none);
	end(&w);
}

BD_TEST(a_daemon_that_ends_interrupts_its_traces)
{
	struct world w;
	char id[BD_ULID_LEN];
	begin(&w);
	start_or_fail(&w, (double)NAN, id);
	cJSON_Delete(wait_for(&w, id, 20, NULL));
	bd_traces_free(&w.traces);
	bd_auto_free char *tracer = tracer_path();
	bd_traces_new(&(struct bd_traces_config){tracer, on_change, &w}, w.store, &w.traces);
	bd_auto_json cJSON *d = document(&w, id);
	BD_CHECK_STR(member(d, "state")->valuestring, "interrupted");
	check_culprit(d);
	end(&w);
}

/* The daemon is killed in the middle: what it had stored becomes a document. */
BD_TEST(what_a_killed_daemon_had_stored_is_recovered)
{
	struct world w;
	begin(&w);
	bd_traces_free(&w.traces);
	bd_store_free(&w.store);
	int told[2];
	BD_CHECK(pipe(told) == 0);
	pid_t daemon = fork();
	if (daemon == 0) {
		char id[BD_ULID_LEN];
		open_all(&w);
		start_or_fail(&w, (double)NAN, id);
		for (struct bd_trace row = {0};; bd_trace_done(&row), bd_sleep_ns(10000000))
			if (bd_store_trace_get(w.store, id, &row, NULL) == 0 && row.bytes > 4000)
				break;
		BD_CHECK_INT(write(told[1], id, sizeof id), sizeof id);
		for (;;)
			pause();
	}
	close(told[1]);
	char id[BD_ULID_LEN];
	if (read(told[0], id, sizeof id) != sizeof id) {
		int status;
		waitpid(daemon, &status, 0);
		kill_target(&w);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1); /* skipped or failed there */
	}
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	open_all(&w);
	BD_CHECK_INT(bd_store_recover(w.store, NULL), 0);
	cJSON *before = NULL;
	BD_CHECK(bd_traces_document(w.traces, id, &before, NULL) < 0); /* nobody has written one */
	BD_CHECK_INT(bd_traces_recover(w.traces, NULL), 0);
	bd_auto_json cJSON *d = document(&w, id);
	BD_CHECK_STR(member(d, "state")->valuestring, "interrupted");
	BD_CHECK(member(d, "waits")->valuedouble > 0);
	BD_CHECK(member(d, "seconds")->valuedouble > 0);
	check_culprit(d);
	end(&w);
}

BD_TEST_MAIN
