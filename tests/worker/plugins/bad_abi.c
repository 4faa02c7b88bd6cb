/* Built against another benchd's header: nothing behind the number may be looked at. */
#include <benchd/benchd_plugin.h>

extern BENCHD_PLUGIN_EXPORT const struct benchd_plugin benchd_plugin;
const struct benchd_plugin benchd_plugin = {BENCHD_PLUGIN_ABI + 1, 3, (const struct benchd_bench *)16, 1000};
