/* Stored traces: what is written is what is read, chunk by chunk, in few bytes; and bytes that are none are refused. */
#include "bd_model.h"
#include "bd_test.h"

#define FRAMES_MAX 16

static void put_stack(struct bd_str *out, const struct bd_trace_definitions *d, int32_t i)
{
	BD_CHECK(i >= -1 && i < (int64_t)d->stacks_len);
	if (i < 0) {
		bd_str_puts(out, " ?");
		return;
	}
	for (size_t f = 0; f < d->stacks[i].frames_len; f++) {
		const struct bd_trace_frame *at = &d->stacks[i].frames[f];
		bd_str_printf(out, " %s(%s:%lld)%s", at->function ? at->function : "-", at->file ? at->file : "-",
			(long long)at->line, at->native ? at->native : "");
	}
}

static const char *thread_name(const struct bd_trace_definitions *d, int32_t i)
{
	BD_CHECK(i >= -1 && i < (int64_t)d->threads_len);
	return i < 0 ? "?" : d->threads[i].name ? d->threads[i].name : "-";
}

/* Entries as text: two that read the same are the same. */
static int dump_wait(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	struct bd_str *out = arg;
	bd_str_printf(out, "wait %s gil %d %lld-%lld = %lld %lld %lld %lld%s", thread_name(d, e->thread), e->gil,
		(long long)e->start_ns, (long long)e->end_ns, (long long)e->holder_ns, (long long)e->runqueue_ns,
		(long long)e->switch_ns, (long long)e->mutex_ns, e->retry ? " again" : "");
	put_stack(out, d, e->stack);
	for (size_t i = 0; i < e->pieces_len; i++) {
		bd_str_printf(out, " | %s %lld", thread_name(d, e->piece[i].holder), (long long)e->piece[i].ns);
		put_stack(out, d, e->piece[i].stack);
	}
	bd_str_puts(out, "\n");
	return 0;
}

static int dump_hold(const struct bd_trace_definitions *d, const struct bd_trace_hold *e, void *arg)
{
	bd_str_printf(arg, "hold %s gil %d %lld-%lld %d x%d", thread_name(d, e->thread), e->gil, (long long)e->start_ns,
		(long long)e->end_ns, e->waiters, e->times);
	put_stack(arg, d, e->stack);
	bd_str_puts(arg, "\n");
	return 0;
}

static int dump_lock(const struct bd_trace_definitions *d, const struct bd_trace_lock *e, void *arg)
{
	bd_str_printf(arg, "lock %s by %s %s %lld-%lld %lld", thread_name(d, e->thread), thread_name(d, e->waker),
		e->kind < 0                      ? "?"
			: d->locks[e->kind].type ? d->locks[e->kind].type
						 : d->locks[e->kind].kind,
		(long long)e->start_ns, (long long)e->end_ns, (long long)e->runqueue_ns);
	put_stack(arg, d, e->stack);
	bd_str_puts(arg, "\n");
	return 0;
}

static int dump_spin(const struct bd_trace_definitions *d, const struct bd_trace_spin *e, void *arg)
{
	bd_str_printf(arg, "spin %s %lld-%lld %lld %lld", thread_name(d, e->thread), (long long)e->start_ns,
		(long long)e->end_ns, (long long)e->off_ns, (long long)e->yields);
	put_stack(arg, d, e->stack);
	bd_str_puts(arg, "\n");
	return 0;
}

static int dump_mark(const struct bd_trace_definitions *d, const struct bd_trace_mark *e, void *arg)
{
	bd_str_printf(arg, "mark %s %lld-%lld %lld\n", e->cell < 0 ? "lost" : d->cells.v[e->cell],
		(long long)e->start_ns, (long long)e->end_ns, (long long)e->lost);
	return 0;
}

static const struct bd_trace_visitor dump = {dump_wait, dump_hold, dump_lock, dump_spin, dump_mark};

static struct bd_trace_frame frame(const char *function, const char *file, int64_t line, const char *native)
{
	return (struct bd_trace_frame){.function = (char *)function,
		.file = (char *)file,
		.native = (char *)native,
		.line = line};
}

