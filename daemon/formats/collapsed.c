/* Collapsed stacks: "root;thread;outermost frame;…;innermost frame ns", a line each. The root says what the ns are: the waits
 * of a thread ("waiting", "spinning"), or the waits of others that it caused ("blocking others"): the same time seen from its
 * two ends. What was only held is not time anybody waited, and not here. */
#include "formats_internal.h"

#include <inttypes.h>

static void frames(const struct bd_trace_definitions *d, const struct bd_formats_sum *s, struct bd_str *line)
{
	const struct bd_trace_stack *stack = bd_formats_stack(d, s->stack);
	bd_auto_str struct bd_str name = {0};
	if (!stack)
		bd_str_puts(line, s->stack == BD_FORMATS_OTHER ? ";(other stacks)" : ";(stack unknown)");
	for (size_t i = stack ? stack->frames_len : 0; i-- > 0;) {
		bd_str_clear(&name);
		bd_formats_frame_name(&stack->frames[i], &name);
		bd_str_puts(line, ";");
		bd_formats_plain(line, name.s);
	}
	if (stack && stack->frames[0].native) {
		bd_str_puts(line, ";");
		bd_formats_plain(line, stack->frames[0].native);
	}
	if (s->lock >= 0) {
		bd_str_clear(&name);
		bd_formats_lock_name(d, s->lock, &name);
		bd_str_puts(line, ";");
		bd_formats_plain(line, name.s);
	}
}

static void end(struct bd_exporter *e)
{
	static const char *const roots[BD_FORMATS_ROOTS] = {
		[BD_FORMATS_WAITING] = "waiting",
		[BD_FORMATS_BLOCKING] = "blocking others",
		[BD_FORMATS_SPINNING] = "spinning",
	};
	struct bd_formats_sums *sums = e->own;
	bd_auto_str struct bd_str thread = {0};
	bd_formats_sums_sort(sums);
	for (size_t i = 0; i < sums->sum_len; i++) {
		const struct bd_formats_sum *s = &sums->sum[i];
		if (!roots[s->root])
			continue;
		bd_str_clear(&thread);
		bd_formats_thread_name(&e->definitions, s->thread, &thread);
		bd_str_printf(&e->out, "%s;", roots[s->root]);
		bd_formats_plain(&e->out, thread.s);
		frames(&e->definitions, s, &e->out);
		bd_str_printf(&e->out, " %" PRId64 "\n", s->ns);
		if (bd_formats_flush(e, false) < 0)
			return;
	}
}

const struct bd_format_ops bd_format_collapsed = {
	.visitor = &bd_formats_sums_visitor,
	.begin = bd_formats_sums_begin,
	.end = end,
	.done = bd_formats_sums_done,
};
