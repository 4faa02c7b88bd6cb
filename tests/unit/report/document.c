/* The run document against samples whose truth is known. */
#include "bd_report.h"
#include "bd_test.h"

#include <errno.h>

#define LAUNCHES 6
#define ROUNDS 2

struct world {
	char data[32];
	struct bd_store *store;
	struct bd_error err;
	struct bd_run_document doc;
};

static void cell(struct bd_cell *c, int64_t index, const char *threads, const char *gil)
{
	*c = (struct bd_cell){.index = index,
		.case_name = bd_strdup("gil-contention"),
		.reference = -1,
		.scaling = -1,
		.twin = -1,
		.role = bd_strdup("cell")};
	bd_axes_set(&c->axes, "threads", threads);
	bd_axes_set(&c->axes, "gil", gil);
	bd_axes_set(&c->axes, "u", "10us");
	c->id = bd_cell_id(c->case_name, &c->axes);
}

/* One batch: `threads` threads do `ops` each in wall_ns. */
static void put(struct world *w, int64_t index, int64_t launch, int64_t round, enum bd_sample_kind kind, size_t threads,
	int64_t ops, int64_t wall_ns, bool traced)
{
	struct bd_sample s = {.cell = index,
		.launch = launch,
		.round = round,
		.kind = kind,
		.wall_ns = wall_ns,
		.probe_ns = {50000, 50000},
		.traced = traced};
	for (size_t i = 0; i < threads; i++)
		*BD_PUSH(s.threads, s.threads_len) = (struct bd_sample_thread){.tid = 100 + (int64_t)i,
			.ops = ops,
			.cpu_ns = wall_ns / 2,
			.voluntary = 3,
			.involuntary = 1,
			.waits = traced ? 10 : 0,
			.wait_ns = traced ? wall_ns / 4 : 0,
			.holder_ns = traced ? wall_ns / 8 : 0,
			.runqueue_ns = traced ? wall_ns / 8 : 0};
	if (traced && threads > 1) {
		*BD_PUSH(s.blocks,
			s.blocks_len) = (struct bd_sample_block){.waiter = 0, .holder = 1, .ns = 10, .waits = 1};
		*BD_PUSH(s.blocks,
			s.blocks_len) = (struct bd_sample_block){.waiter = 1, .holder = 0, .ns = 30, .waits = 2};
		*BD_PUSH(s.blocks,
			s.blocks_len) = (struct bd_sample_block){.waiter = 1, .holder = -1, .ns = 5, .waits = 1};
	}
	if (traced) {
		*BD_PUSH(s.hist, s.hist_len) = (struct bd_sample_bucket){.bucket = bd_hist_bucket(1000), .count = 20};
		s.max_wait_ns = 1234;
	}
	BD_CHECK_INT(bd_store_round_put(w->store, "run", &s, 1, &w->err), 0);
	bd_sample_done(&s);
}

static void begin(struct world *w, struct bd_cell *cells, size_t n)
{
	*w = (struct world){.data = "/tmp/bd-report-XXXXXX"};
	BD_CHECK(mkdtemp(w->data));
	BD_CHECK_INT(bd_store_open(w->data, &w->store, &w->err), 0);
	struct bd_run run = {.id = "run",
		.suite = "s",
		.state = BD_RUN_RUNNING,
		.started_ns = 1,
		.launches = LAUNCHES,
		.rounds = ROUNDS,
		.cells = (int64_t)n,
		.environment = cJSON_Parse(
			"{\"processors_allowed\":2,\"calibration\":{\"ns_per_step\":0.5,\"probe_steps\":100000}}")};
	BD_CHECK_INT(bd_store_run_create(w->store, &run, cells, n, &w->err), 0);
	BD_CHECK_INT(bd_store_run_update(w->store, &run, &w->err), 0);
	cJSON_Delete(run.environment);
	for (size_t i = 0; i < n; i++)
		bd_cell_done(&cells[i]);
}