/* One entry of each kind and every way a wait is written; the text that reading must give goes to expected. */
static void write_all_kinds(struct bd_trace_writer *w, int64_t at, struct bd_str *expected)
{
	struct bd_trace_frame frames[] = {frame("inner", "/srv/app.py", 12, "spin"),
		frame("outer", "/srv/app.py", 40, NULL), frame(NULL, NULL, 0, NULL)};
	int32_t a = bd_trace_write_thread(w, 7, 7, "main"), b = bd_trace_write_thread(w, 7, 8, "worker"),
		gil = bd_trace_write_gil(w, 7, 0, 0x7f0000001000), two = bd_trace_write_gil(w, 7, 1, INT64_MAX),
		deep = bd_trace_write_stack(w, frames, 3), shallow = bd_trace_write_stack(w, frames + 1, 1),
		none = bd_trace_write_stack(w, NULL, 0),
		dict = bd_trace_write_lock_kind(w, "critical-section", "dict", 64),
		stop = bd_trace_write_lock_kind(w, "stop-the-world", NULL, 0),
		cell = bd_trace_write_cell(w, "case/x=1");
	const struct bd_trace_wait waits[] = {
		{b, gil, deep, at, at + 5000, 4000, 1000, 0, 0, {{a, shallow, 4000}}, 1, false},
		{b, gil, deep, at + 6000, at + 9000, 3000, 0, 0, 0, {{a, shallow, 3000}}, 1, true},
		{b, two, -1, at + 9000, at + 99000, 10000, 5000, 20000, 15000, {{-1, -1, 10000}}, 1, false},
		{a, -1, none, at + 9000, at + 9000, 0, 0, 0, 0, {{0}}, 0, false},
		{-1, gil, deep, at - 5, at + 100, 105, 0, 0, 0, {{a, -1, 5}, {-1, deep, 0}, {b, none, 100}}, 3, false},
	};
	struct bd_trace_wait many = {b, gil, deep, at, at + 100 * BD_TRACE_PIECES, 100 * BD_TRACE_PIECES, 0, 0, 0,
		{{0}}, BD_TRACE_PIECES, false};
	for (size_t i = 0; i < BD_TRACE_PIECES; i++)
		many.piece[i] = (struct bd_trace_piece){i % 2 ? a : -1, i % 3 ? shallow : -1, 100};
	const struct bd_trace_hold holds[] = {{a, gil, deep, 3, at, at, 1},
		{a, gil, deep, 0, at + 1000000, at + 1000000, 9}, {b, -1, -1, 255, at, at + 77, 1},
		{b, -1, -1, 0, at, at, BD_TRACE_TIMES}, {a, gil, deep, 0, at + 2000000, at + 2000000, 1}};
	const struct bd_trace_lock locks[] = {{a, b, deep, dict, at, at + 10, 4}, {b, -1, -1, stop, at, at + 2, 0},
		{b, -1, -1, -1, at, at, 0}};
	const struct bd_trace_spin spin = {a, shallow, at, at + 3000000, 2000000, 1234567};
	const struct bd_trace_mark marks[] = {{cell, at, at + 50000000, 0}, {-1, at, at + 1000000000, 120}};

	/* What was just defined is also what the texts are made of. */
	static struct bd_trace_thread threads[2] = {{7, 7, "main"}, {7, 8, "worker"}};
	struct bd_trace_stack stacks[] = {{frames, 3}, {frames + 1, 1}, {NULL, 0}};
	struct bd_trace_lock_kind kinds[] = {{"critical-section", "dict", 64}, {"stop-the-world", NULL, 0}};
	char *cells[] = {"case/x=1"};
	struct bd_trace_definitions d = {.threads = threads,
		.threads_len = 2,
		.gils_len = 2,
		.stacks = stacks,
		.stacks_len = 3,
		.locks = kinds,
		.locks_len = 2,
		.cells = {cells, 1}};
	for (size_t i = 0; i < BD_LEN(waits); i++) {
		bd_trace_write_wait(w, &waits[i]);
		dump_wait(&d, &waits[i], expected);
	}
	bd_trace_write_wait(w, &many);
	dump_wait(&d, &many, expected);
	for (size_t i = 0; i < BD_LEN(holds); i++) {
		bd_trace_write_hold(w, &holds[i]);
		dump_hold(&d, &holds[i], expected);
	}
	for (size_t i = 0; i < BD_LEN(locks); i++) {
		bd_trace_write_lock(w, &locks[i]);
		dump_lock(&d, &locks[i], expected);
	}
	bd_trace_write_spin(w, &spin);
	dump_spin(&d, &spin, expected);
	for (size_t i = 0; i < BD_LEN(marks); i++) {
		bd_trace_write_mark(w, &marks[i]);
		dump_mark(&d, &marks[i], expected);
	}
}

