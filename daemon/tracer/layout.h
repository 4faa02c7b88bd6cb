/* Finds CPython's runtime and its GILs in another process, by its ELF files and its memory only: nothing of the target
 * runs, and nothing is believed before the whole chain of structures has been followed. */
#ifndef BD_TRACER_LAYOUT_H
#define BD_TRACER_LAYOUT_H

#include "bd_base.h"
#include "bd_tracer.h"
#include "offsets.h"

#include "probe_types.h"

/* A process held by its folder in /proc, which never comes to mean another one. */
struct bd_process {
	pid_t pid;    /* as we see it */
	int proc_pid; /* as our /proc shows it */
	int own_pid;  /* as it sees itself: in its innermost PID namespace */
	int proc_fd;  /* /proc/PID */
	bool hurried; /* structures that do not hold together are not waited for: it is asked again */
};

struct bd_layout {
	struct bd_offsets offsets;
	uint64_t runtime;   /* address of _PyRuntime */
	uint64_t code_type; /* of PyCode_Type; 0 = not found */
	uint32_t version;   /* PY_VERSION_HEX; 0 = only the minor version is known */
};

/* Errors: layout-unknown (no Python, or not one we know), not-permitted (its memory is closed to us). */
int bd_layout_find(const struct bd_process *p, const struct bd_offsets *table, size_t table_len, struct bd_layout *ret,
	struct bd_error *err);

/* Every distinct GIL, by interpreter number. -EAGAIN: the list changed under our eyes or is not as it should be. */
int bd_layout_gils(const struct bd_process *p, const struct bd_layout *l, struct bd_tracer_gil *ret, size_t max,
	size_t *ret_len);

/* Whether a GIL is in use: always, but in free-threaded builds, where an import may switch it on. 0 or -errno. */
int bd_layout_gil_enabled(const struct bd_process *p, const struct bd_layout *l, uint64_t gil, bool *ret);

/* 0, or -errno; all of len or nothing. */
int bd_process_read(const struct bd_process *p, uint64_t address, void *ret, size_t len);

#endif