static void report(struct world *w, enum bd_run_state state)
{
	struct bd_run run;
	BD_CHECK_INT(bd_store_run_get(w->store, "run", &run, &w->err), 0);
	run.state = state;
	BD_CHECK_INT(bd_store_run_update(w->store, &run, &w->err), 0);
	bd_run_done(&run);
	bd_doc_init(&bd_run_document_doc, &w->doc);
	BD_CHECK_INT(bd_report_run(w->store, "run", &w->doc, &w->err), 0);
}

static void end(struct world *w)
{
	bd_doc_done(&bd_run_document_doc, &w->doc);
	bd_store_free(&w->store);
	bd_auto_free char *rm = bd_printf("rm -rf '%s'", w->data);
	BD_CHECK_INT(system(rm), 0);
}

BD_TEST(runs_that_ended_without_their_document_get_it)
{
	struct bd_cell cells[2];
	cell(&cells[0], 0, "1", "hold");
	cell(&cells[1], 1, "2", "hold");
	struct world w;
	begin(&w, cells, 2);
	for (int64_t l = 0; l < LAUNCHES; l++)
		put(&w, 0, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000, false);
	char *json = NULL;
	BD_CHECK_INT(bd_report_recover(w.store, &w.err), 0); /* it is running: not over */
	BD_CHECK_INT(bd_store_document_get(w.store, "run", &json, &w.err), -ENOENT);
	BD_CHECK_INT(bd_store_recover(w.store, &w.err), 0);
	BD_CHECK_INT(bd_report_recover(w.store, &w.err), 0);
	BD_CHECK_INT(bd_store_document_get(w.store, "run", &json, &w.err), 0);
	bd_auto_json cJSON *stored = cJSON_Parse(json);
	free(json);
	/* it is the one that was made on request until now */
	bd_doc_init(&bd_run_document_doc, &w.doc);
	BD_CHECK_INT(bd_report_run(w.store, "run", &w.doc, &w.err), 0);
	bd_auto_json cJSON *made = bd_doc_encode(&bd_run_document_doc, &w.doc);
	bd_auto_free char *made_text = bd_json_text(made), *stored_text = bd_json_text(stored);
	BD_CHECK_STR(stored_text, made_text);
	BD_CHECK_STR(w.doc.cells[1].status, "interrupted");
	for (int i = 0; i < 2; i++) {
		struct bd_points_document d;
		bd_doc_init(&bd_points_document_doc, &d);
		struct bd_points_filter f = {.series = w.doc.cells[i].series, .limit = 5};
		BD_CHECK_INT(bd_store_points(w.store, &f, &d, &w.err), 0);
		BD_CHECK_INT(d.points_len, 1);
		BD_CHECK_STR(d.points[0].status, i ? "interrupted" : "ok");
		BD_CHECK(i ? isnan(d.points[0].value) && d.points[0].reason : d.points[0].value > 9999);
		bd_doc_done(&bd_points_document_doc, &d);
	}
	end(&w);
}

BD_TEST(a_cell_that_was_traced_in_part_says_why)
{
	struct bd_cell cells[1];
	cell(&cells[0], 0, "2", "hold");
	cells[0].gil_off = bd_reason_new(NULL, "tracer-failed", NULL, "bench-tracer has ended");
	struct world w;
	begin(&w, cells, 1);
	for (int64_t l = 0; l < LAUNCHES; l++)
		put(&w, 0, l, 0, BD_SAMPLE_MAIN, 2, 1000, 10000000, l < 2);
	report(&w, BD_RUN_COMPLETE);
	const struct bd_gil_result *g = w.doc.cells[0].gil;
	BD_CHECK_STR(g->mode, "counters");
	BD_CHECK_INT(g->waits, 2 * 20);
	BD_CHECK_NEAR(g->wait_share, 0.25, 1e-9);
	BD_CHECK(g->reason && bd_streq(g->reason->key, "tracer-failed"));
	end(&w);
}

