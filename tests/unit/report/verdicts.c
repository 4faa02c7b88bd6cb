/* Verdicts on samples whose truth is known. */
#include "support.h"

/* A cell of each side; noise: relative, between launches. */
static void pair(struct world *w, const char *plan, double ratio, double between, int64_t launches)
{
	struct bd_cell cells[2];
	cell_make(&cells[0], 0, "call", "side=a");
	cell_make(&cells[1], 1, "call", "side=b");
	cells[1].reference = 0;
	world_begin(w);
	run_make(w, "run", plan, NULL, cells, 2);
	measure(w, "run", (struct truth[]){{0, 1, 100, between, 0.002}, {1, 1, 100 * ratio, between, 0.002}}, 2,
		launches, 4);
}

BD_TEST(a_difference_is_found_and_its_interval_holds_it)
{
	struct world w;
	pair(&w, "{\"kind\":\"ab\",\"max_launches\":8}", 1.05, 0.004, 8);
	report(&w, "run", BD_RUN_COMPLETE);
	const struct bd_cell_result *a = &w.doc.cells[0], *b = &w.doc.cells[1];
	BD_CHECK_STR(w.doc.run.kind, "ab");
	BD_CHECK_STR(b->verdict, "slower");
	BD_CHECK(b->ratio->lo < 1.05 && b->ratio->hi > 1.05 && b->ratio->lo > 1);
	BD_CHECK(b->p < 0.001 && b->p_adjusted >= b->p && b->p_adjusted < 0.05);
	BD_CHECK(b->smallest_effect > 0.001 && b->smallest_effect < 0.03);
	BD_CHECK_INT(b->launches, 8);
	BD_CHECK(!a->verdict && !a->ratio && isnan(a->p) && isnan(a->equivalence));
	world_end(&w);
	pair(&w, "{\"kind\":\"ab\",\"max_launches\":8}", 1 / 1.05, 0.004, 8);
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_STR(w.doc.cells[1].verdict, "faster");
	world_end(&w);
}

BD_TEST(no_difference_is_a_verdict_of_its_own)
{
	struct world w;
	pair(&w, NULL, 1, 0.002, LAUNCHES);
	report(&w, "run", BD_RUN_COMPLETE);
	const struct bd_cell_result *b = &w.doc.cells[1];
	BD_CHECK_STR(b->verdict, "no difference");
	BD_CHECK_NEAR(b->equivalence, 0.02, 1e-12);
	BD_CHECK(b->ratio->lo < 1 && b->ratio->hi > 1);
	world_end(&w);
	/* what is asked for is finer than what was measured: that is no answer */
	pair(&w, "{\"equivalence\":0.0005}", 1, 0.002, LAUNCHES);
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_STR(w.doc.cells[1].verdict, "undecided");
	BD_CHECK_NEAR(w.doc.cells[1].equivalence, 0.0005, 1e-12);
	world_end(&w);
	pair(&w, NULL, 1, 0.05, LAUNCHES);
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_STR(w.doc.cells[1].verdict, "undecided");
	BD_CHECK(w.doc.cells[1].smallest_effect > 0.03);
	world_end(&w);
}

BD_TEST(nothing_is_decided_before_the_end_or_under_six_launches)
{
	struct world w;
	pair(&w, NULL, 1.5, 0.001, LAUNCHES);
	report(&w, "run", BD_RUN_RUNNING);
	BD_CHECK(w.doc.cells[1].ratio && !w.doc.cells[1].verdict && isnan(w.doc.cells[1].p_adjusted));
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_STR(w.doc.cells[1].verdict, "slower");
	world_end(&w);
	pair(&w, NULL, 1.5, 0.001, LAUNCHES - 1);
	report(&w, "run", BD_RUN_CANCELLED);
	const struct bd_cell_result *b = &w.doc.cells[1];
	BD_CHECK_NEAR(b->ratio->median, 1.5, 0.01);
	BD_CHECK(isnan(b->ratio->lo) && isnan(b->ratio->hi) && isnan(b->p));
	BD_CHECK_STR(b->verdict, "undecided");
	world_end(&w);
}

