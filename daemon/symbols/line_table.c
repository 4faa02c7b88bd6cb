#include "line_table.h"

#include <stdbool.h>

/* A table is a row of entries, each for 1 to 8 units of code: a first byte with its top bit set, four bits of kind and three
 * of length, then what the kind says of lines and columns. Lines are told as differences from the entry before. */
enum { SHORT_LAST = 9, ONE_LINE = 10, ONE_LINE_LAST = 12, NO_COLUMNS = 13, LONG = 14, NO_LOCATION = 15 };

struct reader {
	const uint8_t *at, *end;
	bool bad;
};

static uint32_t number(struct reader *r)
{
	uint32_t v = 0;
	for (unsigned shift = 0; shift < 32; shift += 6) {
		if (r->at == r->end)
			break;
		uint8_t b = *r->at++;
		v |= (uint32_t)(b & 63) << shift;
		if (!(b & 64))
			return v;
	}
	r->bad = true;
	return 0;
}

static int64_t signed_number(struct reader *r)
{
	uint32_t v = number(r);
	return v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
}

int32_t bd_line_table_find(const uint8_t *table, size_t len, int32_t firstlineno, uint64_t offset)
{
	struct reader r = {table, table + len, false};
	int64_t line = firstlineno;
	uint64_t start = 0;
	while (r.at < r.end) {
		uint8_t first = *r.at++;
		unsigned kind = first >> 3 & 15;
		uint64_t units = (first & 7) + 1;
		if (!(first & 128))
			return 0;
		if (kind == LONG || kind == NO_COLUMNS) {
			line += signed_number(&r);
			for (int i = 0; i < 3 && kind == LONG; i++) /* end line, columns */
				number(&r);
		} else if (kind != NO_LOCATION) {
			size_t columns = kind <= SHORT_LAST ? 1 : 2;
			if ((size_t)(r.end - r.at) < columns)
				return 0;
			r.at += columns;
			line += kind >= ONE_LINE ? (int64_t)kind - ONE_LINE : 0;
		}
		if (r.bad)
			return 0;
		start += units * 2;
		if (offset < start)
			return kind == NO_LOCATION || line < 1 || line > INT32_MAX ? 0 : (int32_t)line;
	}
	return 0;
}
