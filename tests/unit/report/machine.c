/* What is said of the machine. */
#include "support.h"

struct weather {
	double slow; /* every third batch ran at a speed this much lower */
	int64_t flagged_of_ten, steal_ticks, throttled, involuntary;
	const char *environment;
};

static void run_in(struct world *w, const struct weather *v)
{
	struct bd_cell cells[1];
	cell_make(&cells[0], 0, "call", "");
	world_begin(w);
	run_make(w, "run", NULL, v->environment, cells, 1);
	for (int64_t l = 0; l < LAUNCHES; l++)
		for (int64_t r = 0; r < 10; r++) {
			double speed = v->slow > 0 && r % 3 == 0 ? v->slow : 1;
			/* 100 ms each */
			struct bd_sample s = batch_of(0, l, r, 1, 1000, (int64_t)(50000 * speed));
			s.probe_ns[1] += r < v->flagged_of_ten ? s.probe_ns[0] / 2 : 0;
			s.steal_ticks = v->steal_ticks;
			s.throttled = v->throttled;
			s.threads[0].involuntary = v->involuntary;
			BD_CHECK_INT(bd_store_round_put(w->store, "run", &s, 1, &w->err), 0);
			bd_sample_done(&s);
		}
	report(w, "run", BD_RUN_COMPLETE);
}

static double of(const struct world *w, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(w->doc.run.machine, name);
	BD_CHECK(v);
	return cJSON_IsNumber(v) ? v->valuedouble : (double)NAN;
}

BD_TEST(a_quiet_machine_is_called_quiet)
{
	struct world w;
	run_in(&w, &(struct weather){.environment = "{\"processors_allowed\":2,\"loadavg\":\"0.25 1 1 1/300 5\"}"});
	BD_CHECK_STR(w.doc.run.noise_line,
		"The machine was quiet: its speed changed by at most 0.0 % within the run, and no batch was disturbed; "
		"nothing was stolen or throttled.");
	BD_CHECK_NEAR(of(&w, "batches"), 60, 0);
	BD_CHECK_NEAR(of(&w, "flagged_batches"), 0, 0);
	BD_CHECK_NEAR(of(&w, "steal_ms"), 0, 0);
	BD_CHECK_NEAR(of(&w, "probe_spread"), 1, 1e-9);
	BD_CHECK_NEAR(of(&w, "load_before"), 0.25, 1e-9);
	BD_CHECK(isnan(of(&w, "load_after")) && isnan(of(&w, "mhz_lo")) && isnan(of(&w, "others_cpu")));
	world_end(&w);
}

BD_TEST(each_trouble_is_said_with_its_figure)
{
	static const struct {
		struct weather weather;
		const char *said;
	} cases[] = {
		{{.slow = 1.9}, "its speed changed by up to 1.90× within the run"},
		{{.flagged_of_ten = 2}, "20 % of the batches were disturbed and left out of ratios"},
		/* 60 batches of 100 ms: 6 s of two processors, of which 60 ticks are 5 % */
		{{.steal_ticks = 1}, "the hypervisor gave 5.0 % of the processors' time to others"},
		{{.throttled = 1}, "its quota stopped it 60 times"},
		{{.involuntary = 9}, "what was measured lost its processor 90 times a second"},
		{{.environment = "{\"processors_allowed\":2,\"others_cpu_s\":6.0}"},
			"other programs kept 0.6 processors busy"},
		{{.environment = "{\"processors_allowed\":2,\"load_before\":3.5}"},
			"its load was 3.5 when the run began"},
		{{.environment = "{\"processors_allowed\":2,\"mhz_lo\":2100,\"mhz_hi\":3400}"},
			"its frequency went between 2.1 and 3.4 GHz"},
	};
	for (size_t i = 0; i < BD_LEN(cases); i++) {
		struct world w;
		run_in(&w, &cases[i].weather);
		if (!bd_starts_with(w.doc.run.noise_line, "The machine was restless: ") ||
			!strstr(w.doc.run.noise_line, cases[i].said))
			BD_FAIL("'%s' does not say '%s'", w.doc.run.noise_line, cases[i].said);
		/* and nothing else is wrong */
		for (size_t k = 0; k < BD_LEN(cases); k++)
			BD_CHECK(k == i || !strstr(w.doc.run.noise_line, cases[k].said));
		world_end(&w);
	}
}

BD_TEST(what_could_not_be_read_is_not_said)
{
	struct world w;
	run_in(&w, &(struct weather){.steal_ticks = BD_NULL_INT, .throttled = BD_NULL_INT});
	BD_CHECK(isnan(of(&w, "steal_ms")) && isnan(of(&w, "throttled")));
	BD_CHECK(!strstr(w.doc.run.noise_line, "stolen") && !strstr(w.doc.run.noise_line, "throttled"));
	world_end(&w);
}

BD_TEST(a_run_without_batches_says_nothing)
{
	struct world w;
	struct bd_cell cells[1];
	cell_make(&cells[0], 0, "call", "");
	world_begin(&w);
	run_make(&w, "run", NULL, NULL, cells, 1);
	report(&w, "run", BD_RUN_CANCELLED);
	BD_CHECK(!w.doc.run.noise_line && !w.doc.run.machine);
	world_end(&w);
}

BD_TEST_MAIN