static void stopped(struct world *w, const char *run, int64_t cell, const char *why)
{
	struct bd_cell *cells;
	size_t n;
	BD_CHECK_INT(bd_store_cells_get(w->store, run, &cells, &n, &w->err), 0);
	cJSON_Delete(cells[cell].facts);
	cells[cell].facts = cJSON_CreateObject();
	cJSON_AddStringToObject(cells[cell].facts, "stopped", why);
	BD_CHECK_INT(bd_store_cell_update(w->store, run, &cells[cell], &w->err), 0);
	for (size_t i = 0; i < n; i++)
		bd_cell_done(&cells[i]);
	free(cells);
}

BD_TEST(what_was_clear_at_the_first_look_stays_clear)
{
	/* decided after six launches, measured on because others were not: of two looks it is the first that tells */
	struct world w;
	pair(&w, "{\"max_launches\":8,\"adaptive\":true}", 1.05, 0.004, 8);
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK(w.doc.cells[1].p < 0.0001);
	BD_CHECK_STR(w.doc.cells[1].verdict, "slower");
	world_end(&w);
	/* what only the second shows cannot be surer than that the first did not */
	pair(&w, "{\"max_launches\":8,\"adaptive\":true}", 1.006, 0.004, 8);
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK(w.doc.cells[1].p > 0.02);
	world_end(&w);
}

BD_TEST(an_end_that_the_data_brought_about_has_to_prove_more)
{
	struct world w;
	pair(&w, "{\"max_launches\":36,\"adaptive\":true}", 1.01, 0.005, 8);
	double widths[2];
	static const char *const whys[] = {"budget", "precision"};
	for (size_t i = 0; i < 2; i++) {
		stopped(&w, "run", 1, whys[i]);
		report(&w, "run", BD_RUN_COMPLETE);
		const struct bd_cell_result *b = &w.doc.cells[1];
		BD_CHECK_STR(b->stopped, whys[i]);
		BD_CHECK(b->complete);
		widths[i] = log(b->ratio->hi / b->ratio->lo);
	}
	BD_CHECK(widths[1] > 1.5 * widths[0]);
	world_end(&w);
}

/* Ten launches of B whose ratios are such that its p alone is a little below 5 %. */
static void barely(struct world *w, int64_t cell, int64_t reference)
{
	static const double ratios[] = {1.03, 0.995, 1.02, 1.01, 0.99, 1.025, 1.00, 1.015, 1.02, 0.997};
	for (int64_t l = 0; l < (int64_t)BD_LEN(ratios); l++)
		for (int64_t r = 0; r < 2; r++) {
			batch(w, "run", reference, l, r, 1, 100, 50000);
			batch(w, "run", cell, l, r, 1, 100 * ratios[l], 50000);
		}
}

BD_TEST(one_of_many_is_not_believed_as_one_alone_is)
{
	struct world w;
	struct bd_cell cells[42];
	for (size_t n = 2; n <= BD_LEN(cells); n += BD_LEN(cells) - 2) {
		for (int64_t i = 0; i < (int64_t)n; i++) {
			bd_auto_free char *name = bd_printf("call%lld", (long long)(i / 2));
			cell_make(&cells[i], i, name, i % 2 ? "side=b" : "side=a");
			cells[i].reference = i % 2 ? i - 1 : -1;
		}
		world_begin(&w);
		run_make(&w, "run", "{\"max_launches\":10}", NULL, cells, n);
		barely(&w, 1, 0);
		for (int64_t i = 2; i < (int64_t)n; i += 2) /* nothing there, and looks like it */
			for (int64_t l = 0; l < 10; l++) {
				batch(&w, "run", i, l, 0, 1, 100, 50000);
				batch(&w, "run", i + 1, l, 0, 1, l % 2 ? 101 : 99, 50000);
			}
		report(&w, "run", BD_RUN_COMPLETE);
		const struct bd_cell_result *c = &w.doc.cells[1];
		BD_CHECK(c->p < 0.05 && c->p > 0.01);
		if (n == 2) {
			BD_CHECK_NEAR(c->p_adjusted, c->p, 1e-12);
			BD_CHECK_STR(c->verdict, "slower");
		} else {
			BD_CHECK(c->p_adjusted > 0.05);
			BD_CHECK(!bd_streq(c->verdict, "slower"));
		}
		world_end(&w);
	}
}

