/* The probe's buckets are the histogram's. */
#include "bd_model.h"
#include "bd_test.h"
#include "probe_types.h"

BD_TEST(same_as_the_histogram)
{
	BD_CHECK_INT(BD_PROBE_BUCKETS, BD_HIST_BUCKETS);
	for (uint64_t ns = 0; ns < 100000; ns++)
		BD_CHECK_INT(bd_probe_bucket(ns), bd_hist_bucket(ns));
	for (unsigned shift = 4; shift < 64; shift++)
		for (uint64_t d = 0; d <= 80; d++) {
			uint64_t ns = ((uint64_t)1 << shift) + d - (shift > 6 ? 40 : 0);
			BD_CHECK_INT(bd_probe_bucket(ns), bd_hist_bucket(ns));
		}
}

BD_TEST(sixteen_in_an_octave)
{
	BD_CHECK_INT(bd_probe_bucket(15), 15);
	BD_CHECK_INT(bd_probe_bucket(1024) - bd_probe_bucket(512), 16);
	BD_CHECK_INT(bd_probe_bucket(1024 + 63), bd_probe_bucket(1024));
	BD_CHECK_INT(bd_probe_bucket(1024 + 64), bd_probe_bucket(1024) + 1);
}

BD_TEST_MAIN