BD_TEST(identities_of_a_threaded_cell)
{
	struct bd_cell cells[3];
	cell(&cells[0], 0, "1", "release");
	cell(&cells[1], 1, "2", "release");
	cell(&cells[2], 2, "2", "hold");
	cells[1].scaling = cells[2].scaling = 0;
	cells[2].reference = 1;
	struct world w;
	begin(&w, cells, 3);
	for (int64_t l = 0; l < LAUNCHES; l++) {
		for (int64_t r = 0; r < ROUNDS; r++) {
			/* the machine's speed differs by launch; ratios must not see it */
			int64_t f = 1 + l % 2;
			put(&w, 0, l, r, BD_SAMPLE_MAIN, 1, 1000, 10000000 * f, true);
			put(&w, 0, l, r, BD_SAMPLE_SCALING, 1, 1000, 20000000 * f, true);
			put(&w, 1, l, r, BD_SAMPLE_MAIN, 2, 1000, 12000000 * f, true);
			put(&w, 2, l, r, BD_SAMPLE_MAIN, 2, 500, 12000000 * f, true);
		}
	}
	report(&w, BD_RUN_COMPLETE);
	BD_CHECK_INT(w.doc.cells_len, 3);
	const struct bd_cell_result *c = &w.doc.cells[1];
	BD_CHECK_STR(c->status, "ok");
	BD_CHECK(c->complete && !c->oversubscribed);
	BD_CHECK_INT(c->samples, LAUNCHES * ROUNDS);
	BD_CHECK_INT(c->iterations, LAUNCHES * ROUNDS * 2 * 1000);
	/* wall × threads ÷ iterations: 12 us or 24 us by launch */
	BD_CHECK_NEAR(c->time_ns_per_op->median, 18000, 1e-6);
	BD_CHECK(c->time_ns_per_op->lo < 18000 && c->time_ns_per_op->hi > 18000);
	BD_CHECK_NEAR(c->time_ns_per_op->min, 12000, 1e-6);
	BD_CHECK_NEAR(c->throughput_ops_s->median, 2e9 / c->time_ns_per_op->median, 1e-3);
	BD_CHECK_NEAR(c->throughput_ops_s->lo, 2e9 / c->time_ns_per_op->hi, 1e-3);
	/* one thread: 10 and 20 us on the two processors = 15 us; two threads at 12 us each */
	BD_CHECK_NEAR(c->scaling->median, 2 * 15.0 / 12.0, 1e-9);
	BD_CHECK_NEAR(c->scaling->lo, 2.5, 1e-9);
	BD_CHECK_NEAR(w.doc.cells[2].ratio->median, 2.0, 1e-9);
	BD_CHECK_STR(w.doc.cells[2].ratio->to, w.doc.cells[1].id);
	BD_CHECK(!w.doc.cells[0].scaling && !w.doc.cells[0].ratio);
	BD_CHECK_NEAR(c->gil->wait_share, 0.25, 1e-9);
	BD_CHECK_INT(c->gil->wait_ns, c->gil->holder_ns + c->gil->runqueue_ns + c->gil->switch_ns + c->gil->mutex_ns);
	BD_CHECK_INT(c->gil->waits, LAUNCHES * ROUNDS * 20);
	BD_CHECK_INT(c->gil->max_ns, 1234);
	BD_CHECK(c->gil->p50_ns >= (int64_t)bd_hist_low(bd_hist_bucket(1000)) && c->gil->p50_ns < 1100);
	BD_CHECK_INT(c->gil->blockers_len, 3);
	BD_CHECK_INT(c->gil->blockers[0].waiter, 1); /* by time */
	BD_CHECK_INT(c->gil->blockers[0].ns, 30 * LAUNCHES * ROUNDS);
	BD_CHECK_INT(c->gil->blockers[2].holder, BD_NULL_INT);
	BD_CHECK_INT(c->threads_len, 2);
	BD_CHECK_INT(c->threads[0].ops + c->threads[1].ops, c->iterations);
	BD_CHECK_NEAR(c->fairness, 1.0, 1e-12);
	BD_CHECK_NEAR(c->ctx_switches_per_op, 8.0 / 2000, 1e-12);
	/* 10 us at 0.5 ns a step are 20,000 steps; the probe shows 0.5 ns a step */
	BD_CHECK_NEAR(c->u_actual_ns, 10000, 1e-6);
	BD_CHECK(!c->memory && c->memory_reason);
	/* a cell by itself, as event streams tell it, is the cell of the document */
	for (size_t i = 0; i < w.doc.cells_len; i++) {
		struct bd_cell_result one;
		bd_doc_init(&bd_cell_result_doc, &one);
		BD_CHECK_INT(bd_report_cell(w.store, "run", (int64_t)i, &one, &w.err), 0);
		bd_auto_json cJSON *a = bd_doc_encode(&bd_cell_result_doc, &one),
				   *b = bd_doc_encode(&bd_cell_result_doc, &w.doc.cells[i]);
		bd_auto_free char *alone = bd_json_text(a), *together = bd_json_text(b);
		BD_CHECK_STR(alone, together);
		bd_doc_done(&bd_cell_result_doc, &one);
	}
	struct bd_cell_result none;
	BD_CHECK_INT(bd_report_cell(w.store, "run", 3, &none, &w.err), -ENOENT);
	BD_CHECK_INT(bd_report_cell(w.store, "run", -1, &none, &w.err), -ENOENT);
	end(&w);
}

