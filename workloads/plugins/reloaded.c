/* The plugin that plugin.hotreload builds, one version after the other. It has what real ones have: state on the heap, data
 * of its own, strings, and calls into libc. */
#include "bd_plugin.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef VERSION
#error "VERSION is which one this is"
#endif

struct state {
	const struct bd_plugin_host *host;
	char title[32];
	uint64_t calls;
};

static uint64_t table[512] = {VERSION}; /* a page of data that is its own */

static int start(const struct bd_plugin_host *host, void **ret_state)
{
	struct state *s = malloc(sizeof *s);
	if (!s)
		return 1;
	s->host = host;
	s->calls = 0;
	snprintf(s->title, sizeof s->title, "version %d", VERSION);
	*ret_state = s;
	return 0;
}

static uint64_t call(void *state, uint64_t x)
{
	struct state *s = state;
	s->calls++;
	return s->host->work(x, table[0]);
}

static void stop(void *state)
{
	free(state);
}

const struct bd_plugin bd_plugin = {
	.abi = BD_PLUGIN_ABI,
	.size = sizeof(struct bd_plugin),
	.name = "reloaded",
	.version = VERSION,
	.start = start,
	.call = call,
	.stop = stop,
};
