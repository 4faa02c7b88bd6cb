/* The byte string of a sample: nothing is lost, nothing false is believed. */
#include "ops.h"
#include "support.h"

static void round_trip(const struct bd_sample *s)
{
	bd_auto_str struct bd_str b = {0};
	struct bd_sample back = *s;
	back.threads = NULL;
	back.blocks = NULL;
	back.hist = NULL;
	back.threads_len = back.blocks_len = back.hist_len = 0;
	bd_store_detail_encode(s, &b);
	BD_CHECK_INT(bd_store_detail_decode(b.s, b.len, &back), 0);
	sample_check(&back, s);
	bd_sample_done(&back);
}

BD_TEST(every_number_survives)
{
	struct bd_sample s = sample_make(3, 1, 2, 4);
	const int64_t edges[] = {0, -1, 1, 63, 64, -64, -65, 8191, 8192, INT64_MAX, INT64_MIN, INT64_MIN + 1,
		BD_NULL_INT};
	for (size_t i = 0; i < BD_LEN(edges); i++) {
		s.threads[0].tid = edges[i];
		s.threads[3].retries = edges[i];
		s.blocks[0].ns = edges[i];
		round_trip(&s);
	}
	struct bd_sample none = {0};
	round_trip(&none);
	bd_sample_done(&s);
}

BD_TEST(bytes_are_the_documented_ones)
{
	/* the format is a promise to stored data: one thread whose numbers are 0, -1, 1, -2, 300 and ten zeros */
	struct bd_sample s = {0};
	*BD_PUSH(s.threads,
		s.threads_len) = (struct bd_sample_thread){.ops = -1, .straddled = 1, .overrun_ns = -2, .cpu_ns = 300};
	*BD_PUSH(s.blocks, s.blocks_len) = (struct bd_sample_block){0, -1, 5, 6};
	*BD_PUSH(s.hist, s.hist_len) = (struct bd_sample_bucket){64, 1};
	static const unsigned char want[] = {1, 2, 0, 1, 2, 3, 0xd8, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 10,
		12, 2, 0x80, 1, 2};
	bd_auto_str struct bd_str b = {0};
	bd_store_detail_encode(&s, &b);
	BD_CHECK_INT(b.len, sizeof want);
	BD_CHECK(memcmp(b.s, want, sizeof want) == 0);
	bd_sample_done(&s);
}

static bool accepted(const void *p, size_t n)
{
	struct bd_sample s = {0};
	bool ok = bd_store_detail_decode(p, n, &s) == 0;
	BD_CHECK(ok || (!s.threads && !s.blocks && !s.hist));
	bd_sample_done(&s);
	return ok;
}

BD_TEST(damage_is_refused)
{
	BD_CHECK(accepted("\1\0\0\0", 4)); /* the smallest one there is: the checks below can fail */
	BD_CHECK(!accepted("", 0));
	BD_CHECK(!accepted("\2\0\0\0", 4));          /* a version we do not know */
	BD_CHECK(!accepted("\1\0\0\0\0", 5));        /* something behind it */
	BD_CHECK(!accepted("\1\0\0\200\0", 5));      /* a longer form of 0 */
	BD_CHECK(!accepted("\1\1\0\0", 4));          /* -1 threads */
	BD_CHECK(!accepted("\1\0\2\0\0\2\2\0", 8));  /* a block of a thread that is not there */
	BD_CHECK(!accepted("\1\0\0\2\201\12\2", 7)); /* negative bucket */
	BD_CHECK(!accepted("\1\0\0\2\200\12\2", 7)); /* bucket 640 */
	BD_CHECK(accepted("\1\0\0\2\376\11\2", 7));  /* bucket 639 */
	BD_CHECK(!accepted("\1\376\377\377\377\377\377\377\377\377\1\0\0", 13)); /* 2^63-1 threads: must not allocate */
	BD_CHECK(!accepted("\1\200\200\200\200\200\200\200\200\200\2\0\0", 13)); /* 65 bits */
}

BD_TEST(every_cut_is_refused_and_no_noise_crashes)
{
	struct bd_sample s = sample_make(3, 1, 2, 4);
	bd_auto_str struct bd_str b = {0};
	bd_store_detail_encode(&s, &b);
	for (size_t n = 0; n < b.len; n++) {
		/* an allocation of exactly n, so that a read beyond it is seen under the address sanitizer */
		bd_auto_free char *cut = bd_strndup(b.s, n);
		BD_CHECK(!accepted(cut, n));
	}
	struct bd_rng rng;
	bd_rng_init(&rng, 11);
	for (int i = 0; i < 20000; i++) {
		bd_auto_free char *noise = bd_strndup(b.s, b.len);
		for (int k = 0; k < 3; k++)
			noise[bd_rng_below(&rng, b.len)] = (char)bd_rng_next(&rng);
		accepted(noise, b.len);
	}
	bd_sample_done(&s);
}

BD_TEST_MAIN
