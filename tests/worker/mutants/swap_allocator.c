/* Puts a bump allocator in the place of the object allocator of a running interpreter: V5 must notice. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct allocator { /* PyMemAllocatorEx */
	void *context;
	void *(*malloc)(void *context, size_t size);
	void *(*calloc)(void *context, size_t n, size_t size);
	void *(*realloc)(void *context, void *p, size_t size);
	void (*free)(void *context, void *p);
};
void PyMem_GetAllocator(int domain, struct allocator *a);
void PyMem_SetAllocator(int domain, struct allocator *a);

static struct allocator old;
static char arena[4 << 20] __attribute__((aligned(16)));
static size_t used;

static int inside(const void *p)
{
	return (const char *)p >= arena && (const char *)p < arena + sizeof arena;
}

static void *bump(void *context, size_t size)
{
	(void)context;
	size = (size + 15) & ~(size_t)15;
	if (used + size > sizeof arena)
		return old.malloc(old.context, size);
	used += size;
	return arena + used - size;
}

static void *clear(void *context, size_t n, size_t size)
{
	(void)context;
	return old.calloc(old.context, n, size);
}

static void *grow(void *context, void *p, size_t size)
{
	if (!inside(p))
		return old.realloc(old.context, p, size);
	void *q = bump(context, size);
	size_t rest = (size_t)(arena + sizeof arena - (char *)p);
	return q ? memmove(q, p, size < rest ? size : rest) : NULL;
}

static void drop(void *context, void *p)
{
	(void)context;
	if (!inside(p))
		old.free(old.context, p);
}

void swap(void);
void swap(void)
{
	struct allocator mine = {NULL, bump, clear, grow, drop};
	if (old.malloc)
		return;
	PyMem_GetAllocator(2, &old); /* PYMEM_DOMAIN_OBJ */
	PyMem_SetAllocator(2, &mine);
}
