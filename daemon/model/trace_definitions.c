#include "trace_format.h"

int64_t bd_trace_hold_ns(const struct bd_trace_hold *e, int64_t sample_ns)
{
	int64_t ns;
	if (e->end_ns > e->start_ns)
		return e->end_ns - e->start_ns;
	return __builtin_mul_overflow(sample_ns, (int64_t)BD_MAX(e->times, 1), &ns) ? INT64_MAX : ns;
}

void bd_trace_definitions_done(struct bd_trace_definitions *d)
{
	for (size_t i = 0; i < d->stacks_len; i++)
		free(d->stacks[i].frames);
	free(d->stacks);
	free(d->threads);
	free(d->gils);
	free(d->locks);
	free(d->frames);
	free(d->cells.v); /* its texts are those of the strings */
	bd_strv_done(&d->strings);
	*d = (struct bd_trace_definitions){0};
}
