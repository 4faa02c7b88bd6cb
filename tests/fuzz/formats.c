/* A part of a stored trace in every format of export: whatever its bytes are, the file is whole. */
#include "bd_formats.h"
#include "bd_fuzz.h"

void bd_fuzz_begin(void)
{
}

static int take(const void *data, size_t n, void *arg)
{
	bd_str_append(arg, data, n);
	return 0;
}

static void check_json(const struct bd_str *s)
{
	cJSON *j = cJSON_ParseWithLength(s->s, s->len);
	BD_FUZZ_CHECK(j);
	cJSON_Delete(j);
}

static void check_lines(const struct bd_str *s)
{
	BD_FUZZ_CHECK(!s->len || s->s[s->len - 1] == '\n');
	for (const char *line = s->s; line && *line; line = strchr(line, '\n') + 1) {
		const char *end = strchr(line, '\n'), *value = end;
		while (value > line && value[-1] >= '0' && value[-1] <= '9')
			value--;
		BD_FUZZ_CHECK(value < end && value > line && value[-1] == ' ');
	}
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	const struct bd_trace trace = {.id = (char *)"01J", .pid = BD_NULL_INT};
	/* twice: what a chunk defines, the next one may use */
	for (int format = 0; format < BD_FORMATS; format++) {
		struct bd_exporter *e = NULL;
		bd_auto_str struct bd_str out = {0};
		struct bd_trace_chunk chunk = {0, 0, data, len};
		BD_FUZZ_CHECK(bd_exporter_begin((enum bd_format)format, &trace, take, &out, &e, NULL) == 0);
		bd_exporter_chunk(e, &chunk, NULL);
		bd_exporter_chunk(e, &chunk, NULL);
		BD_FUZZ_CHECK(bd_exporter_end(e, NULL) == 0);
		bd_exporter_free(&e);
		if (format == BD_FORMAT_COLLAPSED)
			check_lines(&out);
		else
			check_json(&out);
	}
}
