/* Between the parts of the worker that handle what users bring. */
#ifndef BD_TARGETS_H
#define BD_TARGETS_H

#include "bd_bench.h"

struct bd_target { /* as `describe` and `prepare` name it */
	char *kind, *path, *cwd;
	char *root; /* the folder this file was found in, NULL = it was named itself */
	struct bd_strv argv;
	struct bd_map env;
};

struct bd_unit { /* what is loaded as one */
	char *name, *path;
	size_t target;
	bool alone; /* the target itself, not a file of a folder */
	bool loaded;
	void (*load)(struct bd_unit *unit); /* adds its cases */
};

struct bd_target_case {
	struct bd_case c;
	const struct bd_unit *unit;
	struct bd_reason *reason; /* why it cannot be tried */
	char *affinity;
	double timeout_s; /* NAN = no wish */
};

const struct bd_target *bd_target_of(const struct bd_unit *unit);
/* A new case of a unit; its name is made unique. */
struct bd_target_case *bd_target_case_add(struct bd_unit *unit, const char *name);
void bd_target_case_unusable(struct bd_unit *unit, const char *name, const struct bd_error *err);

/* Whether a parameter of this name would be taken for an axis. */
bool bd_target_axis_taken(const char *name);

/* ---- userfile.c: Python files of bench_* functions */
/* [(name, path)], NULL with an exception; root may be NULL. */
PyObject *bd_userfile_files(const char *path, const char *root);
void bd_userfile_load(struct bd_unit *unit);

/* ---- plugin.c, process.c */
void bd_plugin_load(struct bd_unit *unit);
void bd_process_load(struct bd_unit *unit);

#endif
