/* Collapsed stacks and speedscope files: every ns of waiting is in them once, under its thread, its line and its blocker. */
#include "world.h"

#include <errno.h>

static struct bd_trace_frame work[] = {
	{(char *)"inner", (char *)"/a b/m;n.py", (char *)"memcpy (libc.so.6)", 12},
	{(char *)"outer", (char *)"/a b/m;n.py", NULL, 3},
};
static struct bd_trace_frame other[] = {{NULL, NULL, NULL, 0}};

static struct chunks small(void)
{
	auto_writer struct bd_trace_writer *w = NULL;
	struct chunks c = {0};
	bd_trace_writer_new(MS, &w);
	int32_t a = bd_trace_write_thread(w, 1, 11, "main"), b = bd_trace_write_thread(w, 1, 12, NULL);
	int32_t gil = bd_trace_write_gil(w, 1, 0, 0x10);
	int32_t s1 = bd_trace_write_stack(w, work, 2), s2 = bd_trace_write_stack(w, other, 1);
	int32_t dict = bd_trace_write_lock_kind(w, "critical-section", "dict", 64);
	for (int i = 0; i < 3; i++) {
		bd_trace_write_wait(w,
			&(struct bd_trace_wait){.thread = b,
				.gil = gil,
				.stack = i == 2 ? -1 : s2,
				.start_ns = i * 100,
				.end_ns = i * 100 + 60,
				.holder_ns = 50,
				.runqueue_ns = 4,
				.switch_ns = 3,
				.mutex_ns = 3,
				.piece = {{a, s1, 30}, {-1, -1, 20}},
				.pieces_len = 2});
		if (i == 1)
			cut(w, &c);
	}
	bd_trace_write_hold(w, &(struct bd_trace_hold){a, gil, s1, 0, 400, 400, 1});
	bd_trace_write_hold(w, &(struct bd_trace_hold){a, gil, s1, 0, 400, 450, 0});
	bd_trace_write_hold(w, &(struct bd_trace_hold){a, gil, s1, 0, 460, 460, 9});
	bd_trace_write_lock(w, &(struct bd_trace_lock){a, b, s1, dict, 500, 577, 7});
	bd_trace_write_spin(w, &(struct bd_trace_spin){a, s1, 500, 600, 33, 12});
	cut(w, &c);
	BD_CHECK_INT(c.n, 2);
	return c;
}

BD_TEST(collapsed_lines)
{
	auto_chunks struct chunks c = small();
	auto_text struct text t = exported(BD_FORMAT_COLLAPSED, &c);
	BD_CHECK_STR(t.out.s,
		"waiting;main (11);outer (/a b/m:n.py:3);inner (/a b/m:n.py:12);memcpy (libc.so.6);dict (critical-section) 77\n"
		"waiting;thread (12);unknown function 120\n"
		"waiting;thread (12);(stack unknown) 60\n"
		"blocking others;unknown thread;(stack unknown) 60\n"
		"blocking others;main (11);outer (/a b/m:n.py:3);inner (/a b/m:n.py:12);memcpy (libc.so.6) 90\n"
		"spinning;main (11);outer (/a b/m:n.py:3);inner (/a b/m:n.py:12);memcpy (libc.so.6) 33\n");
}

static cJSON *item(const cJSON *o, const char *key)
{
	cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
	if (!v)
		BD_FAIL("no %s", key);
	return v;
}

/* "a/b/c" of one sample of a profile. */
static char *stack_of(const cJSON *j, const cJSON *profile, int i)
{
	struct bd_str s = {0};
	const cJSON *index;
	cJSON_ArrayForEach(index, cJSON_GetArrayItem(item(profile, "samples"), i)) {
		const cJSON *frame = cJSON_GetArrayItem(item(item(j, "shared"), "frames"), index->valueint);
		BD_CHECK(frame);
		bd_str_printf(&s, "%s%s", s.len ? "/" : "", item(frame, "name")->valuestring);
		if (cJSON_GetObjectItemCaseSensitive(frame, "line"))
			bd_str_printf(&s, "@%d", item(frame, "line")->valueint);
	}
	return bd_str_take(&s);
}

