/* Chrome trace events: of a trace whose every moment is known. */
#include "world.h"

#include <errno.h>

struct names {
	int32_t holder, victim, gil, own_gil, burn, queue;
};

/* Of the holder and its victim. The holder is sampled, the victim waits for it, and then the other way round. */
static struct names small(struct bd_trace_writer *w)
{
	struct bd_trace_frame burn[] = {frame("burn", "/srv/app.py", 41, "spin (libburn.so)"),
		frame("main", "/srv/app.py", 90, NULL)};
	struct bd_trace_frame queue[] = {frame("get \"q\"", "/srv/queue.py", 7, NULL)};
	struct names n = {
		.holder = bd_trace_write_thread(w, 42, 101, "holder"),
		.victim = bd_trace_write_thread(w, 42, 102, NULL),
		.gil = bd_trace_write_gil(w, 42, 0, 0x7f00),
		.own_gil = bd_trace_write_gil(w, 42, 3, 0x7f80),
		.burn = bd_trace_write_stack(w, burn, BD_LEN(burn)),
		.queue = bd_trace_write_stack(w, queue, BD_LEN(queue)),
	};
	for (int i = 1; i <= 3; i++)
		bd_trace_write_hold(w, &(struct bd_trace_hold){n.holder, n.gil, n.burn, i == 3, i * MS, i * MS, 1});
	bd_trace_write_wait(w,
		&(struct bd_trace_wait){.thread = n.victim,
			.gil = n.gil,
			.stack = n.queue,
			.start_ns = 2500 * US,
			.end_ns = 4 * MS + 7,
			.holder_ns = 1400 * US,
			.runqueue_ns = 100 * US + 7,
			.piece = {{n.holder, n.burn, 1400 * US}},
			.pieces_len = 1});
	bd_trace_write_wait(w,
		&(struct bd_trace_wait){.thread = n.holder,
			.gil = n.gil,
			.stack = n.burn,
			.retry = true,
			.start_ns = 3900 * US,
			.end_ns = 6 * MS,
			.holder_ns = 2000 * US,
			.runqueue_ns = 50 * US,
			.switch_ns = 30 * US,
			.mutex_ns = 20 * US,
			.piece = {{n.victim, -1, 2000 * US}},
			.pieces_len = 1});
	bd_trace_write_wait(w,
		&(struct bd_trace_wait){.thread = n.victim,
			.gil = n.gil,
			.stack = -1,
			.start_ns = 5900 * US,
			.end_ns = 6500 * US,
			.holder_ns = 600 * US,
			.piece = {{-1, -1, 600 * US}},
			.pieces_len = 1});
	return n;
}

static cJSON *parsed(const struct text *t)
{
	cJSON *j = cJSON_ParseWithLength(t->out.s, t->out.len);
	if (!j)
		BD_FAIL("no JSON: %s", t->out.s);
	return j;
}

static const char *text_of(const cJSON *o, const char *key)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
	return s ? s : "";
}
/* us with three decimals, as ns */
static long long ns_of(const cJSON *o, const char *key)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
	BD_CHECK(cJSON_IsNumber(n));
	return llround(n->valuedouble * 1000);
}
static long long int_of(const cJSON *o, const char *key)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
	BD_CHECK(cJSON_IsNumber(n));
	return llround(n->valuedouble);
}
static const cJSON *args(const cJSON *o)
{
	return cJSON_GetObjectItemCaseSensitive(o, "args");
}
/* The nth event of a phase, thread and (unless NULL) name. */
static const cJSON *find(const cJSON *j, const char *phase, int tid, const char *name, int nth)
{
	const cJSON *e;
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(j, "traceEvents"))
		if (bd_streq(text_of(e, "ph"), phase) && int_of(e, "tid") == tid &&
			(!name || bd_streq(text_of(e, "name"), name)) && nth-- == 0)
			return e;
	return NULL;
}

static struct chunks one_chunk(struct bd_trace_writer *w)
{
	struct chunks c = {0};
	cut(w, &c);
	return c;
}

static void check_slice(const cJSON *e, long long from, long long to)
{
	BD_CHECK(e);
	BD_CHECK_INT(ns_of(e, "ts"), from);
	BD_CHECK_INT(ns_of(e, "ts") + ns_of(e, "dur"), to);
}

