#include "bd_base.h"
#include "bd_test.h"

#include <pthread.h>

/* First outputs of xoshiro256** and of splitmix64 for known states, from an independent implementation. */
BD_TEST(generator_gives_the_published_sequence)
{
	struct bd_rng r = {{1, 2, 3, 4}};
	static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240U};
	for (size_t i = 0; i < BD_LEN(want); i++)
		BD_CHECK(bd_rng_next(&r) == want[i]);
	/* splitmix64 from 1234567 */
	static const uint64_t expanded[] = {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
		4593380528125082431U};
	bd_rng_init(&r, 1234567);
	for (size_t i = 0; i < 4; i++)
		BD_CHECK(r.s[i] == expanded[i]);
}

BD_TEST(same_seed_same_sequence)
{
	struct bd_rng a, b, c;
	bd_rng_init(&a, 42);
	bd_rng_init(&b, 42);
	bd_rng_init(&c, 43);
	int differ = 0;
	for (int i = 0; i < 100; i++) {
		uint64_t x = bd_rng_next(&a);
		BD_CHECK(x == bd_rng_next(&b));
		differ += x != bd_rng_next(&c);
	}
	BD_CHECK_INT(differ, 100);
}

/* Chi-square of 60,000 draws below 6: 5 degrees of freedom, 0.9999 quantile 25.7. */
BD_TEST(below_is_uniform)
{
	struct bd_rng r;
	bd_rng_init(&r, 5);
	double count[6] = {0}, chi = 0;
	for (int i = 0; i < 60000; i++)
		count[bd_rng_below(&r, 6)]++;
	for (int i = 0; i < 6; i++)
		chi += (count[i] - 10000) * (count[i] - 10000) / 10000;
	BD_CHECK(chi < 25.7);
	for (int i = 0; i < 1000; i++) {
		double u = bd_rng_unit(&r);
		BD_CHECK(u >= 0 && u < 1);
		BD_CHECK_INT(bd_rng_below(&r, 1), 0);
	}
}

/* All 24 orders of four, 24,000 shuffles: 23 degrees of freedom, 0.9999 quantile 56.7. */
BD_TEST(every_order_is_as_likely)
{
	struct bd_rng r;
	bd_rng_init(&r, 6);
	double count[256] = {0}, chi = 0;
	int orders = 0;
	for (int i = 0; i < 24000; i++) {
		size_t v[] = {0, 1, 2, 3};
		bd_rng_shuffle(&r, v, 4);
		BD_CHECK_INT((1 << v[0]) | (1 << v[1]) | (1 << v[2]) | (1 << v[3]), 15);
		count[v[0] * 64 + v[1] * 16 + v[2] * 4 + v[3]]++;
	}
	for (int i = 0; i < 256; i++) {
		if (count[i] > 0) {
			orders++;
			chi += (count[i] - 1000) * (count[i] - 1000) / 1000;
		}
	}
	BD_CHECK_INT(orders, 24);
	BD_CHECK(chi < 56.7);
}

static void *many_ulids(void *arg)
{
	char(*out)[BD_ULID_LEN] = arg;
	for (int i = 0; i < 2000; i++)
		bd_ulid(out[i]);
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

BD_TEST(ulids_are_sorted_by_time_and_never_equal)
{
	static char ids[4][2000][BD_ULID_LEN];
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		BD_CHECK(pthread_create(&t[i], NULL, many_ulids, ids[i]) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 2000; k++) {
			BD_CHECK_INT(strlen(ids[i][k]), 26);
			BD_CHECK_INT(strspn(ids[i][k], "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
			if (k)
				BD_CHECK(strcmp(ids[i][k - 1], ids[i][k]) < 0);
		}
	}
	qsort(ids, 8000, BD_ULID_LEN, by_text);
	const char(*all)[BD_ULID_LEN] = (void *)ids;
	for (int k = 1; k < 8000; k++)
		BD_CHECK(strcmp(all[k - 1], all[k]) != 0);
	/* the first ten characters are the time: 48 bits of milliseconds, base 32 */
	char now[BD_ULID_LEN];
	int64_t before = bd_clock_real_ns() / 1000000, ms = 0;
	bd_ulid(now);
	int64_t after = bd_clock_real_ns() / 1000000;
	for (int i = 0; i < 10; i++)
		ms = ms * 32 +
			(strchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", now[i]) - "0123456789ABCDEFGHJKMNPQRSTVWXYZ");
	BD_CHECK(before <= ms && ms <= after);
}

/* Published test vectors of FNV-1a, 64 bits. */
BD_TEST(hash_is_fnv_1a)
{
	BD_CHECK(bd_hash("", 0) == 0xcbf29ce484222325U);
	BD_CHECK(bd_hash("a", 1) == 0xaf63dc4c8601ec8cU);
	BD_CHECK(bd_hash("foobar", 6) == 0x85944171f73967e8U);
}

BD_TEST(secrets)
{
	BD_CHECK(bd_equal_secret("token", "token"));
	BD_CHECK(!bd_equal_secret("token", "tokem") && !bd_equal_secret("toke", "token") &&
		!bd_equal_secret("tokentoken", "token"));
	BD_CHECK(!bd_equal_secret("", "token") && !bd_equal_secret("token", "") && bd_equal_secret("", ""));
	unsigned char a[64] = {0}, b[64] = {0};
	BD_CHECK(bd_random_bytes(a, sizeof a) == 0 && bd_random_bytes(b, sizeof b) == 0);
	BD_CHECK(memcmp(a, b, sizeof a) != 0);
}

BD_TEST_MAIN
