/* A list of mappings that is none. */
#include "bd_fuzz.h"
#include "mapped.h"

void bd_fuzz_begin(void)
{
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	bd_auto_free char *text = bd_fuzz_text(data, len);
	const char *at = text, *before = text;
	struct bd_mapping m;
	while (bd_maps_next(&at, &m)) {
		BD_FUZZ_CHECK(at > before && at <= text + len);
		BD_FUZZ_CHECK(m.start < m.end && m.path >= before && m.path + m.path_len <= at);
		before = at;
	}
}