BD_TEST(waits_and_holds_are_where_they_were)
{
	auto_writer struct bd_trace_writer *w = NULL;
	bd_trace_writer_new(MS, &w);
	small(w);
	auto_chunks struct chunks c = one_chunk(w);
	auto_text struct text t = exported(BD_FORMAT_PERFETTO, &c);
	bd_auto_json cJSON *j = parsed(&t);
	check_slice(find(j, "X", 102, "waiting for the GIL", 0), 2500 * US, 4 * MS + 7);
	check_slice(find(j, "X", 101, "waiting for the GIL", 0), 3900 * US, 6 * MS);
	check_slice(find(j, "X", 102, "waiting for the GIL", 1), 5900 * US, 6500 * US);
	BD_CHECK(!find(j, "X", 101, "waiting for the GIL", 1));
	/* seen from its first sample until it let the victim in */
	check_slice(find(j, "X", 101, "holding the GIL", 0), 1 * MS, 3900 * US);
	/* from its wait's end until its own next wait */
	check_slice(find(j, "X", 102, "holding the GIL", 0), 4 * MS + 7, 5900 * US);
	/* nothing tells how long the last ones held it */
	BD_CHECK(!find(j, "X", 101, "holding the GIL", 1));
	BD_CHECK(!find(j, "X", 102, "holding the GIL", 1));
}

BD_TEST(a_wait_says_why_and_where)
{
	auto_writer struct bd_trace_writer *w = NULL;
	bd_trace_writer_new(MS, &w);
	small(w);
	auto_chunks struct chunks c = one_chunk(w);
	auto_text struct text t = exported(BD_FORMAT_PERFETTO, &c);
	bd_auto_json cJSON *j = parsed(&t);
	const cJSON *first = args(find(j, "X", 102, "waiting for the GIL", 0));
	BD_CHECK_INT(int_of(first, "holder_ns"), 1400 * US);
	BD_CHECK_INT(int_of(first, "runqueue_ns"), 100 * US + 7);
	BD_CHECK_INT(int_of(first, "interpreter"), 0);
	BD_CHECK_STR(text_of(first, "at"), "get \"q\" (/srv/queue.py:7)");
	const cJSON *by = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(first, "blocked_by"), 0);
	BD_CHECK_STR(text_of(by, "thread"), "holder (101)");
	BD_CHECK_STR(text_of(by, "at"), "burn (/srv/app.py:41), in spin (libburn.so)");
	BD_CHECK_INT(int_of(by, "ns"), 1400 * US);
	const cJSON *second = args(find(j, "X", 101, "waiting for the GIL", 0));
	BD_CHECK_INT(int_of(second, "switch_ns"), 30 * US);
	BD_CHECK_INT(int_of(second, "mutex_ns"), 20 * US);
	BD_CHECK(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(second, "retry")));
	BD_CHECK(!cJSON_GetObjectItemCaseSensitive(first, "retry"));
	/* what is unknown is not made up */
	const cJSON *third = args(find(j, "X", 102, "waiting for the GIL", 1));
	BD_CHECK(!cJSON_GetObjectItemCaseSensitive(third, "at"));
	by = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(third, "blocked_by"), 0);
	BD_CHECK_STR(text_of(by, "thread"), "unknown thread");
	const cJSON *sample = find(j, "i", 101, "burn (/srv/app.py:41), in spin (libburn.so)", 2);
	BD_CHECK(sample);
	BD_CHECK_INT(ns_of(sample, "ts"), 3 * MS);
	BD_CHECK_INT(int_of(args(sample), "waiters"), 1);
}

BD_TEST(arrows_lead_from_the_hold_to_the_wait_it_ended)
{
	auto_writer struct bd_trace_writer *w = NULL;
	bd_trace_writer_new(MS, &w);
	small(w);
	auto_chunks struct chunks c = one_chunk(w);
	auto_text struct text t = exported(BD_FORMAT_PERFETTO, &c);
	bd_auto_json cJSON *j = parsed(&t);
	const cJSON *from = find(j, "s", 101, NULL, 0), *to = find(j, "f", 102, NULL, 0);
	BD_CHECK(from && to);
	BD_CHECK_INT(int_of(from, "id"), int_of(to, "id"));
	BD_CHECK_INT(ns_of(from, "ts"), 3900 * US - 1);
	BD_CHECK_INT(ns_of(to, "ts"), 4 * MS + 6);
	BD_CHECK_STR(text_of(to, "bp"), "e");
	from = find(j, "s", 102, NULL, 0), to = find(j, "f", 101, NULL, 0);
	BD_CHECK(from && to);
	BD_CHECK_INT(int_of(from, "id"), int_of(to, "id"));
	/* nobody is known to have let the victim in the second time */
	BD_CHECK(!find(j, "f", 102, NULL, 1));
	BD_CHECK(!find(j, "s", 101, NULL, 1));
}