BD_TEST(what_is_written_is_read)
{
	struct bd_trace_writer *w;
	bd_trace_writer_new(1003009, &w);
	struct bd_trace_chunk chunk = {0};
	BD_CHECK(!bd_trace_writer_chunk(w, &chunk));
	BD_CHECK_INT(bd_trace_writer_bytes(w), 0);
	struct bd_str expected = {0}, got = {0};
	struct bd_trace_definitions d = {0};
	for (int64_t at = 1000; at < 4000000000000; at = at * 50) {
		bd_str_clear(&expected);
		bd_str_clear(&got);
		write_all_kinds(w, at, &expected);
		BD_CHECK(bd_trace_writer_chunk(w, &chunk));
		BD_CHECK_INT(chunk.start_ns, at - 5);
		BD_CHECK_INT(chunk.end_ns, at + 1000000000);
		struct bd_error err = {0};
		BD_CHECK_INT(bd_trace_read_chunk(chunk.data, chunk.bytes, &d, &dump, &got, &err), 0);
		BD_CHECK_STR(got.s, expected.s);
		BD_CHECK_INT(d.sample_ns, 1003009);
		BD_CHECK_INT(d.threads_len, 2);
		BD_CHECK_INT(d.stacks_len, 3);
		BD_CHECK_INT(d.gils[1].address, INT64_MAX);
		/* Read again, without its definitions being added again. */
		bd_str_clear(&got);
		BD_CHECK_INT(bd_trace_read_chunk(chunk.data, chunk.bytes, &d, &dump, &got, &err), 0);
		BD_CHECK_STR(got.s, expected.s);
		BD_CHECK_INT(d.threads_len, 2);
	}
	BD_CHECK(!bd_trace_writer_chunk(w, &chunk));
	bd_trace_definitions_done(&d);
	bd_trace_writer_free(&w);
	bd_str_done(&expected);
	bd_str_done(&got);
}

BD_TEST(a_thread_gets_another_name)
{
	struct bd_trace_writer *w;
	bd_trace_writer_new(1, &w);
	struct bd_trace_chunk chunk;
	struct bd_trace_definitions d = {0};
	int32_t t = bd_trace_write_thread(w, 1, 2, NULL);
	BD_CHECK(bd_trace_writer_chunk(w, &chunk));
	BD_CHECK_INT(chunk.start_ns, 0);
	BD_CHECK_INT(chunk.end_ns, 0);
	BD_CHECK_INT(bd_trace_read_chunk(chunk.data, chunk.bytes, &d, NULL, NULL, NULL), 0);
	BD_CHECK(!d.threads[t].name);
	BD_CHECK_INT(bd_trace_write_thread(w, 1, 2, "late"), t);
	BD_CHECK_INT(bd_trace_write_thread(w, 1, 2, NULL), t);
	BD_CHECK_INT(bd_trace_write_thread(w, 1, 2, "late"), t);
	BD_CHECK(bd_trace_write_thread(w, 2, 2, "late") != t);
	BD_CHECK(bd_trace_writer_chunk(w, &chunk));
	BD_CHECK_INT(bd_trace_read_chunk(chunk.data, chunk.bytes, &d, NULL, NULL, NULL), 0);
	BD_CHECK_STR(d.threads[t].name, "late");
	BD_CHECK_INT(d.threads_len, 2);
	BD_CHECK_INT(d.renames, 1);
	bd_trace_definitions_done(&d);
	bd_trace_writer_free(&w);
}

