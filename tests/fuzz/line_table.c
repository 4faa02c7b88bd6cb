/* A table of lines that is none. The input is the first line, an offset, and the table. */
#include "bd_fuzz.h"
#include "line_table.h"

void bd_fuzz_begin(void)
{
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	int32_t first;
	uint32_t offset;
	if (len < sizeof first + sizeof offset)
		return;
	memcpy(&first, data, sizeof first);
	memcpy(&offset, data + sizeof first, sizeof offset);
	data += sizeof first + sizeof offset;
	len -= sizeof first + sizeof offset;
	BD_FUZZ_CHECK(bd_line_table_find(data, len, first, offset) >= 0);
	/* both halves of a unit belong to one line; beyond the end there is none */
	BD_FUZZ_CHECK(
		bd_line_table_find(data, len, first, offset | 1) == bd_line_table_find(data, len, first, offset & ~1U));
	BD_FUZZ_CHECK(bd_line_table_find(data, len, first, (uint64_t)len * 16) == 0);
}