static void check_profile(const cJSON *j, int n, const char *name, int samples, int sum, const char *first)
{
	const cJSON *p = cJSON_GetArrayItem(item(j, "profiles"), n), *weight;
	BD_CHECK_STR(item(p, "type")->valuestring, "sampled");
	BD_CHECK_STR(item(p, "name")->valuestring, name);
	BD_CHECK_STR(item(p, "unit")->valuestring, "nanoseconds");
	BD_CHECK_INT(cJSON_GetArraySize(item(p, "samples")), samples);
	BD_CHECK_INT(cJSON_GetArraySize(item(p, "weights")), samples);
	int total = 0;
	cJSON_ArrayForEach(weight, item(p, "weights"))
		total += weight->valueint;
	BD_CHECK_INT(total, sum);
	BD_CHECK_INT(item(p, "endValue")->valueint, sum);
	char *s = stack_of(j, p, 0);
	BD_CHECK_STR(s, first);
	free(s);
}

BD_TEST(speedscope_profiles)
{
	auto_chunks struct chunks c = small();
	auto_text struct text t = exported(BD_FORMAT_SPEEDSCOPE, &c);
	bd_auto_json cJSON *j = cJSON_ParseWithLength(t.out.s, t.out.len);
	BD_CHECK(j);
	BD_CHECK_INT(cJSON_GetArraySize(item(j, "profiles")), 5);
	check_profile(j, 0, "main (11): waiting", 1, 77, "outer@3/inner@12/memcpy (libc.so.6)/dict (critical-section)");
	check_profile(j, 1, "thread (12): waiting", 2, 180, "unknown function");
	check_profile(j, 2, "blocking others", 2, 150, "unknown thread/(stack unknown)");
	/* a sample stands for sample_ns, or for several */
	check_profile(j, 3, "holding (sampled)", 1, 10 * MS + 50, "main (11)/outer@3/inner@12/memcpy (libc.so.6)");
	check_profile(j, 4, "main (11): spinning", 1, 33, "outer@3/inner@12/memcpy (libc.so.6)");
	BD_CHECK_STR(item(cJSON_GetArrayItem(item(item(j, "shared"), "frames"), 0), "file")->valuestring,
		"/a b/m;n.py");
}

BD_TEST(empty_traces)
{
	struct chunks none = {0};
	auto_text struct text empty = exported(BD_FORMAT_COLLAPSED, &none);
	BD_CHECK_INT(empty.out.len, 0);
	auto_text struct text t = exported(BD_FORMAT_SPEEDSCOPE, &none);
	bd_auto_json cJSON *j = cJSON_ParseWithLength(t.out.s, t.out.len);
	BD_CHECK(j);
	BD_CHECK_INT(cJSON_GetArraySize(item(j, "profiles")), 1);
	BD_CHECK_STR(item(cJSON_GetArrayItem(item(j, "profiles"), 0), "name")->valuestring, "nobody waited");
}

/* More stacks than are kept apart: no time is missing. */
BD_TEST(the_number_of_sums_is_bounded)
{
	enum { STACKS = (1 << 17) + 5000 };
	auto_writer struct bd_trace_writer *w = NULL;
	auto_chunks struct chunks c = {0};
	bd_trace_writer_new(MS, &w);
	int32_t a = bd_trace_write_thread(w, 1, 11, "main");
	for (int i = 0; i < STACKS; i++) {
		struct bd_trace_frame f = frame("f", "m.py", i + 1, NULL);
		int32_t s = bd_trace_write_stack(w, &f, 1);
		bd_trace_write_wait(w,
			&(struct bd_trace_wait){.thread = a,
				.gil = -1,
				.stack = s,
				.start_ns = i * 10,
				.end_ns = i * 10 + 7,
				.holder_ns = 7});
		if (i % 10000 == 0)
			cut(w, &c);
	}
	cut(w, &c);
	auto_text struct text t = exported(BD_FORMAT_COLLAPSED, &c);
	long long sum = 0;
	size_t lines = 0;
	for (char *line = strtok(t.out.s, "\n"); line; line = strtok(NULL, "\n"), lines++)
		sum += strtoll(strrchr(line, ' '), NULL, 10);
	BD_CHECK_INT(sum, 7LL * STACKS);
	BD_CHECK_INT(lines, (1 << 17) + 1);
}

BD_TEST(names_of_formats)
{
	struct bd_error err = {0};
	enum bd_format f = BD_FORMATS;
	for (size_t i = 0; i < BD_FORMATS; i++) {
		BD_CHECK_INT(bd_format_parse(bd_format_kinds[i].name, &f, &err), 0);
		BD_CHECK_INT(f, i);
	}
	BD_CHECK_INT(bd_format_parse("perfeto", &f, &err), -EINVAL);
	BD_CHECK_STR(err.key, "bad-value");
	BD_CHECK(strstr(err.hint, "perfetto"));
	BD_CHECK_INT(f, BD_FORMATS - 1);
}

BD_TEST_MAIN