BD_TEST(what_the_machine_sees_where_nothing_is_depends_on_what_is_compared)
{
	struct world w;
	struct bd_cell cells[5];
	cell_make(&cells[0], 0, "call", "binding=capi allocator=glibc");
	cell_make(&cells[1], 1, "call", "binding=ctypes allocator=glibc");
	cell_make(&cells[2], 2, "call", "binding=capi allocator=jemalloc");
	cells[1].reference = cells[2].reference = 0;
	twin_make(&cells[3], 3, &cells[0], "same-process");
	twin_make(&cells[4], 4, &cells[0], "second-process");
	world_begin(&w);
	run_make(&w, "run", NULL, NULL, cells, 5);
	measure(&w, "run",
		(struct truth[]){{0, 1, 100, 0.0005, 0}, {1, 1, 100, 0.0005, 0}, {2, 1, 100, 0.0005, 0},
			{3, 1, 100, 0.0005, 0}, {4, 1, 105, 0.01, 0}},
		5, LAUNCHES, 4);
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_INT(w.doc.cells_len, 3);
	BD_CHECK_INT(w.doc.noise_len, 2);
	BD_CHECK_NEAR(w.doc.noise[1].ratio, 1.05, 0.02);
	BD_CHECK_NEAR(w.doc.cells[1].equivalence, 0.02, 1e-12);
	/* how far the row of second processes reaches, offset and half width */
	BD_CHECK_NEAR(w.doc.cells[2].equivalence, w.doc.noise[1].hi - 1, 1e-9);
	BD_CHECK(w.doc.cells[2].equivalence > 0.05);
	world_end(&w);
}

BD_TEST(a_machine_that_sees_much_where_nothing_is_does_not_say_that_nothing_is)
{
	struct world w;
	struct bd_cell cells[3];
	cell_make(&cells[0], 0, "call", "side=a");
	cell_make(&cells[1], 1, "call", "side=b");
	cells[1].reference = 0;
	twin_make(&cells[2], 2, &cells[0], "second-process");
	world_begin(&w);
	run_make(&w, "run", NULL, NULL, cells, 3);
	measure(&w, "run", (struct truth[]){{0, 1, 100, 0.1, 0}, {1, 1, 120, 0.1, 0}, {2, 1, 100, 0.4, 0}}, 3, LAUNCHES,
		4);
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK(w.doc.noise[0].hi > 1.2);
	BD_CHECK_NEAR(w.doc.cells[1].equivalence, 0.1, 1e-12);
	BD_CHECK(!bd_streq(w.doc.cells[1].verdict, "no difference"));
	world_end(&w);
}

BD_TEST(ratio_and_level_of_threaded_cells_agree)
{
	struct world w;
	struct bd_cell cells[2];
	cell_make(&cells[0], 0, "call", "threads=2 gil=release");
	cell_make(&cells[1], 1, "call", "threads=2 gil=hold");
	cells[1].reference = 0;
	world_begin(&w);
	run_make(&w, "run", NULL, NULL, cells, 2);
	/* one batch of four in a regime three times as slow: no median sees it */
	for (int64_t l = 0; l < LAUNCHES; l++)
		for (int64_t r = 0; r < 4; r++) {
			batch(&w, "run", 0, l, r, 2, 100, 50000);
			struct bd_sample s = batch_of(1, l, r, 2, 100, 50000);
			for (size_t t = 0; t < s.threads_len && r == 3; t++)
				s.threads[t].ops /= 3;
			BD_CHECK_INT(bd_store_round_put(w.store, "run", &s, 1, &w.err), 0);
			bd_sample_done(&s);
		}
	report(&w, "run", BD_RUN_COMPLETE);
	const struct bd_cell_result *a = &w.doc.cells[0], *b = &w.doc.cells[1];
	double truth = 4 / (3 + 1.0 / 3);
	BD_CHECK_NEAR(b->time_ns_per_op->median, 200 * truth / 2, 0.01);
	BD_CHECK_NEAR(b->ratio->median, truth, 1e-4);
	BD_CHECK_NEAR(b->ratio->median, b->time_ns_per_op->median / a->time_ns_per_op->median, 1e-9);
	world_end(&w);
}