BD_TEST(few_launches_have_no_interval)
{
	struct bd_cell cells[2];
	cell(&cells[0], 0, "1", "hold");
	cell(&cells[1], 1, "1", "release");
	struct world w;
	begin(&w, cells, 2);
	for (int64_t l = 0; l < 5; l++)
		put(&w, 0, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000 + l, false);
	report(&w, BD_RUN_CANCELLED);
	const struct bd_cell_result *c = &w.doc.cells[0];
	BD_CHECK_STR(c->status, "ok");
	BD_CHECK(!c->complete);
	BD_CHECK(!isnan(c->time_ns_per_op->median) && isnan(c->time_ns_per_op->lo) && isnan(c->time_ns_per_op->hi));
	BD_CHECK_STR(c->gil->mode, "off");
	BD_CHECK_INT(c->gil->waits, BD_NULL_INT);
	/* the other cell has no sample */
	BD_CHECK_STR(w.doc.cells[1].status, "interrupted");
	BD_CHECK(w.doc.cells[1].reason && !w.doc.cells[1].time_ns_per_op);
	BD_CHECK(w.doc.cells[1].reason && !w.doc.cells[1].reason->hint);
	/* of a run that was not cut short, its budget was */
	struct bd_run run;
	BD_CHECK_INT(bd_store_run_get(w.store, "run", &run, &w.err), 0);
	cJSON_Delete(run.plan);
	run.plan = cJSON_Parse("{\"budget_s\":3}");
	BD_CHECK_INT(bd_store_run_update(w.store, &run, &w.err), 0);
	bd_run_done(&run);
	bd_doc_done(&bd_run_document_doc, &w.doc);
	report(&w, BD_RUN_COMPLETE);
	BD_CHECK_STR(w.doc.cells[1].reason->hint, "a longer --budget");
	end(&w);
}

BD_TEST(a_flagged_batch_is_kept_but_left_out_of_ratios)
{
	struct bd_cell cells[2];
	cell(&cells[0], 0, "1", "release");
	cell(&cells[1], 1, "1", "hold");
	cells[1].reference = 0;
	struct world w;
	begin(&w, cells, 2);
	for (int64_t l = 0; l < LAUNCHES; l++) {
		put(&w, 0, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000, false);
		put(&w, 1, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000, false);
		put(&w, 0, l, 1, BD_SAMPLE_MAIN, 1, 1000, 10000000, false);
		struct bd_sample s = {.cell = 1,
			.launch = l,
			.round = 1,
			.wall_ns = 90000000,
			.probe_ns = {50000, 90000}};
		*BD_PUSH(s.threads, s.threads_len) = (struct bd_sample_thread){.ops = 1000};
		BD_CHECK_INT(bd_store_round_put(w.store, "run", &s, 1, &w.err), 0);
		bd_sample_done(&s);
	}
	report(&w, BD_RUN_COMPLETE);
	BD_CHECK_INT(w.doc.cells[1].samples, LAUNCHES * 2);
	BD_CHECK_NEAR(w.doc.cells[1].ratio->median, 1.0, 1e-12);
	BD_CHECK_NEAR(w.doc.cells[1].time_ns_per_op->median, 50000,
		1e-6); /* median of {10, 90} us: the level keeps it */
	end(&w);
}

