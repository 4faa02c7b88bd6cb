/* What a case is. To add one: a file NAME.c here with `const struct bd_case bd_case_NAME`, and NAME in the list of
 * workloads/CMakeLists.txt; or a NAME.py (see docs/worker-protocol.md for its shape). All functions need the GIL. */
#ifndef BD_CASE_H
#define BD_CASE_H

#include "bd_model.h"

#include <Python.h>

enum bd_shape {
	BD_SHAPE_ITERATIONS, /* one thread, counts operations */
	BD_SHAPE_CONTENDED,  /* may wait for the GIL; with threads > 1 runs for a duration */
};

/* What V4 expects of native sections of different threads. */
enum bd_overlap {
	BD_OVERLAP_ANY,    /* nothing: reported only */
	BD_OVERLAP_NONE,   /* the GIL is held inside: they never overlap */
	BD_OVERLAP_WANTED, /* the GIL is released and the section is long: they overlap at least half of the time */
};

struct bd_param {
	const char *name, *summary;
	const char *const *values; /* the default first */
	size_t values_len;
};

struct bd_case;

/* A case at work in one cell. */
struct bd_work {
	const struct bd_case *desc;
	/* given */
	const struct bd_map *axes; /* every axis of the cell by name */
	int threads;
	bool gil;            /* there is one that calls can hold */
	uint64_t steps;      /* native steps of the cell's `u`, 0 = none */
	int64_t native_ns;   /* about what these steps take here, 0 = unknown */
	PyObject *functions; /* dict of the binding's functions by name; NULL when the case uses none */
	/* made by setup; the core drops them after teardown */
	PyObject *loop;     /* bd_loop_compile() */
	PyObject *args[24]; /* further arguments of loop, owned */
	size_t args_len;
	unsigned per_turn;       /* operations per tick: how often the statement is unrolled; 1 before setup */
	unsigned native_calls;   /* kernel calls per operation (V1) */
	enum bd_overlap overlap; /* V4, for threads > 1 */
	const char *refused_by;  /* set by verify: the check that refuses, where it is not V2 */
	bool says_leaks;  /* set by setup: what an operation leaves behind is told in a note, V6 does not judge it */
	bool says_mapped; /* the same of address space alone */
	bool untimed;     /* set by setup: run() does more than it times; one thread only */
	bool insist;      /* verify now, however long it takes; else one that takes long may wait for settle */
	void *state;
	struct bd_children { /* what processes that run() started and awaited have used; one thread only */
		int64_t cpu_ns, voluntary, involuntary, minor_faults, major_faults, peak_bytes;
	} children;
	const char *failure_key; /* of the failure that run() had, NULL = an exception; one thread only */
};

struct bd_case {
	const char *name, *summary;
	enum bd_shape shape;
	const char *plain; /* binding:variant to report when it uses no binding ("plain"), else NULL */
	const struct bd_param *params;
	size_t params_len;
	/* 0; -ENOTSUP: the cell is unsupported; other: it failed. */
	int (*setup)(struct bd_work *w, struct bd_error *err);
	/* per_turn operations per tick of the iterator, starting from k; gives the final k, or NULL with an exception. */
	PyObject *(*run)(struct bd_work *w, PyObject *ticks, PyObject *k);
	/* V2: the result of `ops` operations from `start` is what the closed form says; -EBADMSG when not. */
	int (*verify)(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err);
	void (*teardown)(struct bd_work *w); /* may be NULL; also called after a failed setup */
	const void *data;                    /* the implementation's own */
	/* The rest may be NULL. Before each batch, untimed: */
	int (*enter)(struct bd_work *w, struct bd_error *err);
	/* After the last batch: verifies the last result, if that was put off. */
	int (*settle)(struct bd_work *w, struct bd_error *err);
	/* V3, both or none: the operation must not copy. Whose memory it is, any object with a buffer (new; None: this cell copies
	 * and says so); what the other side has of it after one operation (new): an object with a buffer, an int that is the
	 * address, or None: where the kernel library last saw data. NULL with an exception. */
	PyObject *(*exporter)(struct bd_work *w);
	PyObject *(*view)(struct bd_work *w, PyObject *exporter);
	/* 1: this cell copies, which V3 then must find; 0: it does not; -1 with an exception. NULL = 0. */
	int (*copies)(struct bd_work *w);
	bool mapped_twice; /* the other side has the same memory at an address of its own */
	/* V9, both or none: every thread has an interpreter of its own. Into that of thread i, and back. */
	int (*go_into)(struct bd_work *w, unsigned i, struct bd_error *err);
	void (*come_back)(struct bd_work *w, unsigned i);
	bool process;             /* its cells have a worker of their own */
	bool measures_memory;     /* what an operation allocates is a figure of it */
	const char *const *needs; /* functions of the binding, at its default parameters: for lists */
	size_t needs_len;
	/* What a reader of its figure should know. */
	void (*notes)(struct bd_work *w, struct bd_reason **ret, size_t *ret_n);
};

extern const struct bd_case *const bd_case_table[];
extern const size_t bd_case_table_len;

/* Value of a parameter in this cell, or its default. */
const char *bd_work_param(const struct bd_work *w, const char *name);
/* A function of the cell's binding, borrowed; -ENOTSUP with the binding's reason when it has none. */
int bd_work_function(const struct bd_work *w, const char *name, PyObject **ret, struct bd_error *err);

/* Compiles
 *	def loop(ticks, k, NAMES…):
 *		for _ in ticks:
 *			STATEMENT        (unroll times)
 *		return k
 * into a code object of its own: a shared one specialises for somebody else. Lines of a statement are separated by \n. */
int bd_loop_compile(const char *names, const char *statement, unsigned unroll, PyObject **ret, struct bd_error *err);
/* run for cases whose work is such a loop: loop(ticks, k, args…). */
PyObject *bd_loop_run(struct bd_work *w, PyObject *ticks, PyObject *k);

/* x -> mul * x + add mod 2^64, and so mod any smaller power of two: what chains of native steps and of Python work
 * compose to, and so the closed form of n operations. */
struct bd_affine {
	uint64_t mul, add;
};
static inline uint64_t bd_affine_apply(struct bd_affine f, uint64_t x)
{
	return f.mul * x + f.add;
}
/* first f, then g */
static inline struct bd_affine bd_affine_then(struct bd_affine f, struct bd_affine g)
{
	return (struct bd_affine){g.mul * f.mul, g.mul * f.add + g.add};
}
static inline struct bd_affine bd_affine_power(struct bd_affine f, uint64_t n)
{
	struct bd_affine r = {1, 0};
	for (; n; n >>= 1) {
		if (n & 1)
			r = bd_affine_then(r, f);
		f = bd_affine_then(f, f);
	}
	return r;
}

#endif
