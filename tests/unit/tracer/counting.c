/* What counts as one wait, on a GIL made up for the purpose: a thread goes through sleeps whose every circumstance is
 * set (which part, whose wake, what last_holder and switch_number say), and the counters must be exactly these. */
#include "bd_test.h"
#include "steps.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* a step names only what matters to it */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* ---- the test ------------------------------------------------------------------------------------------------ */

static struct bd_probe *probe;

static void load(void)
{
	struct bd_error err = {0};
	if (bd_probe_load(BD_TRACER_COUNTERS, &probe, &err) < 0 || bd_probe_on(probe, true, &err) < 0) {
		if (strcmp(err.key, "no-bpf-rights") == 0 || strcmp(err.key, "no-btf") == 0)
			BD_SKIP("%s", err.message);
		BD_FAIL("%s: %s", err.key, err.message);
	}
}

static pid_t start_child(void (*run)(const void *), const void *arg, uint64_t shift)
{
	bd_probe_clear(probe, STEP_TARGET);
	struct bd_probe_target *t = bd_probe_target(probe, STEP_TARGET);
	t->layout = step_layout;
	t->gil[0] = (uint64_t)(uintptr_t)&gil + shift;
	t->gils_len = 1;
	return run_child(probe, run, arg);
}

static const struct bd_probe_counters *counters(void)
{
	return bd_probe_counters(probe, STEP_TARGET);
}

/* The counters of the only thread that slept; those of nobody (all zero) when none did. A reaped thread may still be on
 * its way off the processor, where the last slice is settled. */
static struct bd_probe_thread run(const struct step *steps, size_t n, uint64_t shift)
{
	struct script s = {steps, n};
	pid_t pid = start_child(run_script, &s, shift);
	struct bd_probe_thread th = {0};
	for (int i = 0; i < 1000; i++) {
		bd_probe_read_thread(&counters()->thread[pid % BD_PROBE_THREADS], &th);
		if (th.state == BD_PROBE_RUNS)
			break;
		bd_sleep_ns(1000000);
	}
	BD_CHECK(th.tid == 0 || th.tid == (uint32_t)pid);
	BD_CHECK_INT(counters()->lost, 0);
	BD_CHECK_INT(th.wait_ns, th.holder_ns + th.runqueue_ns + th.switch_ns + th.mutex_ns);
	uint64_t hist = 0;
	for (size_t b = 0; b < BD_PROBE_BUCKETS; b++)
		hist += counters()->hist[b];
	BD_CHECK_INT(hist, th.waits);
	return th;
}

#define RUN(...)                                                  \
	({                                                        \
		const struct step steps_[] = {__VA_ARGS__};       \
		run(steps_, sizeof steps_ / sizeof steps_[0], 0); \
	})

#define COND gil.cond + 3

BD_TEST(timer_slices_continue)
{
	load();
	uint64_t runqueue_ns = 1;
	/* After a timer the run queue counts as holder, and a thread is always a moment in it. One that loses its processor
	 * just then, on a busy machine, does wait in the run queue: another try. */
	for (int i = 0; i < 20 && runqueue_ns; i++) {
		struct bd_probe_thread th = RUN({COND}, {COND}, {COND}, {COND}, {COND});
		BD_CHECK_INT(th.waits, 1);
		BD_CHECK_INT(th.retries, 0);
		BD_CHECK_INT(th.wait_ns, th.max_ns);
		runqueue_ns = th.runqueue_ns;
	}
	BD_CHECK_INT(runqueue_ns, 0);
}

BD_TEST(a_hand_over_between_others_continues)
{
	load();
	struct bd_probe_thread th = RUN({COND}, {COND, .number_by = 1, .busy_ns = 100000});
	BD_CHECK_INT(th.waits, 1);
	BD_CHECK_INT(th.retries, 0);
}

BD_TEST(got_it_and_lost_it_is_another)
{
	load();
	struct bd_probe_thread th = RUN({COND}, {COND, .number_by = 2, .busy_ns = 100000},
		{COND, .number_by = 2, .busy_ns = 100000});
	BD_CHECK_INT(th.waits, 3);
	BD_CHECK_INT(th.retries, 0);
	BD_CHECK(th.max_ns < th.wait_ns);
}

BD_TEST(lost_the_race_continues)
{
	load();
	struct bd_probe_thread th = RUN({COND, true}, {COND, true, .busy_ns = 100000}, {COND, true});
	BD_CHECK_INT(th.waits, 1);
	BD_CHECK_INT(th.retries, 0);
}

BD_TEST(woken_and_slept_later_is_another)
{
	load();
	struct bd_probe_thread th = RUN({COND, true}, {COND, true, .number_by = 1, .busy_ns = 100000});
	BD_CHECK_INT(th.waits, 2);
	BD_CHECK_INT(th.retries, 0);
}

