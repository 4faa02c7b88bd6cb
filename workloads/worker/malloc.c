/* V5: which library really serves malloc, proven by its own counters and by where the addresses are.
 *
 * Each library is asked through symbols of the very object that `malloc` resolves to: an allocator that is merely
 * loaded, or whose malloc somebody else overrides, cannot pass for the one that serves. */
#include "bd_bench.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdio.h>

#define PROBES 1000
#define LARGE 1500 /* beyond pymalloc's 512 bytes and beyond glibc's per-thread cache, whose blocks count as in use */
#define SMALL 32

struct library {
	const char *name;
	const char *symbol; /* must be in the same object as malloc */
	bool (*open)(void *handle, struct bd_malloc_info *info);
	int64_t (*count)(void);     /* bytes this thread has live; BD_NULL_INT = it cannot say */
	int64_t (*live)(void);      /* bytes the process has live, or at least has taken */
	bool live_exact;            /* live bytes indeed */
	int (*owns)(const void *p); /* 1, 0, -1 = cannot say */
	void (*settle)(void); /* what this thread keeps of freed memory is as much as ever; NULL: it is not counted */
};

/* ---- glibc ------------------------------------------------------------------------------------------------- */

static struct mallinfo2 (*glibc_info)(void);

static bool glibc_open(void *handle, struct bd_malloc_info *info)
{
	*(void **)&glibc_info = dlsym(handle, "mallinfo2");
	snprintf(info->version, sizeof info->version, "%s", gnu_get_libc_version());
	return glibc_info != NULL;
}

static int64_t glibc_count(void)
{
	struct mallinfo2 m = glibc_info();
	return (int64_t)(m.uordblks + m.hblkhd);
}

/* A thread keeps some freed blocks of each size, which count as given; it takes dozens of batches until it has all it keeps. Here
 * it gets them, and there is nothing more to grow. No size beyond is kept, and more than enough of each is freed. */
#define KEPT_SIZES 64
#define KEPT_STEP 16
#define KEPT_BLOCKS 24 /* 7 up to 2.41, 16 from 2.42 on */

static void glibc_settle(void)
{
	void *(*volatile get)(size_t) = malloc; /* or a compiler sees that nobody needs the blocks */
	void *blocks[KEPT_BLOCKS];
	for (size_t i = 1; i <= KEPT_SIZES; i++) {
		for (size_t j = 0; j < KEPT_BLOCKS; j++)
			blocks[j] = get(i * KEPT_STEP + KEPT_STEP / 2);
		for (size_t j = 0; j < KEPT_BLOCKS; j++)
			free(blocks[j]);
	}
}

/* glibc names no owner of an address: its counters, and that malloc is its own, must do. */
static int glibc_owns(const void *p)
{
	(void)p;
	return -1;
}

/* ---- jemalloc ---------------------------------------------------------------------------------------------- */

static int (*je_mallctl)(const char *, void *, size_t *, void *, size_t);

static bool jemalloc_open(void *handle, struct bd_malloc_info *info)
{
	*(void **)&je_mallctl = dlsym(handle, "mallctl");
	const char *version = NULL;
	size_t size = sizeof version;
	if (je_mallctl("version", &version, &size, NULL, 0) == 0 && version)
		snprintf(info->version, sizeof info->version, "%s", version);
	bool stats = false;
	size = sizeof stats;
	return je_mallctl("config.stats", &stats, &size, NULL, 0) == 0 && stats;
}

static int64_t je_read(const char *name)
{
	size_t value = 0, size = sizeof value;
	return je_mallctl(name, &value, &size, NULL, 0) == 0 ? (int64_t)value : BD_NULL_INT;
}

static int64_t jemalloc_count(void)
{
	uint64_t in = 0, out = 0;
	size_t size = sizeof in;
	if (je_mallctl("thread.allocated", &in, &size, NULL, 0) != 0 ||
		je_mallctl("thread.deallocated", &out, &size, NULL, 0) != 0)
		return BD_NULL_INT;
	return (int64_t)(in - out);
}

