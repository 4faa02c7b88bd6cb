/* The right number, and a table that cannot be. */
#include <benchd/benchd_plugin.h>

extern BENCHD_PLUGIN_EXPORT const struct benchd_plugin benchd_plugin;
const struct benchd_plugin benchd_plugin = {BENCHD_PLUGIN_ABI, 8, (const struct benchd_bench *)16, 1000};
