/* Hand-overs: who held a GIL in a stretch of time. */
#include "bd_test.h"
#include "takes.h"

static void write_part(int64_t holder, uint64_t from, uint64_t to, void *arg)
{
	bd_str_printf(arg, "%lld:%llu-%llu ", (long long)holder, (unsigned long long)from, (unsigned long long)to);
}

#define CHECK_SPLIT(t, waiter, first, from, to, expected)                      \
	do {                                                                   \
		struct bd_str s = {0};                                         \
		bd_takes_split(&(t), waiter, first, from, to, write_part, &s); \
		BD_CHECK_STR(s.s, expected);                                   \
		bd_str_done(&s);                                               \
	} while (0)

BD_TEST(parts_follow_the_takes)
{
	struct bd_takes t = {0};
	CHECK_SPLIT(t, 1, 2, 100, 200, "2:100-200 ");
	CHECK_SPLIT(t, 1, -1, 100, 200, "-1:100-200 ");
	bd_takes_add(&t, (struct bd_take){170, 170, 4});
	bd_takes_add(&t, (struct bd_take){140, 145, 3}); /* told later, though it was earlier */
	CHECK_SPLIT(t, 1, 2, 100, 200, "2:100-140 3:140-170 4:170-200 ");
	CHECK_SPLIT(t, 1, 2, 100, 170, "2:100-140 3:140-170 ");
	CHECK_SPLIT(t, 1, 2, 100, 140, "2:100-140 ");
	CHECK_SPLIT(t, 1, 2, 200, 300, "2:200-300 ");  /* the probe saw who it was */
	CHECK_SPLIT(t, 1, -1, 200, 300, "4:200-300 "); /* it did not: the last known */
	CHECK_SPLIT(t, 1, 3, 100, 200, "3:100-170 4:170-200 ");
	CHECK_SPLIT(t, 3, 2, 100, 200, "2:100-170 4:170-200 "); /* never the waiter itself */
	CHECK_SPLIT(t, 4, -1, 200, 300, "-1:200-300 ");         /* it was the last itself: somebody is unknown */
	CHECK_SPLIT(t, 1, 2, 142, 160, "3:142-160 ");           /* on its way to 3 while the probe still sees 2 */
	bd_takes_remove(&t, 140, 4);
	CHECK_SPLIT(t, 1, 2, 100, 200, "2:100-140 3:140-170 4:170-200 ");
	bd_takes_remove(&t, 140, 3);
	CHECK_SPLIT(t, 1, 2, 100, 200, "2:100-170 4:170-200 ");
	bd_takes_done(&t);
}

BD_TEST(what_was_forgotten_is_unknown)
{
	struct bd_takes t = {0};
	for (uint64_t i = 1; i <= 3 * BD_TAKES_MAX; i++)
		bd_takes_add(&t, (struct bd_take){i * 10, i * 10, (uint32_t)(i % 2)});
	BD_CHECK_INT(t.n, BD_TAKES_MAX);
	BD_CHECK_INT(t.cap, BD_TAKES_MAX);
	uint64_t end = (uint64_t)30 * BD_TAKES_MAX;
	CHECK_SPLIT(t, 5, 7, end - 5, end, "7:1966075-1966080 ");
	struct bd_str s = {0};
	bd_takes_split(&t, 5, 7, 100, end, write_part, &s);
	BD_CHECK(bd_starts_with(s.s, "-1:100-"));
	bd_str_done(&s);
	bd_takes_done(&t);
}

BD_TEST_MAIN