static int64_t jemalloc_live(void)
{
	uint64_t epoch = 1; /* statistics are a snapshot: this takes a new one */
	je_mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
	return je_read("stats.allocated");
}

static void jemalloc_settle(void)
{
	je_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0); /* fails where threads keep nothing */
}

static int jemalloc_owns(const void *p)
{
	unsigned arena = 0;
	size_t size = sizeof arena;
	void *address = (void *)(uintptr_t)p;
	int r = je_mallctl("arenas.lookup", &arena, &size, &address, sizeof address);
	return r == 0 ? 1 : r == EINVAL ? 0 : -1;
}

/* ---- mimalloc ---------------------------------------------------------------------------------------------- */

struct mi_area { /* mi_heap_area_t: the fields all versions share */
	void *blocks;
	size_t reserved, committed, used, block_size;
};
typedef bool mi_visit_fn(const void *heap, const struct mi_area *area, void *block, size_t block_size, void *arg);
static int (*mi_version)(void);
static void *(*mi_heap_get_default)(void);
static bool (*mi_heap_visit_blocks)(const void *, bool, mi_visit_fn *, void *);
static bool (*mi_is_in_heap_region)(const void *);
static void (*mi_process_info)(size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *);
static bool mi_full_pages_leave; /* since version 3 a heap does not know the pages it filled */

static bool mimalloc_open(void *handle, struct bd_malloc_info *info)
{
	*(void **)&mi_version = dlsym(handle, "mi_version");
	*(void **)&mi_heap_get_default = dlsym(handle, "mi_heap_get_default");
	*(void **)&mi_heap_visit_blocks = dlsym(handle, "mi_heap_visit_blocks");
	*(void **)&mi_is_in_heap_region = dlsym(handle, "mi_is_in_heap_region");
	*(void **)&mi_process_info = dlsym(handle, "mi_process_info");
	int v = mi_version(); /* 209 = 2.0.9; since 2.2.4 30107 would be 3.1.7 */
	if (v >= 10000)
		snprintf(info->version, sizeof info->version, "%d.%d.%d", v / 10000, v / 100 % 100, v % 100);
	else
		snprintf(info->version, sizeof info->version, "%d.%d.%d", v / 100, v / 10 % 10, v % 10);
	mi_full_pages_leave = (v >= 10000 ? v / 10000 : v / 100) >= 3;
	/* there the regions alone are asked, and the functions of heaps have other names since 3.3 */
	return mi_is_in_heap_region && (mi_full_pages_leave || (mi_heap_get_default && mi_heap_visit_blocks));
}

static bool mi_add(const void *heap, const struct mi_area *area, void *block, size_t block_size, void *arg)
{
	(void)heap, (void)block, (void)block_size;
	*(int64_t *)arg += (int64_t)(area->used * area->block_size);
	return true;
}

static int64_t mimalloc_count(void)
{
	int64_t sum = 0;
	if (mi_full_pages_leave)
		return BD_NULL_INT;
	mi_heap_visit_blocks(mi_heap_get_default(), false, mi_add, &sum);
	return sum;
}

static int64_t mimalloc_live(void)
{
	size_t commit = 0;
	if (!mi_process_info)
		return BD_NULL_INT;
	mi_process_info(NULL, NULL, NULL, NULL, NULL, &commit, NULL, NULL);
	return (int64_t)commit;
}

static int mimalloc_owns(const void *p)
{
	return mi_is_in_heap_region(p);
}

/* ---- tcmalloc (gperftools) --------------------------------------------------------------------------------- */

static int (*tc_property)(const char *, size_t *);
static int (*tc_ownership)(const void *);
static const char *(*tc_version)(int *, int *, const char **);