/* Two regimes; share: of the launch's batches in the slow one. */
static void regimes(struct world *w, int64_t cell, double share, double factor)
{
	for (int64_t l = 0; l < 10; l++)
		for (int64_t r = 0; r < 20; r++) {
			/* shares differ a little from launch to launch */
			bool slow = bd_rng_unit(&w->rng) < share;
			batch(w, "run", cell, l, r, 2, (slow ? 200 : 100) * factor * exp(0.005 * noise(w)), 50000);
		}
}

BD_TEST(modes_that_explain_a_difference_leave_it_undecided)
{
	for (int real = 0; real < 2; real++) {
		struct world w;
		struct bd_cell cells[2];
		cell_make(&cells[0], 0, "call", "threads=2 side=a");
		cell_make(&cells[1], 1, "call", "threads=2 side=b");
		cells[1].reference = 0;
		world_begin(&w);
		run_make(&w, "run", NULL, NULL, cells, 2);
		regimes(&w, 0, 0.2, 1);
		regimes(&w, 1, real ? 0.2 : 0.6, real ? 1.4 : 1);
		report(&w, "run", BD_RUN_COMPLETE);
		const struct bd_cell_result *b = &w.doc.cells[1];
		BD_CHECK(b->p_adjusted < 0.05 && b->ratio->lo > 1);
		BD_CHECK_STR(b->verdict, real ? "slower" : "undecided");
		BD_CHECK((note_of(b, "modes") != NULL) == !real);
		BD_CHECK_INT(cJSON_GetArraySize(b->modes), 2);
		const cJSON *slow = cJSON_GetArrayItem(b->modes, 1);
		BD_CHECK_NEAR(cJSON_GetObjectItem(slow, "share")->valuedouble, real ? 0.2 : 0.6, 0.1);
		BD_CHECK_NEAR(cJSON_GetObjectItem(slow, "median")->valuedouble, real ? 280 : 200, 3);
		world_end(&w);
	}
}

BD_TEST(speeds_of_the_machine_are_no_modes_of_the_code)
{
	struct world w;
	struct bd_cell cells[1];
	cell_make(&cells[0], 0, "call", "threads=2");
	world_begin(&w);
	run_make(&w, "run", NULL, NULL, cells, 1);
	for (int64_t l = 0; l < 10; l++)
		for (int64_t r = 0; r < 20; r++) {
			double speed = (l + r) % 2 ? 1.5 : 1;
			batch(&w, "run", 0, l, r, 2, 100 * speed * exp(0.005 * noise(&w)), (int64_t)(50000 * speed));
		}
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK(!w.doc.cells[0].modes);
	BD_CHECK_STR(w.doc.cells[0].steady, "flat");
	world_end(&w);
}

