/* Shared objects that are no plugins, or cannot start; which one, the build says. */
#include "bd_plugin.h"

#include <stddef.h>

#ifdef BD_ODD_NO_SYMBOL
BD_PLUGIN_EXPORT int not_a_plugin(void);
int not_a_plugin(void)
{
	return VERSION;
}
#else
static int start(const struct bd_plugin_host *host, void **ret_state)
{
	(void)host, (void)ret_state;
	return 7;
}

static uint64_t call(void *state, uint64_t x)
{
	(void)state;
	return x;
}

static void stop(void *state)
{
	(void)state;
}

#ifdef BD_ODD_OTHER_ABI
#define ABI (BD_PLUGIN_ABI + 1)
#else
#define ABI BD_PLUGIN_ABI
#endif
#ifdef BD_ODD_SHORT_TABLE /* as one that was built against a header with fewer fields */
#define SIZE offsetof(struct bd_plugin, stop)
#else
#define SIZE sizeof(struct bd_plugin)
#endif
const struct bd_plugin bd_plugin = {
	.abi = ABI,
	.size = (uint32_t)SIZE,
	.name = "reloaded",
	.version = VERSION,
	.start = start,
	.call = call,
	.stop = stop,
};
#endif