/* Equal definitions are one, however many there are. */
BD_TEST(definitions_are_told_once)
{
	struct bd_trace_writer *w;
	bd_trace_writer_new(1, &w);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			char name[32];
			snprintf(name, sizeof name, "f%d", i / 2);
			struct bd_trace_frame f[2] = {frame(name, "x.py", i % 2, NULL), frame("main", "x.py", 3, NULL)};
			BD_CHECK_INT(bd_trace_write_stack(w, f, 2), i);
			BD_CHECK_INT(bd_trace_write_thread(w, 1, i + 1, name), i);
			BD_CHECK_INT(bd_trace_write_lock_kind(w, "mutex", name, i), i);
			BD_CHECK_INT(bd_trace_write_cell(w, name), i / 2);
		}
	struct bd_trace_chunk chunk;
	struct bd_trace_definitions d = {0};
	BD_CHECK(bd_trace_writer_chunk(w, &chunk));
	BD_CHECK_INT(bd_trace_read_chunk(chunk.data, chunk.bytes, &d, NULL, NULL, NULL), 0);
	BD_CHECK_INT(d.stacks_len, 5000);
	BD_CHECK_INT(d.frames_len, 5001);
	BD_CHECK_STR(d.stacks[4999].frames[0].function, "f2499");
	BD_CHECK_INT(d.stacks[4999].frames[0].line, 1);
	bd_trace_definitions_done(&d);
	bd_trace_writer_free(&w);
}

static int refuse_second(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	(void)d;
	(void)e;
	return ++*(int *)arg == 2 ? -77 : 0;
}

BD_TEST(a_visitor_ends_the_walk)
{
	struct bd_trace_writer *w;
	bd_trace_writer_new(1, &w);
	struct bd_str ignored = {0};
	write_all_kinds(w, 5, &ignored);
	struct bd_trace_chunk chunk;
	BD_CHECK(bd_trace_writer_chunk(w, &chunk));
	struct bd_trace_definitions d = {0};
	const struct bd_trace_visitor v = {.wait = refuse_second};
	int calls = 0;
	BD_CHECK_INT(bd_trace_read_chunk(chunk.data, chunk.bytes, &d, &v, &calls, NULL), -77);
	BD_CHECK_INT(calls, 2);
	bd_trace_definitions_done(&d);
	bd_trace_writer_free(&w);
	bd_str_done(&ignored);
}

/* Every cut and every changed byte of a real chunk: read, or refused with a reason, and what was known before stays. */
BD_TEST(bytes_that_are_none_are_refused)
{
	struct bd_trace_writer *w;
	bd_trace_writer_new(1003009, &w);
	struct bd_str expected = {0}, got = {0};
	struct bd_trace_chunk chunk;
	write_all_kinds(w, 1000, &expected);
	BD_CHECK(bd_trace_writer_chunk(w, &chunk));
	size_t first_len = chunk.bytes, refused = 0, cut_refused = 0;
	char *first = bd_alloc(first_len);
	memcpy(first, chunk.data, first_len);
	bd_trace_write_thread(w, 9, 9, "later");
	bd_trace_write_thread(w, 7, 8, "renamed");
	bd_str_clear(&expected);
	write_all_kinds(w, 1000, &expected); /* it names the thread as it was again: the first chunk's text must hold */
	BD_CHECK(bd_trace_writer_chunk(w, &chunk));
	struct bd_error err = {0};
	struct bd_trace_definitions none = {0};
	BD_CHECK(bd_trace_read_chunk(chunk.data, chunk.bytes, &none, &dump, &got, &err) < 0);
	BD_CHECK_STR(err.key, "bad-trace"); /* without the part before it */
	BD_CHECK(strstr(err.message, "missing"));
	BD_CHECK_INT(none.strings.n, 0);
	bd_trace_definitions_done(&none);
	for (size_t cut = 0; cut < first_len; cut++) {
		struct bd_trace_definitions d = {0};
		char *exact = bd_alloc(cut + 1);
		memcpy(exact, first, cut);
		cut_refused += bd_trace_read_chunk(exact, cut, &d, &dump, &got, &err) < 0;
		free(exact);
		bd_trace_definitions_done(&d);
	}
	BD_CHECK(cut_refused > first_len / 2); /* between two entries is no place one can notice */
	for (size_t i = 0; i < chunk.bytes; i++)
		for (int bit = 0; bit < 8; bit++) {
			struct bd_trace_definitions d = {0};
			BD_CHECK_INT(bd_trace_read_chunk(first, first_len, &d, NULL, NULL, NULL), 0);
			char *bad = bd_alloc(chunk.bytes);
			memcpy(bad, chunk.data, chunk.bytes);
			bad[i] = (char)(bad[i] ^ 1 << bit);
			err = (struct bd_error){0};
			bd_str_clear(&got);
			size_t threads = d.threads_len;
			if (bd_trace_read_chunk(bad, chunk.bytes, &d, &dump, &got, &err) < 0) {
				refused++;
				BD_CHECK_STR(err.key, "bad-trace");
				BD_CHECK(err.message[0]);
			}
			BD_CHECK(d.threads_len >= threads);
			BD_CHECK_STR(d.threads[0].name, "main");
			free(bad);
			bd_trace_definitions_done(&d);
		}
	printf("of %zu changed bits %zu were noticed\n", chunk.bytes * 8, refused);
	BD_CHECK(refused > 100);
	free(first);
	bd_trace_writer_free(&w);
	bd_str_done(&expected);
	bd_str_done(&got);
}

