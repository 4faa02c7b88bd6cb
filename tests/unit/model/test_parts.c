#include "bd_model.h"
#include "bd_test.h"

BD_TEST(axes_keep_the_fixed_order)
{
	struct bd_axes a = {0};
	bd_axes_set(&a, "u", "10us");
	bd_axes_set(&a, "threads", "2");
	bd_axes_set(&a, "gil", "hold");
	bd_axes_set(&a, "python", "3.11.2");
	bd_axes_set(&a, "allocator", "glibc");
	bd_axes_set(&a, "objalloc", "malloc");
	bd_auto_free char *id = bd_cell_id("gil-contention", &a);
	/* allocator is at its documented default, objalloc is not */
	BD_CHECK_STR(id, "gil-contention/python=3.11.2/objalloc=malloc/threads=2/gil=hold/u=10us");
	struct bd_axes b;
	bd_axes_copy(&a, &b);
	BD_CHECK(bd_axes_equal(&a, &b));
	bd_axes_set(&b, "u", "1us");
	BD_CHECK(!bd_axes_equal(&a, &b));
	BD_CHECK_INT(bd_axes_threads(&a), 2);
	bd_axes_done(&a);
	bd_axes_done(&b);
}

BD_TEST(durations)
{
	int64_t ns = -7;
	BD_CHECK(bd_duration_parse("1us", &ns) == 0 && ns == 1000);
	BD_CHECK(bd_duration_parse("200ms", &ns) == 0 && ns == 200000000);
	BD_CHECK(bd_duration_parse("0.1us", &ns) == 0 && ns == 100);
	BD_CHECK(bd_duration_parse("10m", &ns) == 0 && ns == 600000000000);
	ns = -7;
	static const char *const bad[] = {"", "us", "1", "-1s", "1parsec", "1e300s", "nan", "inf", " 1s"};
	for (size_t i = 0; i < BD_LEN(bad); i++)
		BD_CHECK(bd_duration_parse(bad[i], &ns) < 0);
	BD_CHECK_INT(ns, -7);
}

BD_TEST(histogram_buckets_are_at_most_a_sixteenth_wide)
{
	unsigned last = 0;
	for (uint64_t v = 0; v < 4000000; v += 1 + v / 64) {
		unsigned b = bd_hist_bucket(v);
		BD_CHECK(b >= last && b < BD_HIST_BUCKETS);
		BD_CHECK(bd_hist_low(b) <= v && v < bd_hist_low(b + 1));
		if (v >= 16)
			BD_CHECK((bd_hist_low(b + 1) - bd_hist_low(b)) * 16 <= bd_hist_low(b));
		last = b;
	}
	BD_CHECK_INT(bd_hist_bucket(UINT64_MAX), BD_HIST_BUCKETS - 1);
}

BD_TEST(probes_that_differ_flag_a_sample)
{
	struct bd_sample s = {.probe_ns = {50000, 54900}};
	BD_CHECK(!bd_sample_flagged(&s));
	s.probe_ns[1] = 55100;
	BD_CHECK(bd_sample_flagged(&s));
	s.probe_ns[0] = 0;
	BD_CHECK(!bd_sample_flagged(&s)); /* no probe: nothing to say */
}

BD_TEST(what_a_reason_does_not_say_is_null)
{
	const struct bd_reason said = {.check = (char[]){""},
		.key = (char[]){"exception"},
		.message = (char[]){"m"},
		.hint = (char[]){""}};
	struct bd_reason *r = bd_reason_copy(&said);
	bd_auto_json cJSON *j = bd_doc_encode(&bd_reason_doc, r);
	bd_auto_free char *text = bd_json_text(j);
	BD_CHECK_STR(text, "{\"check\":null,\"key\":\"exception\",\"message\":\"m\",\"hint\":null}");
	bd_reason_free(r);
}

BD_TEST_MAIN
