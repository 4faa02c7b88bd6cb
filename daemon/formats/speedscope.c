/* speedscope's own file format: a profile of its waits for each thread, one of what blocked others, one of what was held. All
 * of type `sampled`, the most ns first: sums, not a time line (that is in the format perfetto). Format:
 * https://www.speedscope.app/file-format-schema.json */
#include "formats_internal.h"

#include <inttypes.h>

/* Frames are shared: one for each name, file and line. */
struct frames {
	struct bd_strv json;
	uint32_t *slot;
	size_t slots;
};

static size_t slot(const struct frames *f, const char *json)
{
	size_t i = bd_hash(json, strlen(json)) & (f->slots - 1);
	while (f->slot[i] && !bd_streq(f->json.v[f->slot[i] - 1], json))
		i = (i + 1) & (f->slots - 1);
	return i;
}

static size_t frame(struct frames *f, const char *json)
{
	if (2 * (f->json.n + 1) > f->slots) {
		f->slots = f->slots ? 2 * f->slots : 256;
		free(f->slot);
		f->slot = bd_alloc(f->slots * sizeof *f->slot);
		for (size_t i = 0; i < f->json.n; i++)
			f->slot[slot(f, f->json.v[i])] = (uint32_t)i + 1;
	}
	size_t i = slot(f, json);
	if (!f->slot[i]) {
		bd_strv_add(&f->json, json);
		f->slot[i] = (uint32_t)f->json.n;
	}
	return f->slot[i] - 1;
}

static size_t named(struct frames *f, const char *name)
{
	bd_auto_str struct bd_str json = {0};
	bd_str_puts(&json, "{\"name\":");
	bd_formats_json(&json, name);
	bd_str_puts(&json, "}");
	return frame(f, json.s);
}

static size_t python(struct frames *f, const struct bd_trace_frame *from)
{
	bd_auto_str struct bd_str json = {0};
	bd_str_puts(&json, "{\"name\":");
	bd_formats_json(&json, from->function ? from->function : "unknown function");
	if (from->file) {
		bd_str_puts(&json, ",\"file\":");
		bd_formats_json(&json, from->file);
	}
	if (from->line > 0)
		bd_str_printf(&json, ",\"line\":%" PRId64, from->line);
	bd_str_puts(&json, "}");
	return frame(f, json.s);
}

/* The outermost first. `thread`: the profile is of several, so each is a frame of its own. */
static void sample(struct bd_exporter *e, struct frames *f, const struct bd_formats_sum *s, bool thread)
{
	const struct bd_trace_stack *stack = bd_formats_stack(&e->definitions, s->stack);
	bd_auto_str struct bd_str name = {0};
	const char *comma = "";
	bd_str_puts(&e->out, "[");
	if (thread) {
		bd_formats_thread_name(&e->definitions, s->thread, &name);
		bd_str_printf(&e->out, "%zu", named(f, name.s));
		comma = ",";
	}
	if (!stack) {
		bd_str_printf(&e->out, "%s%zu", comma,
			named(f, s->stack == BD_FORMATS_OTHER ? "(other stacks)" : "(stack unknown)"));
		comma = ",";
	}
	for (size_t i = stack ? stack->frames_len : 0; i-- > 0; comma = ",")
		bd_str_printf(&e->out, "%s%zu", comma, python(f, &stack->frames[i]));
	if (stack && stack->frames[0].native)
		bd_str_printf(&e->out, ",%zu", named(f, stack->frames[0].native));
	if (s->lock >= 0) {
		bd_str_clear(&name);
		bd_formats_lock_name(&e->definitions, s->lock, &name);
		bd_str_printf(&e->out, ",%zu", named(f, name.s));
	}
	bd_str_puts(&e->out, "]");
}

/* Of n sums that belong together. */
static void profile(struct bd_exporter *e, struct frames *f, const char *name, const struct bd_formats_sum *s, size_t n,
	bool threads)
{
	int64_t total = 0;
	bd_str_puts(&e->out, "{\"type\":\"sampled\",\"name\":");
	bd_formats_json(&e->out, name);
	bd_str_puts(&e->out, ",\"unit\":\"nanoseconds\",\"samples\":[");
	for (size_t i = 0; i < n; i++) {
		bd_str_puts(&e->out, i ? "," : "");
		sample(e, f, &s[i], threads);
		bd_formats_flush(e, false);
	}
	bd_str_puts(&e->out, "],\"weights\":[");
	for (size_t i = 0; i < n; i++) {
		bd_str_printf(&e->out, "%s%" PRId64, i ? "," : "", s[i].ns);
		total = bd_formats_add(total, s[i].ns);
		bd_formats_flush(e, false);
	}
	bd_str_printf(&e->out, "],\"startValue\":0,\"endValue\":%" PRId64 "}", total);
}

static void profiles(struct bd_exporter *e, struct frames *f)
{
	static const char *const of[BD_FORMATS_ROOTS] = {
		[BD_FORMATS_WAITING] = "waiting",
		[BD_FORMATS_BLOCKING] = "blocking others",
		[BD_FORMATS_HOLDING] = "holding (sampled)",
		[BD_FORMATS_SPINNING] = "spinning",
	};
	const struct bd_formats_sums *all = e->own;
	bd_auto_str struct bd_str name = {0};
	for (size_t i = 0, n; i < all->sum_len; i += n) {
		const struct bd_formats_sum *s = &all->sum[i];
		bool together = s->root == BD_FORMATS_BLOCKING || s->root == BD_FORMATS_HOLDING;
		for (n = 1; i + n < all->sum_len && s[n].root == s->root && (together || s[n].thread == s->thread);)
			n++;
		bd_str_clear(&name);
		if (!together) {
			bd_formats_thread_name(&e->definitions, s->thread, &name);
			bd_str_puts(&name, ": ");
		}
		bd_str_puts(&name, of[s->root]);
		bd_str_puts(&e->out, i ? "," : "");
		profile(e, f, name.s, s, n, together);
	}
	if (all->sum_len == 0) /* a file of speedscope has at least one */
		profile(e, f, "nobody waited", NULL, 0, false);
}

static void end(struct bd_exporter *e)
{
	struct frames f = {0};
	bd_formats_sums_sort(e->own);
	bd_str_puts(&e->out,
		"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"benchd\","
		"\"name\":");
	bd_formats_json(&e->out, e->command ? e->command : e->id);
	bd_str_puts(&e->out, ",\"activeProfileIndex\":0,\"profiles\":[");
	profiles(e, &f);
	bd_str_puts(&e->out, "],\"shared\":{\"frames\":[");
	for (size_t i = 0; i < f.json.n; i++) {
		bd_str_printf(&e->out, "%s%s", i ? "," : "", f.json.v[i]);
		bd_formats_flush(e, false);
	}
	bd_str_puts(&e->out, "]}}\n");
	bd_strv_done(&f.json);
	free(f.slot);
}

const struct bd_format_ops bd_format_speedscope = {
	.visitor = &bd_formats_sums_visitor,
	.begin = bd_formats_sums_begin,
	.end = end,
	.done = bd_formats_sums_done,
};
