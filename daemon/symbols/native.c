#include "symbols.h"

void bd_natives_free(struct bd_natives **n)
{
	bd_freep(n);
}

const char *bd_symbols_native(struct bd_symbols *s, const struct bd_rec_native *native)
{
	(void)s;
	(void)native;
	return NULL; /* unknown */
}