static bool tcmalloc_open(void *handle, struct bd_malloc_info *info)
{
	*(void **)&tc_property = dlsym(handle, "MallocExtension_GetNumericProperty");
	*(void **)&tc_ownership = dlsym(handle, "MallocExtension_GetOwnership");
	*(void **)&tc_version = dlsym(handle, "tc_version");
	int major = 0, minor = 0;
	const char *patch = "";
	if (tc_version)
		tc_version(&major, &minor, &patch);
	snprintf(info->version, sizeof info->version, "%d.%d%s", major, minor, patch ? patch : "");
	return tc_property && tc_ownership;
}

/* Of the process: what the application has; the caches of its threads are not in it. */
static int64_t tcmalloc_count(void)
{
	size_t value = 0;
	return tc_property("generic.current_allocated_bytes", &value) ? (int64_t)value : BD_NULL_INT;
}

static int tcmalloc_owns(const void *p)
{
	enum { UNKNOWN, OWNED, NOT_OWNED };
	int r = tc_ownership(p);
	return r == OWNED ? 1 : r == NOT_OWNED ? 0 : -1;
}

/* ---- who is it --------------------------------------------------------------------------------------------- */

static const struct library libraries[] = {
	{"jemalloc", "mallctl", jemalloc_open, jemalloc_count, jemalloc_live, true, jemalloc_owns, jemalloc_settle},
	{"mimalloc", "mi_version", mimalloc_open, mimalloc_count, mimalloc_live, false, mimalloc_owns, NULL},
	{"tcmalloc", "MallocExtension_GetNumericProperty", tcmalloc_open, tcmalloc_count, tcmalloc_count, true,
		tcmalloc_owns, NULL},
	{"glibc", "gnu_get_libc_version", glibc_open, glibc_count, glibc_count, true, glibc_owns, glibc_settle},
};
static const struct library *serving;
static struct bd_malloc_info identity;

static void *object_base(const void *address)
{
	Dl_info info;
	return address && dladdr(address, &info) ? info.dli_fbase : NULL;
}

const struct bd_malloc_info *bd_malloc_identify(void)
{
	if (identity.name)
		return &identity;
	identity.name = "unknown";
	const void *function = bd_object_function("malloc");
	const char *path = bd_object_of(function);
	snprintf(identity.path, sizeof identity.path, "%s", path ? path : "");
	void *handle = path ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
	for (size_t i = 0; handle && i < BD_LEN(libraries) && !serving; i++) {
		const void *symbol = dlsym(handle, libraries[i].symbol);
		/* dlsym also searches what the object needs: only its own counts */
		if (!symbol || object_base(symbol) != object_base(function))
			continue;
		identity.name = libraries[i].name;
		if (libraries[i].open(handle, &identity))
			serving = &libraries[i];
		break;
	}
	return &identity;
}

int64_t bd_malloc_live_bytes(void)
{
	bd_malloc_identify();
	return serving ? serving->live() : BD_NULL_INT;
}

int64_t bd_malloc_exact_bytes(bool *ret_own)
{
	bd_malloc_identify();
	*ret_own = serving && !serving->live_exact;
	return !serving ? BD_NULL_INT : serving->live_exact ? serving->live() : serving->count();
}

void bd_malloc_settle(void)
{
	bd_malloc_identify();
	if (serving && serving->settle)
		serving->settle();
}

/* ---- the probes -------------------------------------------------------------------------------------------- */

static void *object_malloc(size_t n)
{
	return PyObject_Malloc(n);
}

/* Which of the two that Python brings along is in use: free-threaded builds have mimalloc alone, others from 3.13 on may
 * be told to use it. */
static const char *pythons_own(void)
{
	const char *(*ask)(void);
	*(void **)&ask = dlsym(RTLD_DEFAULT, "_PyMem_GetCurrentAllocatorName");
	const char *name = ask ? ask() : NULL; /* NULL: somebody set one of his own */
	if (name && bd_starts_with(name, "mimalloc"))
		return "mimalloc";
	return name && bd_starts_with(name, "pymalloc") ? "pymalloc" : "unknown";
}

struct probe {
	const char *what;
	void *(*get)(size_t);
	void (*put)(void *);
	size_t bytes;
};
static const struct probe probes[] = {
	{"malloc", malloc, free, LARGE},
	{"PyMem_RawMalloc", PyMem_RawMalloc, PyMem_RawFree, LARGE},
	{"PyObject_Malloc", object_malloc, PyObject_Free, SMALL},
};

