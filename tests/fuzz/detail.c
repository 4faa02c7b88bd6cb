/* The packed part of a sample as it comes out of a store file somebody else may have written: what is accepted is the only
 * form of what it says. */
#include "bd_fuzz.h"
#include "ops.h"

void bd_fuzz_begin(void)
{
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	struct bd_sample s = {0};
	if (bd_store_detail_decode(data, len, &s) < 0) {
		BD_FUZZ_CHECK(!s.threads && !s.blocks && !s.hist);
		return;
	}
	BD_FUZZ_CHECK(bd_store_detail_plausible(&s));
	bd_auto_str struct bd_str again = {0};
	bd_store_detail_encode(&s, &again);
	BD_FUZZ_CHECK(again.len == len && memcmp(again.s, data, len) == 0);
	bd_sample_done(&s);
}
