/* Two stored runs side by side. */
#include "support.h"

#define ENVIRONMENT(kernel, step)                                                        \
	"{\"processors_allowed\":2,\"kernel\":\"" kernel "\",\"boot_id\":\"" kernel step \
	"\",\"calibration\":{\"ns_per_step\":" step ",\"probe_steps\":100000}}"

/* A run of one cell; speed: of the machine, which its probes show unless they are hidden. */
static void run_of(struct world *w, const char *id, const char *more, double ns, double speed, int64_t probe_ns)
{
	struct bd_cell cells[1];
	cell_make(&cells[0], 0, "call", more);
	run_make(w, id, NULL, NULL, cells, 1);
	for (int64_t l = 0; l < 8; l++)
		for (int64_t r = 0; r < 4; r++) {
			double here = speed * (1 + 0.1 * (double)(l % 3)); /* it changes within the run, too */
			batch(w, id, 0, l, r, 1, ns * here * exp(0.003 * noise(w)),
				(int64_t)((double)probe_ns * (probe_ns == 50000 ? here : 1)));
		}
	run_state(w, id, BD_RUN_COMPLETE);
}

static void compare(struct world *w, const char *a, const char *b)
{
	bd_doc_done(&bd_run_document_doc, &w->doc);
	BD_CHECK_INT(bd_report_compare(w->store, a, b, (double)NAN, &w->doc, &w->err), 0);
}

BD_TEST(the_speed_of_the_machine_is_not_compared)
{
	struct world w;
	world_begin(&w);
	run_of(&w, "run-a", "", 100, 1, 50000);
	run_of(&w, "run-b", "", 100, 1.3, 50000);
	run_of(&w, "run-c", "", 106, 0.8, 50000);
	run_of(&w, "run-d", "", 100, 1.3, 60000); /* its probes do not follow: nothing can be taken out */
	compare(&w, "run-a", "run-b");
	BD_CHECK_INT(w.doc.cells_len, 2);
	const struct bd_cell_result *a = &w.doc.cells[0], *b = &w.doc.cells[1];
	BD_CHECK_STR(a->id, "call/threads=1/side=a");
	BD_CHECK_STR(b->ratio->to, a->id);
	BD_CHECK(!a->ratio && !a->verdict);
	BD_CHECK_NEAR(b->ratio->median, 1, 0.005);
	BD_CHECK_STR(b->verdict, "no difference");
	BD_CHECK_STR(w.doc.run.kind, "compare");
	BD_CHECK(!w.doc.run.id && isnan(w.doc.run.wall_s));
	/* a gate names the run that is judged */
	struct bd_report_limits limits;
	bd_doc_init(&bd_report_limits_doc, &limits);
	cJSON *gate = NULL;
	BD_CHECK_INT(bd_report_gate(&w.doc, &limits, &gate, &w.err), 0);
	BD_CHECK_STR(cJSON_GetObjectItem(gate, "run")->valuestring, "run-b");
	BD_CHECK_STR(cJSON_GetObjectItem(gate, "verdict")->valuestring, "pass");
	cJSON_Delete(gate);
	/* what was measured is shown as it was measured */
	BD_CHECK(b->time_ns_per_op->median > 1.2 * a->time_ns_per_op->median);
	compare(&w, "run-a", "run-c");
	b = &w.doc.cells[1];
	BD_CHECK_STR(b->verdict, "slower");
	BD_CHECK(b->ratio->lo < 1.06 && b->ratio->hi > 1.06 && b->ratio->lo > 1.04);
	BD_CHECK(b->p < 0.001 && b->p_adjusted < 0.001);
	BD_CHECK(b->smallest_effect > 0.001 && b->smallest_effect < 0.02);
	compare(&w, "run-a", "run-d");
	BD_CHECK(fabs(w.doc.cells[1].ratio->median - 1) > 0.05);
	world_end(&w);
}

BD_TEST(the_same_work_is_the_same_though_each_run_calibrates_for_itself)
{
	struct world w;
	world_begin(&w);
	static const char *const ids[] = {"run-a", "run-b"};
	for (int64_t k = 0; k < 2; k++) {
		struct bd_cell cells[1];
		cell_make(&cells[0], 0, "call", "u=10us");
		run_make(&w, ids[k], NULL, k ? ENVIRONMENT("6", "0.55") : ENVIRONMENT("6", "0.5"), cells, 1);
		/* 20,000 steps in A, 18,182 in B, at half a nanosecond each */
		for (int64_t l = 0; l < LAUNCHES; l++)
			batch(&w, ids[k], 0, l, 0, 1, (k ? 9091 : 10000) * exp(0.002 * noise(&w)), 50000);
		run_state(&w, ids[k], BD_RUN_COMPLETE);
	}
	compare(&w, "run-a", "run-b");
	BD_CHECK_NEAR(w.doc.cells[1].ratio->median, 1, 0.005);
	world_end(&w);
}

