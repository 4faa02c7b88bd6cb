/* The files a process has mapped, as it sees them itself: it may have a root of its own, and its files may have been
 * replaced since (an upgrade). */
#ifndef BD_TRACER_MAPPED_H
#define BD_TRACER_MAPPED_H

#include "bd_base.h"

struct bd_mapping {
	uint64_t start, end, offset, inode;
	bool executable, deleted; /* deleted: the path names another file by now, or none */
	const char *path;         /* borrowed from the text, path_len bytes; empty for memory without a file */
	size_t path_len;          /* without the mark of a deleted one */
};

/* The list of mappings of the process whose folder in /proc this is; caller frees. 0 or -errno. */
int bd_maps_read(int proc_fd, char **ret);
/* The mapping told at `at`, which is moved on to the next one; false at the end. */
bool bd_maps_next(const char **at, struct bd_mapping *ret);

/* Opens the file of a mapping for reading: a descriptor, -ENOENT when it cannot be had any more, or another -errno. */
int bd_mapped_open(int proc_fd, const struct bd_mapping *m);

#endif