BD_TEST(work_that_straddles_the_stop_has_its_share_of_the_costs)
{
	struct bd_cell cells[1];
	cell(&cells[0], 0, "1", "release");
	struct world w;
	begin(&w, cells, 1);
	struct bd_sample s = {.wall_ns = 10000000};
	*BD_PUSH(s.threads,
		s.threads_len) = (struct bd_sample_thread){.ops = 9, .straddled = 1, .cpu_ns = 10000, .voluntary = 20};
	BD_CHECK_INT(bd_store_round_put(w.store, "run", &s, 1, &w.err), 0);
	bd_sample_done(&s);
	report(&w, BD_RUN_COMPLETE);
	BD_CHECK_INT(w.doc.cells[0].iterations, 9);
	BD_CHECK_NEAR(w.doc.cells[0].cpu_ns_per_op, 1000, 1e-9);
	BD_CHECK_NEAR(w.doc.cells[0].ctx_switches_per_op, 2, 1e-12);
	end(&w);
}

BD_TEST(cells_that_are_not_ok_have_a_reason_and_no_figures)
{
	struct bd_cell cells[2];
	cell(&cells[0], 0, "1", "release");
	cell(&cells[1], 1, "1", "hold");
	cells[1].reference = 0;
	cells[0].status = BD_CELL_INVALID;
	cells[0].reason = bd_reason_new("V1", "counter", NULL, "counts differ");
	struct world w;
	begin(&w, cells, 2);
	for (int64_t l = 0; l < LAUNCHES; l++) {
		put(&w, 0, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000, true);
		put(&w, 1, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000, true);
	}
	report(&w, BD_RUN_COMPLETE);
	const struct bd_cell_result *c = &w.doc.cells[0];
	BD_CHECK_STR(c->status, "invalid");
	BD_CHECK_STR(c->reason->check, "V1");
	BD_CHECK(!c->time_ns_per_op && !c->throughput_ops_s && !c->gil && !c->complete);
	BD_CHECK(w.doc.cells[1].time_ns_per_op && !w.doc.cells[1].ratio); /* no ratio to a number that is none */
	end(&w);
}

BD_TEST(twins_become_noise_rows)
{
	struct bd_cell cells[3];
	for (int64_t i = 0; i < 3; i++)
		cell(&cells[i], i, "1", "release");
	static const char *const roles[] = {"cell", "same-process", "second-process"};
	for (size_t i = 1; i < 3; i++) {
		free(cells[i].role);
		free(cells[i].id);
		cells[i].role = bd_strdup(roles[i]);
		cells[i].id = bd_printf("x#%s", roles[i]);
		cells[i].twin = 0;
	}
	struct world w;
	begin(&w, cells, 3);
	for (int64_t l = 0; l < LAUNCHES; l++) {
		put(&w, 0, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000 * (1 + l), false);
		put(&w, 1, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10000000 * (1 + l), false);
		put(&w, 2, l, 0, BD_SAMPLE_MAIN, 1, 1000, 10100000 * (1 + l), false);
	}
	report(&w, BD_RUN_COMPLETE);
	BD_CHECK_INT(w.doc.cells_len, 1);
	BD_CHECK_INT(w.doc.noise_len, 2);
	BD_CHECK_STR(w.doc.noise[0].kind, "same-process");
	BD_CHECK_NEAR(w.doc.noise[0].ratio, 1.0, 1e-12);
	BD_CHECK_NEAR(w.doc.noise[1].ratio, 1.01, 1e-9);
	BD_CHECK_STR(w.doc.noise[1].cell, w.doc.cells[0].id);
	end(&w);
}

BD_TEST_MAIN
