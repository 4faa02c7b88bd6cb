/* What helper.py calls. */
#ifndef HELPER_H
#define HELPER_H

#include <stddef.h>
#include <stdint.h>

#define BDCHECK_EXPORT __attribute__((visibility("default")))

/* Faults, and calls without the GIL, are told on this descriptor as lines of JSON. */
BDCHECK_EXPORT void bdcheck_faults(int fd);
/* How many functions of the C API are watched in the file of this real path, which is loaded; -1: not on this processor. */
BDCHECK_EXPORT int bdcheck_watch(const char *path);
BDCHECK_EXPORT void bdcheck_watching(int on);
/* A fault in this memory is told with the label. */
BDCHECK_EXPORT void bdcheck_region(uintptr_t start, size_t len, int label);
/* Nobody gets this memory any more, and who uses it is caught: 1, or 0 when somebody has some of it. For whole pages that were
 * given back. */
BDCHECK_EXPORT int bdcheck_guard(uintptr_t start, size_t len);
/* Whether malloc is not the C library's. */
BDCHECK_EXPORT int bdcheck_other_malloc(void);
/* Uses up what the heap of this thread has free: the next large block gets pages of its own, and gives them back when it is
 * freed. Only of the C library's. */
BDCHECK_EXPORT void bdcheck_fill(size_t len);
/* Memory of whole pages, NULL when there is none, and closing it for good. */
BDCHECK_EXPORT void *bdcheck_pages(size_t len);
BDCHECK_EXPORT int bdcheck_close(void *start, size_t len);

#endif
