/* A plugin manager: loads shared objects, calls them through a table of pointers, and replaces them while the program runs.
 *
 * A version is loaded from a copy with a name of its own: the dynamic linker takes a file it knows for the one it has, and
 * a file that is written to while it is mapped ends the process. The old version works until the new one has started; a
 * new one that cannot leaves the old one where it is. A version that is replaced is stopped and unloaded at once, or, if it
 * is being called (a plugin may replace itself), when the outermost call is over; the manager looks whether its code is
 * really gone and counts what stays.
 *
 * For one thread at a time: what holds the GIL, say. */
#ifndef BD_PLUGIN_MANAGER_H
#define BD_PLUGIN_MANAGER_H

#include "bd_base.h"
#include "bd_plugin.h"

enum bd_plugin_space {
	BD_PLUGIN_SHARED, /* dlopen: its libraries are the program's */
	/* dlmopen: it has libraries of its own, libc included. glibc has room for 15 at a time, and gives the thread-local
	 * memory of such a libc back only when the last one loaded is the first to go: who replaces a version while it is
	 * there is refused (-ELIBBAD, the old one works on) after a dozen times. Retire first, then load: that goes on for
	 * ever. */
	BD_PLUGIN_OWN,
};

/* Where a version runs, made and ended with it; the hooks surround everything of it that is called. */
struct bd_plugin_place {
	int (*make)(void *arg, void **ret_place, struct bd_error *err);
	void (*enter)(void *place);
	void (*leave)(void *place);
	void (*end)(void *place);
	void *arg;
};

struct bd_plugin_manager;

/* folder: for the copies, made if it is not there and removed in the end; NULL: for plugins of the program only. host and place
 * (may be NULL) are borrowed for the manager's life. */
int bd_plugin_manager_new(const char *folder, enum bd_plugin_space space, const struct bd_plugin_host *host,
	const struct bd_plugin_place *place, struct bd_plugin_manager **ret, struct bd_error *err);
/* Retires all; must not be called from a plugin. */
void bd_plugin_manager_free(struct bd_plugin_manager **m);

/* Loads the plugin in this file, in place of the one that has its name now. ret_index (may be NULL) is its place in the
 * table, which every version keeps. -ENOENT: no such file; -ELIBBAD: not a plugin, or not for this host; -EIO: it did not
 * start. Nothing has changed then. */
int bd_plugin_manager_load(struct bd_plugin_manager *m, const char *path, size_t *ret_index, struct bd_error *err);
/* The same with one that is a part of the program. */
int bd_plugin_manager_add(struct bd_plugin_manager *m, const struct bd_plugin *plugin, size_t *ret_index,
	struct bd_error *err);
/* -ENOENT: there is none of this name. Its index stays empty until one of its name is loaded again. */
int bd_plugin_manager_retire(struct bd_plugin_manager *m, const char *name, struct bd_error *err);

/* The plugin at an index of bd_plugin_manager_load(); x as it is where none is. */
uint64_t bd_plugin_manager_call(struct bd_plugin_manager *m, size_t index, uint64_t x);
/* All of them, one after the other in the order they were first loaded, each on what the one before gave. */
uint64_t bd_plugin_manager_call_all(struct bd_plugin_manager *m, uint64_t x);

/* -ENOENT, or where the plugin of this name is. */
int bd_plugin_manager_find(const struct bd_plugin_manager *m, const char *name, size_t *ret_index);
/* What is at an index, NULL when nothing is. Valid until it is replaced. */
const struct bd_plugin *bd_plugin_manager_at(const struct bd_plugin_manager *m, size_t index);

struct bd_plugin_counts {
	uint64_t loaded, refused, retired;
	uint64_t waiting; /* retired, but still being called */
	uint64_t stays;   /* retired and closed, but their code is still in the process */
};
struct bd_plugin_counts bd_plugin_manager_counts(const struct bd_plugin_manager *m);

#endif