BD_TEST(woken_and_slept_at_once_is_a_retry)
{
	load();
	struct bd_probe_thread th;
	/* the machine may take the thread off its processor in these few us */
	for (int i = 0; i < 50; i++) {
		th = RUN({COND, true}, {COND, true, .number_by = 1});
		BD_CHECK_INT(th.waits, 2);
		if (th.retries == 1)
			return;
	}
	BD_FAIL("%d retries", (int)th.retries);
}

BD_TEST(relock_continues)
{
	load();
	struct bd_probe_thread th = RUN({COND, true}, {gil.mutex, true});
	BD_CHECK_INT(th.waits, 1);
	BD_CHECK_INT(th.retries, 0);
	BD_CHECK(th.holder_ns > 0 && th.mutex_ns > 0);
	th = RUN({gil.mutex, true}, {COND, true});
	BD_CHECK_INT(th.waits, 1);
}

BD_TEST(releasing_is_another)
{
	load();
	struct bd_probe_thread th = RUN({gil.mutex, true, .self_held = true},
		{gil.mutex, true, .self_held = true, .busy_ns = 100000});
	BD_CHECK_INT(th.waits, 2);
}

BD_TEST(parts)
{
	load();
	struct bd_probe_thread th = RUN({gil.switch_cond});
	BD_CHECK_INT(th.waits, 1);
	BD_CHECK_INT(th.switch_ns, th.wait_ns);
	th = RUN({gil.switch_mutex});
	BD_CHECK_INT(th.mutex_ns, th.wait_ns);
	th = RUN({gil.switch_mutex + 9});
	BD_CHECK_INT(th.mutex_ns, th.wait_ns);
	th = RUN({gil.cond + 11});
	BD_CHECK_INT(th.holder_ns, th.wait_ns);
}

BD_TEST(holders)
{
	load();
	struct bd_probe_thread th = RUN({COND}, {COND, .number_by = 2, .self_held = true, .busy_ns = 100000});
	BD_CHECK_INT(th.waits, 2);
	unsigned w = th.tid % BD_PROBE_THREADS, holder = 0;
	for (unsigned i = 0; i < BD_PROBE_THREADS; i++)
		if (counters()->thread[i].tid == other_state.native_thread_id)
			holder = i + 1;
	BD_CHECK(holder);
	/* nobody is blocked by himself: that one is unknown */
	BD_CHECK_INT(counters()->block[w][holder].waits, 1);
	BD_CHECK_INT(counters()->block[w][0].waits, 1);
	BD_CHECK_INT(counters()->block[w][w + 1].waits, 0);
	BD_CHECK_INT(counters()->block[w][holder].ns + counters()->block[w][0].ns, th.holder_ns);
}

BD_TEST(elsewhere_is_nothing)
{
	load();
	struct bd_probe_thread th = RUN({gil.outside}, {(uint32_t *)&gil.locked});
	BD_CHECK_INT(th.waits, 0);
	BD_CHECK_INT(th.tid, 0);
	/* the same sleeps, the range put elsewhere */
	const struct step steps[] = {{COND}, {COND, .number_by = 2}};
	th = run(steps, 2, 4096);
	BD_CHECK_INT(th.waits, 0);
}

/* ---- more threads than there is room for ---------------------------------------------------------------------- */

/* On a busy machine the time may be up before the thread comes to sleep, and then it does not. */
static void *sleep_once(void *unused)
{
	struct rusage before, after;
	getrusage(RUSAGE_THREAD, &before);
	do {
		struct timespec t = {0, STEP_TIMER_NS};
		syscall(SYS_futex, gil.cond, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
		getrusage(RUSAGE_THREAD, &after);
	} while (after.ru_nvcsw == before.ru_nvcsw);
	return unused;
}

static void run_many(const void *arg)
{
	(void)arg; /* one after the other; nobody holds, so no column is taken by a holder */
	for (int i = 0; i < BD_PROBE_THREADS + 3; i++) {
		pthread_t t;
		if (pthread_create(&t, NULL, sleep_once, NULL) != 0 || pthread_join(t, NULL) != 0)
			_exit(1);
	}
}

BD_TEST(too_many_threads_are_counted_as_lost)
{
	load();
	start_child(run_many, NULL, 0);
	uint64_t waits = 0;
	for (int i = 0; i < 1000 && waits < BD_PROBE_THREADS; i++) {
		waits = 0;
		for (unsigned k = 0; k < BD_PROBE_THREADS; k++)
			waits += counters()->thread[k].waits;
		bd_sleep_ns(1000000);
	}
	BD_CHECK_INT(waits, BD_PROBE_THREADS);
	BD_CHECK_INT(counters()->lost, 3);
}

BD_TEST_MAIN