/* Half a minute as a busy program gives it: 20,000 waits per second of 6 threads in 40 places, holders sampled at 997 Hz on
 * two processors and seen off theirs now and then. */
BD_TEST(a_wait_takes_few_bytes)
{
	struct bd_trace_writer *w;
	bd_trace_writer_new(1003009, &w);
	struct bd_rng rng;
	bd_rng_init(&rng, 6);
	int32_t thread[6], stack[40], gil = bd_trace_write_gil(w, 1, 0, 0x7f12345678);
	for (int i = 0; i < 6; i++) {
		char name[32];
		snprintf(name, sizeof name, "ThreadPoolExecutor-0_%d", i);
		thread[i] = bd_trace_write_thread(w, 1, 100 + i, name);
	}
	struct bd_trace_frame f[FRAMES_MAX];
	for (int i = 0; i < 40; i++) {
		char inner[64];
		snprintf(inner, sizeof inner, "Handler.method_%d", i);
		f[0] = frame(inner, "/srv/app/package/handlers.py", 10 + i, NULL);
		for (int k = 1; k < 12; k++)
			f[k] = frame("run", "/usr/lib/python3.11/threading.py", 900 + k, NULL);
		stack[i] = bd_trace_write_stack(w, f, 12);
	}
	int64_t now = 0, waits = 0, bytes = 0;
	struct bd_trace_chunk chunk;
	while (now < 30000000000) {
		now += (int64_t)bd_rng_below(&rng, 100000);
		int64_t length = 5000 + (int64_t)bd_rng_below(&rng, 400000),
			queued = (int64_t)bd_rng_below(&rng, 60000);
		queued = BD_MIN(queued, length);
		struct bd_trace_wait e = {.thread = thread[bd_rng_below(&rng, 6)],
			.gil = gil,
			.stack = stack[bd_rng_below(&rng, 4) ? 0 : bd_rng_below(&rng, 40)],
			.start_ns = now - length,
			.end_ns = now,
			.runqueue_ns = queued,
			.holder_ns = length - queued,
			.pieces_len = bd_rng_below(&rng, 10) ? 1 : 2};
		e.piece[0] = (struct bd_trace_piece){thread[bd_rng_below(&rng, 6)],
			bd_rng_below(&rng, 2) ? stack[bd_rng_below(&rng, 40)] : -1,
			e.holder_ns / (int64_t)e.pieces_len};
		e.piece[1] = (struct bd_trace_piece){thread[0], -1, e.holder_ns - e.piece[0].ns};
		bd_trace_write_wait(w, &e);
		waits++;
		if (waits % 10 == 0)
			bd_trace_write_hold(w,
				&(struct bd_trace_hold){thread[bd_rng_below(&rng, 6)], gil,
					stack[bd_rng_below(&rng, 40)], 2, now - 5000, now - 5000, 1});
		if (waits % 10000 == 0 && bd_trace_writer_chunk(w, &chunk))
			bytes += (int64_t)chunk.bytes;
	}
	if (bd_trace_writer_chunk(w, &chunk))
		bytes += (int64_t)chunk.bytes;
	printf("%lld waits, %.2f bytes per wait\n", (long long)waits, (double)bytes / (double)waits);
	BD_CHECK((double)bytes / (double)waits <= 15); /* 24 are allowed */
	bd_trace_writer_free(&w);
}

BD_TEST_MAIN
