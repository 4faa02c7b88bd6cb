/* A benchmark in C (or anything with C's calling convention) for benchd: one shared object that defines one symbol,
 * `benchd_plugin`. C99 and C++; nothing else is needed to build one:
 *
 *	#include <benchd/benchd_plugin.h>
 *
 *	static int run(void *state, uint64_t n, uint64_t *result) { … n operations … }
 *	static const struct benchd_bench benches[] = {{.name = "add", .run = run}};
 *	BENCHD_PLUGIN(benches);
 *
 *	cc -O2 -fPIC -shared -Wl,--build-id -o add.so add.c
 *	benchctl run add.so
 *
 * `benchctl new bench NAME --plugin` writes one that works. */
#ifndef BENCHD_PLUGIN_H
#define BENCHD_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a field below changes its meaning or its place. New fields come at the end of struct benchd_bench, which is
 * told by its size: a plugin that was built against an older header of the same number goes on working. */
#define BENCHD_PLUGIN_ABI 1u

/* One thing to vary: there is a cell for every combination of values. */
struct benchd_param {
	const char *name; /* a C identifier, but not the name of an axis (`benchctl help run` lists them) */
	const char *summary;
	const char *const *values; /* the default first, NULL at the end; letters, digits, '_', '.', '+', '-' */
};

struct benchd_bench {
	const char *name;                  /* letters, digits, '_', '.', '+', '-' */
	const char *summary;               /* may be NULL */
	const struct benchd_param *params; /* one with the name NULL at the end; NULL: none */

	/* Before anything is timed; may be NULL. `values` has one value per parameter, in their order. Returns 0, or anything
	 * else when the cell cannot be measured; *ret_why then may say why (it is copied). */
	int (*setup)(const char *const *values, void **ret_state, const char **ret_why);

	/* The timed part: exactly n operations, n ≥ 1. *ret_result is what they came to: make it depend on every one of them,
	 * or the compiler may find that they need not be done. Returns 0, or anything else when it failed. */
	int (*run)(void *state, uint64_t n, uint64_t *ret_result);

	/* Untimed, after each batch: 1 when `result` is what n operations must come to. NULL: the figure is shown as
	 * unproven. */
	int (*verify)(void *state, uint64_t n, uint64_t result);

	void (*teardown)(void *state); /* may be NULL */
};

struct benchd_plugin {
	uint32_t abi;        /* BENCHD_PLUGIN_ABI */
	uint32_t bench_size; /* sizeof(struct benchd_bench) */
	const struct benchd_bench *benches;
	size_t benches_len;
};

#if defined(__GNUC__)
#define BENCHD_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define BENCHD_PLUGIN_EXPORT
#endif

/* `benches` is an array. */
#define BENCHD_PLUGIN(benches)                                                                                         \
	extern BENCHD_PLUGIN_EXPORT const struct benchd_plugin benchd_plugin;                                          \
	const struct benchd_plugin benchd_plugin = {BENCHD_PLUGIN_ABI, (uint32_t)sizeof(struct benchd_bench), benches, \
		sizeof(benches) / sizeof((benches)[0])}

#ifdef __cplusplus
}
#endif

#endif