BD_TEST(names_and_counter)
{
	auto_writer struct bd_trace_writer *w = NULL;
	bd_trace_writer_new(MS, &w);
	struct names n = small(w);
	bd_trace_write_wait(w,
		&(struct bd_trace_wait){.thread = n.victim,
			.gil = n.own_gil,
			.stack = -1,
			.start_ns = 7000 * US,
			.end_ns = 7001 * US,
			.holder_ns = 1 * US});
	auto_chunks struct chunks c = one_chunk(w);
	auto_text struct text t = exported(BD_FORMAT_PERFETTO, &c);
	bd_auto_json cJSON *j = parsed(&t);
	BD_CHECK_STR(text_of(args(find(j, "M", 101, "thread_name", 0)), "name"), "holder");
	BD_CHECK_STR(text_of(args(find(j, "M", 102, "thread_name", 0)), "name"), "thread");
	BD_CHECK_STR(text_of(args(find(j, "M", 42, "process_name", 0)), "name"), "python3 \"app\".py");
	/* the area under the counter is the time that was waited */
	double sum = 0, level = 0;
	long long last = 0;
	for (int i = 0;; i++) {
		const cJSON *e = find(j, "C", 42, "threads waiting for the GIL", i);
		if (!e)
			break;
		BD_CHECK(ns_of(e, "ts") >= last);
		sum += level * (double)(ns_of(e, "ts") - last);
		last = ns_of(e, "ts");
		level = cJSON_GetObjectItemCaseSensitive(args(e), "threads")->valuedouble;
		BD_CHECK(level >= 0 && level <= 2);
	}
	BD_CHECK_NEAR(level, 0, 0);
	double truth = 1500 * US + 7 + 2100 * US + 600 * US;
	BD_CHECK_NEAR(sum, truth, 1e-3 * truth);
	BD_CHECK(find(j, "C", 42, "threads waiting for the GIL of interpreter 3", 0));
}

BD_TEST(locks_spins_batches_and_losses)
{
	auto_writer struct bd_trace_writer *w = NULL;
	bd_trace_writer_new(MS, &w);
	int32_t a = bd_trace_write_thread(w, 9, 11, "a"), b = bd_trace_write_thread(w, 9, 12, "b");
	int32_t dict = bd_trace_write_lock_kind(w, "critical-section", "dict", 0x7fabc0);
	int32_t cell = bd_trace_write_cell(w, "gil/threads=2");
	struct bd_trace_frame fight[] = {frame("fight", "x.py", 3, NULL)};
	int32_t stack = bd_trace_write_stack(w, fight, 1);
	bd_trace_write_lock(w, &(struct bd_trace_lock){a, b, stack, dict, 10 * US, 20 * US, 2 * US});
	/* a sum over a time in which the thread also slept */
	bd_trace_write_spin(w, &(struct bd_trace_spin){a, stack, 5 * US, 40 * US, 7 * US, 900});
	bd_trace_write_mark(w, &(struct bd_trace_mark){cell, 0, 50 * US, 0});
	bd_trace_write_mark(w, &(struct bd_trace_mark){-1, 0, 1000 * MS, 120});
	auto_chunks struct chunks c = one_chunk(w);
	auto_text struct text t = exported(BD_FORMAT_PERFETTO, &c);
	bd_auto_json cJSON *j = parsed(&t);
	const cJSON *lock = find(j, "X", 11, "waiting for a lock: dict (critical-section)", 0);
	check_slice(lock, 10 * US, 20 * US);
	BD_CHECK_STR(text_of(args(lock), "woken_by"), "b (12)");
	BD_CHECK_STR(text_of(args(lock), "address"), "0x7fabc0");
	BD_CHECK_INT(int_of(args(lock), "runqueue_ns"), 2 * US);
	const cJSON *spin = find(j, "X", 11, "spinning", 0);
	check_slice(spin, 20 * US, 40 * US);
	BD_CHECK_INT(int_of(args(spin), "yields"), 900);
	BD_CHECK_INT(int_of(args(spin), "off_ns"), 7 * US);
	check_slice(find(j, "X", 4194305, "gil/threads=2", 0), 0, 50 * US);
	BD_CHECK_INT(int_of(args(find(j, "i", 42, "120 records lost", 0)), "lost"), 120);
	BD_CHECK(!find(j, "C", 9, "threads waiting for the GIL", 0));
	BD_CHECK(find(j, "C", 9, "threads waiting for locks", 0));
}