/* Blocks that Python's own object allocator has given; 0 throughout where it is not in use. */
static int64_t python_blocks(void)
{
	PyObject *ask = PySys_GetObject("getallocatedblocks");
	bd_auto_py PyObject *n = ask ? PyObject_CallNoArgs(ask) : NULL;
	if (n)
		return PyLong_AsLongLong(n);
	PyErr_Clear();
	return 0;
}

/* How far the serving library's counter moved, and how many of a sample of addresses are its own (-1 = it cannot say).
 * One that cannot count is asked about every block instead. */
static void run_probe(const struct probe *p, int64_t *ret_moved, int *ret_owned, int64_t *ret_python)
{
	static void *blocks[PROBES];
	int owned = 0;
	int64_t python = python_blocks(), before = serving->count();
	for (int i = 0; i < PROBES; i++) {
		blocks[i] = p->get(p->bytes);
		if (blocks[i])
			*(volatile char *)blocks[i] = 1; /* really there, and not optimised away */
	}
	if (before != BD_NULL_INT) {
		*ret_moved = serving->count() - before;
	} else {
		*ret_moved = 0;
		for (int i = 0; i < PROBES; i++)
			*ret_moved += serving->owns(blocks[i]) == 1 ? (int64_t)p->bytes : 0;
	}
	*ret_python = python_blocks() - python;
	/* Only of addresses its counter speaks for: jemalloc looks any other up in tables that need not be there, and crashes. */
	for (int i = 0; i < PROBES && owned >= 0 && *ret_moved >= PROBES * (int64_t)p->bytes; i += 10) {
		int r = serving->owns(blocks[i]);
		owned = r < 0 ? -1 : owned + r;
	}
	*ret_owned = owned;
	for (int i = 0; i < PROBES; i++)
		p->put(blocks[i]);
}

static bool proven;
static int outcome;
static struct bd_error outcome_error;

void bd_malloc_forget(void)
{
	proven = false;
}

static int prove(struct bd_error *err)
{
	const struct bd_malloc_info *info = bd_malloc_identify();
	identity.objalloc = NULL;
	if (!serving)
		return bd_error_set(err, -EIO, "allocator-unproven", "preload one of jemalloc, mimalloc, tcmalloc",
			"malloc is served by %s (%s), which has no counters to prove it by", info->name, info->path);
	for (size_t i = 0; i < BD_LEN(probes); i++) {
		const struct probe *p = &probes[i];
		int64_t moved, python, want = PROBES * (int64_t)p->bytes;
		int owned;
		/* The first pass leaves arenas and tables behind that the second then need not make. */
		run_probe(p, &moved, &owned, &python);
		run_probe(p, &moved, &owned, &python);
		if (p->bytes == SMALL) {
			if (moved >= want && owned != 0 && python < PROBES / 2)
				identity.objalloc = "malloc";
			else if (moved < want / 2 && owned <= 0 && python >= PROBES)
				identity.objalloc = pythons_own();
			else
				identity.objalloc = "unknown";
		} else if (moved < want) {
			return bd_error_set(err, -EIO, "allocator-not-serving", "",
				"%d × %s(%zu) moved the counters of %s by %lld bytes only", PROBES, p->what, p->bytes,
				info->name, (long long)moved);
		} else if (owned >= 0 && owned < PROBES / 10) {
			return bd_error_set(err, -EIO, "allocator-not-serving", "",
				"%s owns %d of %d addresses that %s gave", info->name, owned, PROBES / 10, p->what);
		}
	}
	return 0;
}

int bd_malloc_prove(struct bd_error *err)
{
	if (!proven) {
		memset(&outcome_error, 0, sizeof outcome_error);
		outcome = prove(&outcome_error);
		proven = true;
	}
	if (outcome < 0 && err)
		*err = outcome_error;
	return outcome;
}
