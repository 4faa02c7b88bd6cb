/* How often an operation asks Python's allocators for memory, and for how much: hooks around all three domains, in a process that
 * is not timed. What native code takes from malloc itself is not seen here, nor what comes from a free list. */
#include "bd_bench.h"

struct domain {
	PyMemAllocatorEx own; /* what served it before */
};
static const PyMemAllocatorDomain kinds[] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
static struct domain domains[BD_LEN(kinds)];
static _Atomic uint64_t calls, bytes;
static _Thread_local unsigned depth; /* one domain may ask another: that is one allocation */

static void count(size_t size)
{
	if (depth)
		return;
	atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
}

static void *hook_malloc(void *ctx, size_t size)
{
	const struct domain *d = ctx;
	count(size);
	depth++;
	void *p = d->own.malloc(d->own.ctx, size);
	depth--;
	return p;
}

static void *hook_calloc(void *ctx, size_t n, size_t size)
{
	const struct domain *d = ctx;
	count(n * size);
	depth++;
	void *p = d->own.calloc(d->own.ctx, n, size);
	depth--;
	return p;
}

static void *hook_realloc(void *ctx, void *old, size_t size)
{
	const struct domain *d = ctx;
	count(size);
	depth++;
	void *p = d->own.realloc(d->own.ctx, old, size);
	depth--;
	return p;
}

static void hook_free(void *ctx, void *p)
{
	const struct domain *d = ctx;
	d->own.free(d->own.ctx, p);
}

void bd_allocations_begin(void)
{
	atomic_store(&calls, 0);
	atomic_store(&bytes, 0);
	for (size_t i = 0; i < BD_LEN(kinds); i++) {
		PyMem_GetAllocator(kinds[i], &domains[i].own);
		PyMem_SetAllocator(kinds[i],
			&(PyMemAllocatorEx){&domains[i], hook_malloc, hook_calloc, hook_realloc, hook_free});
	}
}

void bd_allocations_end(uint64_t *ret_calls, uint64_t *ret_bytes)
{
	for (size_t i = 0; i < BD_LEN(kinds); i++)
		PyMem_SetAllocator(kinds[i], &domains[i].own);
	*ret_calls = atomic_load(&calls);
	*ret_bytes = atomic_load(&bytes);
}
