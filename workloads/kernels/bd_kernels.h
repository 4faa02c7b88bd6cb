/* bd_kernels: the one native library every binding calls, so that only the boundary differs. libc only.
 *
 * Built twice from the same source: static, for the daemon's one calibration of native work, and as libbdkernels.so,
 * for bindings and the worker. */
#ifndef BD_KERNELS_H
#define BD_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#define BD_KERNEL_EXPORT __attribute__((visibility("default")))

/* One step is x = x * BD_KERNEL_MUL + BD_KERNEL_ADD mod 2^64 (Knuth's MMIX generator). Each needs the one before it, so
 * nothing can be hoisted, vectorised or skipped; and being affine, any number of steps has a closed form. */
#define BD_KERNEL_MUL UINT64_C(6364136223846793005)
#define BD_KERNEL_ADD UINT64_C(1442695040888963407)
/* What Python sees of x: its low bits, which follow the same recurrence mod 2^30 and stay a one-digit int. */
#define BD_KERNEL_MASK ((UINT64_C(1) << 30) - 1)

/* `steps` dependent steps from x. Counts nothing. */
BD_KERNEL_EXPORT uint64_t bd_kernel_spin(uint64_t x, uint64_t steps);

/* What bindings call: the same work, counted for the calling thread and, while its log is on, logged; the result is
 * masked with BD_KERNEL_MASK. */
BD_KERNEL_EXPORT uint64_t bd_kernel_call(uint64_t x, uint64_t steps);

/* The same for data: x plus the 64-bit words at data, little-endian, the last one filled with zeros; masked with
 * BD_KERNEL_MASK. Counted, not logged. */
#define BD_KERNEL_WORD 8
BD_KERNEL_EXPORT uint64_t bd_kernel_sum(uint64_t x, const void *data, uint64_t n);

/* ---- T1: scalars. Counted. ------------------------------------------------------------------------------------------ */

/* A step of the thread's own chain, which is masked and given back: what a call without arguments can prove. */
BD_KERNEL_EXPORT uint64_t bd_kernel_tick(void);
/* x + 1; NOT counted: the work of the published chain benchmarks, no more. */
BD_KERNEL_EXPORT int64_t bd_kernel_plusone(int64_t x);

#define BD_KERNEL_ARGS_1(T) T a0
#define BD_KERNEL_ARGS_2(T) T a0, T a1
#define BD_KERNEL_ARGS_3(T) T a0, T a1, T a2
#define BD_KERNEL_ARGS_4(T) T a0, T a1, T a2, T a3
#define BD_KERNEL_ARGS_6(T) T a0, T a1, T a2, T a3, T a4, T a5
#define BD_KERNEL_ARGS_8(T) T a0, T a1, T a2, T a3, T a4, T a5, T a6, T a7
#define BD_KERNEL_ARGS_16(T) \
	T a0, T a1, T a2, T a3, T a4, T a5, T a6, T a7, T a8, T a9, T a10, T a11, T a12, T a13, T a14, T a15
#define BD_KERNEL_COUNTS(X) X(1) X(2) X(3) X(4) X(6) X(8) X(16)
/* bd_kernel_i64_K: the sum of K integers, wrapped and masked. bd_kernel_f64_K: of K doubles, as it is. bd_kernel_bool_K:
 * exclusive or of K truths. K = 1, 2, 3, 4, 6, 8, 16. */
#define BD_KERNEL_DECLARE(K)                                                     \
	BD_KERNEL_EXPORT int64_t bd_kernel_i64_##K(BD_KERNEL_ARGS_##K(int64_t)); \
	BD_KERNEL_EXPORT double bd_kernel_f64_##K(BD_KERNEL_ARGS_##K(double));   \
	BD_KERNEL_EXPORT bool bd_kernel_bool_##K(BD_KERNEL_ARGS_##K(bool));
BD_KERNEL_COUNTS(BD_KERNEL_DECLARE)
#undef BD_KERNEL_DECLARE

/* ---- T1: what is converted. Counted; results masked unless they are doubles. ------------------------------------------ */

struct bd_kernel_pair { /* an entry of a map; texts are UTF-8, not terminated */
	const char *key;
	uint64_t key_len;
	int64_t value;
};
struct bd_kernel_row {
	int64_t id;
	double weight;
	const char *name;
	uint64_t name_len;
};
#define BD_KERNEL_TEXT 24 /* bytes that bd_kernel_text may write */