BD_TEST(a_warm_up_is_named)
{
	struct world w;
	struct bd_cell cells[2];
	cell_make(&cells[0], 0, "call", "");
	cell_make(&cells[1], 1, "other", "");
	world_begin(&w);
	run_make(&w, "run", NULL, NULL, cells, 2);
	for (int64_t l = 0; l < 8; l++)
		for (int64_t r = 0; r < 20; r++) {
			batch(&w, "run", 0, l, r, 1, (r < 4 ? 130 : 100) * exp(0.003 * noise(&w)), 50000);
			batch(&w, "run", 1, l, r, 1, 100 * exp(0.003 * noise(&w)), 50000);
		}
	report(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_STR(w.doc.cells[0].steady, "warm-up");
	BD_CHECK_STR(w.doc.cells[1].steady, "flat");
	world_end(&w);
}

BD_TEST(facts_are_told)
{
	struct world w;
	struct bd_cell cells[2];
	cell_make(&cells[0], 0, "call", "side=a");
	cell_make(&cells[1], 1, "call", "side=b");
	cells[1].reference = 0;
	cells[0].facts = cJSON_Parse("{\"provenance\":[{\"path\":\"/old/m.so\",\"build_id\":\"aa\"}],"
				     "\"memory_reason\":{\"key\":\"exit\",\"message\":\"it ended\"}}");
	cells[1].facts = cJSON_Parse(
		"{\"provenance\":[{\"path\":\"/new/m.so\",\"build_id\":\"bb\"}],\"stopped\":\"decided\","
		"\"notes\":[{\"key\":\"printed\",\"message\":\"wrote 12 bytes\",\"hint\":null}],"
		"\"memory\":{\"rss_bytes\":10,\"rss_peak_bytes\":20,\"bytes_per_op\":1.5,\"allocator_bytes\":7,"
		"\"allocator_before_bytes\":3}}");
	BD_CHECK(cells[0].facts && cells[1].facts);
	world_begin(&w);
	run_make(&w, "run", NULL, NULL, cells, 2);
	measure(&w, "run", (struct truth[]){{0, 1, 100, 0, 0.001}, {1, 1, 100, 0, 0.001}}, 2, LAUNCHES, 2);
	for (int64_t l = 0; l < LAUNCHES; l++) {
		struct bd_sample s = batch_of(1, l, 0, 1, 1, 0);
		s.kind = BD_SAMPLE_FIRST;
		s.wall_ns = 5000 + l;
		s.threads[0].ops = 1;
		BD_CHECK_INT(bd_store_round_put(w.store, "run", &s, 1, &w.err), 0);
		bd_sample_done(&s);
	}
	report(&w, "run", BD_RUN_COMPLETE);
	const struct bd_cell_result *a = &w.doc.cells[0], *b = &w.doc.cells[1];
	bd_auto_free char *theirs = bd_json_text(a->provenance), *both = bd_json_text(b->provenance);
	BD_CHECK_STR(theirs, "{\"a\":[{\"path\":\"/old/m.so\",\"build_id\":\"aa\"}]}");
	BD_CHECK_STR(both,
		"{\"a\":[{\"path\":\"/old/m.so\",\"build_id\":\"aa\"}],\"b\":[{\"path\":\"/new/m.so\",\"build_id\":\"bb\"}]}");
	BD_CHECK(!a->memory && bd_streq(a->memory_reason->key, "exit"));
	BD_CHECK(b->memory && !b->memory_reason);
	BD_CHECK_INT(b->memory->rss_peak_bytes, 20);
	BD_CHECK_NEAR(b->memory->bytes_per_op, 1.5, 1e-12);
	BD_CHECK_INT(b->notes_len, 1);
	BD_CHECK_STR(b->notes[0].key, "printed");
	BD_CHECK_STR(b->stopped, "decided");
	BD_CHECK(!a->first_call_ns);
	BD_CHECK_NEAR(b->first_call_ns->median, 5002.5, 1e-9);
	BD_CHECK(b->first_call_ns->lo > 4990 && b->first_call_ns->hi < 5010);
	/* a first call is no batch */
	BD_CHECK_INT(b->samples, LAUNCHES * 2);
	BD_CHECK_INT(b->iterations, LAUNCHES * 2 * 100000);
	BD_CHECK_INT(b->launches, LAUNCHES);
	BD_CHECK_NEAR(b->ratio->median, 1, 0.01);
	world_end(&w);
}

BD_TEST_MAIN
