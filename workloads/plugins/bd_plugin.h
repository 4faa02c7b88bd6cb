/* What a reloadable plugin defines: one symbol, `bd_plugin`. It is a shared object that needs nothing of its host but what
 * start() is given, so that it can live in a namespace of its own. */
#ifndef BD_PLUGIN_H
#define BD_PLUGIN_H

#include <stdint.h>

#define BD_PLUGIN_ABI 1u

/* What the host does for its plugins. Lives longer than any of them. */
struct bd_plugin_host {
	uint64_t (*work)(uint64_t x, uint64_t y);
};

struct bd_plugin {
	uint32_t abi;     /* BD_PLUGIN_ABI */
	uint32_t size;    /* sizeof(struct bd_plugin) */
	const char *name; /* of the plugin, the same in all its versions */
	uint64_t version;
	/* 0, or anything else when it cannot work here; then stop() is not called. */
	int (*start)(const struct bd_plugin_host *host, void **ret_state);
	uint64_t (*call)(void *state, uint64_t x);
	void (*stop)(void *state); /* the code is unmapped after it: its threads have ended, nothing calls it back */
};

#define BD_PLUGIN_EXPORT __attribute__((visibility("default")))
extern BD_PLUGIN_EXPORT const struct bd_plugin bd_plugin;

#endif
