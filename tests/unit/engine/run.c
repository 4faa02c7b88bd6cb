/* Whole runs through the engine: real interpreters, real threads, the real tracer where this machine allows it. */
#include "engine_world.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

BD_TEST(measures_a_small_matrix)
{
	struct world w;
	char id[BD_ULID_LEN];
	world_begin(&w);
	int r = world_submit(&w,
		"{\"target\":\"gil-contention\",\"axes\":{\"threads\":[1,2],\"u\":[\"100us\"]},\"launches\":6,\"rounds\":1,"
		"\"seed\":7,\"labels\":{\"a\":\"b\"}}",
		id);
	if (r < 0)
		BD_FAIL("%s (%s)", w.err.message, w.err.hint);
	world_wait(&w, BD_RUN_COMPLETE);
	struct bd_run_document d;
	world_document(&w, id, &d);
	BD_CHECK_INT(d.run.launches, 6);
	BD_CHECK_INT(d.run.seed, 7);
	BD_CHECK(d.run.batch_s > 0 && d.run.batch_s < d.run.measure_s &&
		d.run.measure_s + d.run.setup_s <= d.run.wall_s);
	BD_CHECK_INT(d.noise_len, 2);
	size_t held = 0, released = 0;
	for (size_t i = 0; i < d.cells_len; i++) {
		const struct bd_cell_result *c = &d.cells[i];
		if (!bd_streq(c->status, "ok"))
			BD_FAIL("%s: %s: %s", c->id, c->status, c->reason->message);
		BD_CHECK(c->complete && c->samples == 6 && c->time_ns_per_op->lo <= c->time_ns_per_op->median);
		const char *gil = bd_axes_get(&c->axes, "gil");
		if (bd_axes_threads(&c->axes) != 2)
			continue;
		BD_CHECK(c->scaling || c->scaling_reason); /* a machine that never ran two threads at once */
		/* one holds, the other waits: structure, not speed */
		if (bd_streq(gil, "hold")) {
			held++;
			BD_CHECK(!c->scaling || c->scaling->median < 1.3);
			if (bd_streq(c->gil->mode, "counters"))
				BD_CHECK(c->gil->waits > 0 && c->gil->blockers_len > 0);
		} else {
			released++;
		}
	}
	BD_CHECK(held == 1 && released == 1);
	BD_CHECK(w.cells_seen > 0 && w.progress_seen > 0 && w.live_figures > 0);
	bd_doc_done(&bd_run_document_doc, &d);
	world_end(&w);
}

BD_TEST(many_threads_are_all_told_apart)
{
	struct world w;
	char id[BD_ULID_LEN];
	world_begin(&w);
	/* more threads than the tracer tells apart in one process: they must get several */
	BD_CHECK_INT(
		world_submit(&w,
			"{\"target\":\"gil-contention\",\"cases\":[\"gil-*\"],\"axes\":{\"threads\":[32,64],\"u\":[\"1us\"]},"
			"\"launches\":1,\"rounds\":1}",
			id),
		0);
	world_wait(&w, BD_RUN_COMPLETE);
	struct bd_run_document d;
	world_document(&w, id, &d);
	BD_CHECK_INT(d.cells_len, 4);
	for (size_t i = 0; i < d.cells_len; i++) {
		if (!bd_streq(d.cells[i].status, "ok"))
			BD_FAIL("%s: %s", d.cells[i].id, d.cells[i].reason->message);
		if (bd_streq(d.cells[i].gil->mode, "counters"))
			BD_CHECK(d.cells[i].gil->lost == 0 && d.cells[i].gil->waits > 0);
	}
	bd_doc_done(&bd_run_document_doc, &d);
	world_end(&w);
}

BD_TEST(cancel_keeps_what_was_measured)
{
	struct world w;
	char id[BD_ULID_LEN];
	world_begin(&w);
	BD_CHECK_INT(
		world_submit(&w,
			"{\"target\":\"gil-contention\",\"axes\":{\"threads\":[1]},\"launches\":900,\"rounds\":2,\"trace\":\"off\"}",
			id),
		0);
	/* figures of the first rounds are in the store when cells have been seen */
	pthread_mutex_lock(&w.lock);
	while (w.cells_seen < 8)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	BD_CHECK_INT(bd_engine_cancel(w.engine, id, &w.err), 0);
	world_wait(&w, BD_RUN_CANCELLED);
	struct bd_run_document d;
	world_document(&w, id, &d);
	BD_CHECK_STR(d.run.state, "cancelled");
	BD_CHECK_STR(d.run.reason->key, "cancelled");
	size_t with = 0;
	for (size_t i = 0; i < d.cells_len; i++) {
		with += d.cells[i].samples > 0;
		BD_CHECK(!d.cells[i].complete);
		BD_CHECK(d.cells[i].samples == 0 || d.cells[i].time_ns_per_op);
		if (d.cells[i].gil)
			BD_CHECK_STR(d.cells[i].gil->reason->key, "not-asked-for");
	}
	BD_CHECK(with > 0);
	BD_CHECK(bd_engine_cancel(w.engine, id, &w.err) < 0);
	BD_CHECK_STR(w.err.key, "conflict");
	BD_CHECK(bd_engine_cancel(w.engine, "01AAAAAAAAAAAAAAAAAAAAAAAA", &w.err) < 0);
	BD_CHECK_STR(w.err.key, "not-found");
	bd_doc_done(&bd_run_document_doc, &d);
	world_end(&w);
}