BD_KERNEL_EXPORT uint64_t bd_kernel_sum_i64(uint64_t x, const int64_t *v, uint64_t n); /* x + all */
BD_KERNEL_EXPORT double bd_kernel_sum_f64(const double *v,
	uint64_t n); /* of the 1st, 5th, …, of the 2nd, 6th, … and so on */
BD_KERNEL_EXPORT double bd_kernel_sum_f64_strided(const double *v, uint64_t n, int64_t stride_bytes); /* one by one */
/* x + length + first byte of each text */
BD_KERNEL_EXPORT uint64_t bd_kernel_sum_texts(uint64_t x, const char *const *text, const uint64_t *len, uint64_t n);
BD_KERNEL_EXPORT uint64_t bd_kernel_sum_pairs(uint64_t x, const struct bd_kernel_pair *v, uint64_t n); /* … and value */
BD_KERNEL_EXPORT uint64_t bd_kernel_sum_rows(uint64_t x, const struct bd_kernel_row *v,
	uint64_t n); /* … id, whole weight */
/* The other direction: every byte x mod 256; (x + i) masked; the same as doubles; and in decimal digits, whose number is
 * given back. The key of entry i of a map is that text, its value (x + i) masked; a row is {(x + i) masked, the same, text}. */
BD_KERNEL_EXPORT void bd_kernel_fill(uint64_t x, void *data, uint64_t n);
BD_KERNEL_EXPORT void bd_kernel_fill_i64(uint64_t x, int64_t *v, uint64_t n);
BD_KERNEL_EXPORT void bd_kernel_fill_f64(uint64_t x, double *v, uint64_t n);
BD_KERNEL_EXPORT uint64_t bd_kernel_text(uint64_t x, uint64_t i,
	char *out); /* not counted: it is asked for per element */

/* ---- T1: calls back, errors. Counted once, however many calls. ---------------------------------------------------------- */

#define BD_KERNEL_STOP UINT64_MAX /* what a callback gives that failed */
/* x = f(arg, x) masked, n times; BD_KERNEL_STOP as soon as f gave that. */
BD_KERNEL_EXPORT uint64_t bd_kernel_callback(uint64_t x, uint64_t n, uint64_t (*f)(void *arg, uint64_t x), void *arg);
/* The same on a native thread made for it; the caller sleeps until it ended, and must not hold a GIL that f wants. Counted
 * for the caller. BD_KERNEL_STOP when there is no such thread. */
BD_KERNEL_EXPORT uint64_t bd_kernel_callback_foreign(uint64_t x, uint64_t n, uint64_t (*f)(void *arg, uint64_t x),
	void *arg);
/* Fails that many calls below: always -1. */
BD_KERNEL_EXPORT int bd_kernel_fail(uint64_t depth);

/* ---- slots --------------------------------------------------------------------------------------------------------- */

struct bd_kernel_event {           /* one native call */
	int64_t enter_ns, exit_ns; /* CLOCK_MONOTONIC */
	int32_t enter_processor, exit_processor;
};

/* One thread's counter, alone on its cache lines: a shared atomic would cost more than the calls measured. */
struct bd_kernel_slot {
	uint64_t calls;              /* finished */
	struct bd_kernel_event *log; /* NULL = off */
	uint64_t log_len, log_cap;   /* calls beyond log_cap are counted in log_len, not stored */
	const void *data;            /* of the last sum or fill: where it saw the data, and how much */
	uint64_t data_len;           /* bytes */
	uint64_t chain;              /* of bd_kernel_tick */
} __attribute__((aligned(128)));

#define BD_KERNEL_SLOTS 1024
/* Slot 0 belongs to every thread that has not taken one of its own. */
BD_KERNEL_EXPORT struct bd_kernel_slot *bd_kernel_slot_at(unsigned index);
/* The calling thread's. */
BD_KERNEL_EXPORT struct bd_kernel_slot *bd_kernel_own_slot(void);
/* The calling thread counts in slots[index] from now on. */
BD_KERNEL_EXPORT void bd_kernel_take_slot(unsigned index);

#endif
