#include "trace_format.h"

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