BD_TEST(cells_that_only_one_of_them_has_are_listed)
{
	struct world w;
	world_begin(&w);
	run_of(&w, "run-a", "gil=hold", 100, 1, 50000);
	run_of(&w, "run-b", "gil=release", 100, 1, 50000);
	compare(&w, "run-a", "run-b");
	BD_CHECK_INT(w.doc.cells_len, 2);
	BD_CHECK(note_of(&w.doc.cells[0], "only-in-b") && note_of(&w.doc.cells[1], "only-in-a"));
	BD_CHECK(!w.doc.cells[0].verdict && !w.doc.cells[1].verdict && w.doc.cells[0].time_ns_per_op);
	world_end(&w);
}

BD_TEST(the_environments_are_compared_before_the_figures)
{
	struct world w;
	world_begin(&w);
	static const char *const ids[] = {"run-a", "run-b", "run-c"};
	for (size_t k = 0; k < 3; k++) {
		struct bd_cell cells[1];
		cell_make(&cells[0], 0, "call", "");
		run_make(&w, ids[k], NULL,
			k == 1      ? ENVIRONMENT("6.2", "0.5")
				: k ? ENVIRONMENT("6.1", "0.6")
				    : ENVIRONMENT("6.1", "0.5"),
			cells, 1);
		struct bd_run run;
		BD_CHECK_INT(bd_store_run_get(w.store, ids[k], &run, &w.err), 0);
		free(run.comparability_key);
		run.comparability_key = bd_strdup(k == 1 ? "other" : "key");
		run.state = BD_RUN_COMPLETE;
		BD_CHECK_INT(bd_store_run_update(w.store, &run, &w.err), 0);
		bd_run_done(&run);
	}
	compare(&w, "run-a", "run-b");
	bd_auto_free char *text = bd_json_text(w.doc.comparability);
	BD_CHECK_STR(text, "{\"same\":false,\"differences\":[{\"what\":\"kernel\",\"a\":\"6.1\",\"b\":\"6.2\"}]}");
	BD_CHECK(!w.doc.run.comparability_key);
	/* another boot and calibration are another day, not another machine */
	compare(&w, "run-a", "run-c");
	bd_auto_free char *same = bd_json_text(w.doc.comparability);
	BD_CHECK_STR(same, "{\"same\":true,\"differences\":[]}");
	world_end(&w);
}

BD_TEST(of_a_run_of_two_sides_the_newer_counts)
{
	struct world w;
	world_begin(&w);
	struct bd_cell cells[2];
	cell_make(&cells[0], 0, "call", "side=a");
	cell_make(&cells[1], 1, "call", "side=b");
	cells[1].reference = 0;
	run_make(&w, "run-ab", NULL, NULL, cells, 2);
	measure(&w, "run-ab", (struct truth[]){{0, 1, 100, 0.002, 0}, {1, 1, 150, 0.002, 0}}, 2, LAUNCHES, 2);
	run_state(&w, "run-ab", BD_RUN_COMPLETE);
	run_of(&w, "run-b", "", 150, 1, 50000);
	compare(&w, "run-ab", "run-b");
	BD_CHECK_INT(w.doc.cells_len, 2);
	BD_CHECK_NEAR(w.doc.cells[1].ratio->median, 1, 0.01);
	world_end(&w);
}

BD_TEST(each_of_them_has_its_own_rows_of_what_the_machine_sees)
{
	struct world w;
	world_begin(&w);
	static const char *const ids[] = {"run-a", "run-b"};
	for (size_t k = 0; k < 2; k++) {
		struct bd_cell cells[2];
		cell_make(&cells[0], 0, "call", "");
		twin_make(&cells[1], 1, &cells[0], "second-process");
		run_make(&w, ids[k], NULL, NULL, cells, 2);
		measure(&w, ids[k], (struct truth[]){{0, 1, 100, 0.001, 0}, {1, 1, k ? 105 : 100, 0.001, 0}}, 2,
			LAUNCHES, 2);
		run_state(&w, ids[k], BD_RUN_COMPLETE);
	}
	compare(&w, "run-a", "run-b");
	BD_CHECK_INT(w.doc.noise_len, 2);
	for (size_t k = 0; k < 2; k++) {
		BD_CHECK_STR(w.doc.noise[k].cell, w.doc.cells[k].id);
		BD_CHECK_NEAR(w.doc.noise[k].ratio, k ? 1.05 : 1, 0.005);
	}
	/* the one that reaches further is what cannot be told apart */
	BD_CHECK_NEAR(w.doc.cells[1].equivalence, w.doc.noise[1].hi - 1, 1e-9);
	world_end(&w);
}

BD_TEST(what_cannot_be_compared_is_refused)
{
	struct world w;
	world_begin(&w);
	run_of(&w, "run-a", "", 100, 1, 50000);
	run_of(&w, "run-b", "", 100, 1, 50000);
	run_state(&w, "run-b", BD_RUN_RUNNING);
	BD_CHECK(bd_report_compare(w.store, "run-a", "run-b", (double)NAN, &w.doc, &w.err) < 0);
	BD_CHECK_STR(w.err.key, "conflict");
	BD_CHECK(bd_report_compare(w.store, "none", "run-a", (double)NAN, &w.doc, &w.err) < 0);
	BD_CHECK_STR(w.err.key, "not-found");
	BD_CHECK(bd_report_compare(w.store, "run-a", "none", (double)NAN, &w.doc, &w.err) < 0);
	BD_CHECK_STR(w.err.key, "not-found");
	world_end(&w);
}

BD_TEST_MAIN