BD_TEST(an_empty_trace_is_a_file)
{
	struct chunks none = {0};
	auto_text struct text t = exported(BD_FORMAT_PERFETTO, &none);
	bd_auto_json cJSON *j = parsed(&t);
	BD_CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(j, "traceEvents")), 0);
	BD_CHECK_INT(int_of(cJSON_GetObjectItemCaseSensitive(j, "otherData"), "start_mono_ns"), 77);
}

BD_TEST(a_cut_trace_is_a_file_too)
{
	auto_writer struct bd_trace_writer *w = NULL;
	struct bd_error err = {0};
	bd_trace_writer_new(MS, &w);
	small(w);
	auto_chunks struct chunks c = one_chunk(w);
	bool cut_short = false, all = false;
	for (size_t n = 0; n <= c.data[0].len; n++) {
		auto_text struct text t = {0};
		bd_auto_exporter struct bd_exporter *e = NULL;
		BD_CHECK_INT(bd_exporter_begin(BD_FORMAT_PERFETTO, &world_trace, take_text, &t, &e, &err), 0);
		struct bd_trace_chunk chunk = {0, 0, c.data[0].s, n};
		int r = bd_exporter_chunk(e, &chunk, &err);
		if (r < 0)
			BD_CHECK_STR(err.key, "bad-trace");
		BD_CHECK_INT(bd_exporter_end(e, &err), 0);
		bd_auto_json cJSON *j = parsed(&t);
		cut_short |= r < 0;
		all |= r == 0 && find(j, "X", 102, "waiting for the GIL", 1) != NULL;
	}
	BD_CHECK(cut_short && all);
}

BD_TEST(names_of_any_bytes_stay_JSON)
{
	auto_writer struct bd_trace_writer *w = NULL;
	bd_trace_writer_new(MS, &w);
	int32_t t1 = bd_trace_write_thread(w, 1, 2, "a\"b\\c\n\x01\xff\xc3\xa9\xed\xa0\x80");
	bd_trace_write_hold(w, &(struct bd_trace_hold){t1, -1, -1, 0, 5, 5, 1});
	auto_chunks struct chunks c = one_chunk(w);
	auto_text struct text t = exported(BD_FORMAT_PERFETTO, &c);
	bd_auto_json cJSON *j = parsed(&t);
	BD_CHECK_STR(text_of(args(find(j, "M", 2, "thread_name", 0)), "name"),
		"a\"b\\c\n\x01\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

BD_TEST(a_reader_that_goes_away_ends_it)
{
	auto_writer struct bd_trace_writer *w = NULL;
	struct bd_error err = {0};
	bd_trace_writer_new(MS, &w);
	struct names n = small(w);
	for (int i = 0; i < 20000; i++)
		bd_trace_write_hold(w,
			&(struct bd_trace_hold){n.holder, n.gil, n.burn, 0, (10LL + i) * MS, (10LL + i) * MS, 1});
	auto_chunks struct chunks c = one_chunk(w);
	struct bd_trace_chunk chunk = c.chunk[0];
	chunk.data = c.data[0].s;
	auto_text struct text t = {.fail_after = 2};
	bd_auto_exporter struct bd_exporter *e = NULL;
	BD_CHECK_INT(bd_exporter_begin(BD_FORMAT_PERFETTO, &world_trace, take_text, &t, &e, &err), 0);
	BD_CHECK_INT(bd_exporter_chunk(e, &chunk, &err), -EPIPE);
	BD_CHECK_INT(t.calls, 2);
	BD_CHECK_INT(bd_exporter_end(e, &err), -EPIPE);
	BD_CHECK_INT(t.calls, 2);
	/* and nothing of it is kept meanwhile */
	BD_CHECK(t.largest < 100000);
}

BD_TEST_MAIN
