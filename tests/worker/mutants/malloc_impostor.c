/* An allocator that answers as jemalloc does while glibc does the work: V5 must see that its counters do not move, and
 * where they do (IMPOSTOR_COUNTS), that none of the addresses is its own; or one that was built without counters
 * (IMPOSTOR_WITHOUT_STATISTICS), by which nothing can be proven. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static uint64_t allocated;

void *malloc(size_t n)
{
	allocated += n;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return __libc_realloc(p, n);
}

void free(void *p)
{
	__libc_free(p);
}

int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len);
int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
{
	static const char *const version = "5.3.0-impostor";
	(void)old_len, (void)new, (void)new_len;
	if (strcmp(name, "version") == 0)
		memcpy(old, &version, sizeof version);
	else if (strcmp(name, "config.stats") == 0)
		*(bool *)old = !getenv("IMPOSTOR_WITHOUT_STATISTICS");
	else if (strcmp(name, "thread.allocated") == 0)
		*(uint64_t *)old = getenv("IMPOSTOR_COUNTS") ? allocated : 0;
	else if (strcmp(name, "thread.deallocated") == 0)
		*(uint64_t *)old = 0;
	else if (strcmp(name, "arenas.lookup") == 0)
		return EINVAL;
	return 0;
}