BD_TEST(a_second_run_waits_and_says_for_whom)
{
	struct world w;
	char first[BD_ULID_LEN], second[BD_ULID_LEN];
	world_begin(&w);
	BD_CHECK_INT(world_submit(&w, "{\"target\":\"empty-loop\",\"launches\":900,\"rounds\":1,\"trace\":\"off\"}",
			     first),
		0);
	BD_CHECK_INT(world_submit(&w, "{\"target\":\"empty-loop\",\"launches\":1,\"rounds\":1,\"wait_s\":0.2}", second),
		0);
	world_wait(&w, BD_RUN_FAILED); /* the second gives up waiting */
	BD_CHECK_STR(w.reason, "waited-too-long");
	BD_CHECK(strstr(w.waiting_for, "run "));
	struct bd_run_document d;
	world_document(&w, second, &d);
	BD_CHECK_STR(d.run.state, "failed");
	BD_CHECK_STR(d.cells[0].status, "interrupted");
	bd_doc_done(&bd_run_document_doc, &d);
	BD_CHECK_INT(bd_engine_cancel(w.engine, first, &w.err), 0);
	world_wait(&w, BD_RUN_CANCELLED);
	world_end(&w);
}

BD_TEST(a_run_that_is_gone_from_the_store_ends_aloud)
{
	struct world w;
	char first[BD_ULID_LEN], second[BD_ULID_LEN];
	world_begin(&w);
	BD_CHECK_INT(world_submit(&w, "{\"target\":\"empty-loop\",\"launches\":900,\"rounds\":1,\"trace\":\"off\"}",
			     first),
		0);
	BD_CHECK_INT(world_submit(&w, "{\"target\":\"empty-loop\",\"launches\":1,\"rounds\":1}", second), 0);
	bd_auto_free char *loss =
		bd_printf("/usr/bin/python3 -c \"import sqlite3; c = sqlite3.connect('%s/benchd.db', timeout=60); "
			  "c.execute('DELETE FROM runs WHERE id = ?', ('%s',)); c.commit()\"",
			w.data, second);
	BD_CHECK_INT(system(loss), 0);
	BD_CHECK_INT(bd_engine_cancel(w.engine, first, &w.err), 0);
	world_wait(&w, BD_RUN_FAILED);
	BD_CHECK_STR(w.reason, "not-found");
	world_end(&w);
}

BD_TEST(ending_the_engine_interrupts_the_run)
{
	struct world w;
	char id[BD_ULID_LEN];
	world_begin(&w);
	BD_CHECK_INT(world_submit(&w, "{\"target\":\"empty-loop\",\"launches\":900,\"rounds\":1}", id), 0);
	world_wait(&w, BD_RUN_RUNNING);
	bd_engine_free(&w.engine);
	BD_CHECK_INT(w.state, BD_RUN_INTERRUPTED);
	BD_CHECK_STR(w.reason, "interrupted");
	world_end(&w);
}

/* What the second launch's first round was, in order of time. */
struct sequence {
	struct step {
		int64_t start_ns, cell, processor;
	} v[64];
	size_t n;
};

static int collect_step(const struct bd_sample *s, void *arg)
{
	struct sequence *q = arg;
	if (s->launch == 1 && s->round == 0 && q->n < BD_LEN(q->v))
		q->v[q->n++] = (struct step){s->start_ns, s->cell, s->threads[0].processor};
	return 0;
}

static int by_start(const void *a, const void *b)
{
	int64_t x = ((const struct step *)a)->start_ns, y = ((const struct step *)b)->start_ns;
	return (x > y) - (x < y);
}

BD_TEST(a_seed_repeats_order_and_processors_whatever_fits_into_a_launch)
{
	struct world w;
	struct sequence q[2] = {0};
	world_begin(&w);
	for (int i = 0; i < 2; i++) {
		char id[BD_ULID_LEN];
		w.state = BD_RUN_QUEUED;
		BD_CHECK_INT(
			world_submit(&w,
				i ? "{\"target\":\"gil-contention\",\"axes\":{\"threads\":[1]},\"launches\":2,\"rounds\":2,\"seed\":11,\"trace\":\"off\"}"
				  : "{\"target\":\"gil-contention\",\"axes\":{\"threads\":[1]},\"launches\":2,\"rounds\":1,\"seed\":11,\"trace\":\"off\"}",
				id),
			0);
		world_wait(&w, BD_RUN_COMPLETE);
		BD_CHECK_INT(bd_store_samples_each(w.store, id, -1, collect_step, &q[i], &w.err), 0);
		qsort(q[i].v, q[i].n, sizeof q[i].v[0], by_start);
	}
	BD_CHECK(q[0].n > 8);
	BD_CHECK_INT(q[0].n, q[1].n);
	for (size_t k = 0; k < q[0].n; k++) {
		BD_CHECK_INT(q[0].v[k].cell, q[1].v[k].cell);
		BD_CHECK_INT(q[0].v[k].processor, q[1].v[k].processor);
	}
	world_end(&w);
}

BD_TEST(budget_limits_the_whole_run)
{
	struct world w;
	char id[BD_ULID_LEN];
	world_begin(&w);
	BD_CHECK_INT(
		world_submit(&w,
			"{\"target\":\"gil-contention\",\"axes\":{\"threads\":[2],\"u\":[\"1us\",\"10us\"]},\"budget_s\":4}",
			id),
		0);
	world_wait(&w, BD_RUN_COMPLETE);
	struct bd_run_document d;
	world_document(&w, id, &d);
	/* a budget this small cannot hold six launches: fewer are made, and intervals are then absent */
	BD_CHECK(d.run.launches >= 1 && d.run.launches <= 6);
	for (size_t i = 0; i < d.cells_len; i++)
		BD_CHECK(d.cells[i].samples == d.run.launches * d.run.rounds || !bd_streq(d.cells[i].status, "ok"));
	bd_doc_done(&bd_run_document_doc, &d);
	world_end(&w);
}

BD_TEST_MAIN
