/* The symbol is there and is something else, smaller than a number. */
extern __attribute__((visibility("default"))) const char benchd_plugin;
const char benchd_plugin = 1;
