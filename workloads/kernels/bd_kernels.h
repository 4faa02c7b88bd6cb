/* bd_kernels: the one native library every binding calls, so that only the boundary differs. libc only.
 *
 * Built twice from the same source: static, for the daemon's one calibration of native work, and as libbdkernels.so,
 * for bindings and the worker. */
#ifndef BD_KERNELS_H
#define BD_KERNELS_H

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

struct bd_kernel_event {           /* one native call */
	int64_t enter_ns, exit_ns; /* CLOCK_MONOTONIC */
	int32_t enter_processor, exit_processor;
};

/* One thread's counter, alone on its cache lines: a shared atomic would cost more than the calls measured. */
struct bd_kernel_slot {
	uint64_t calls;              /* finished */
	struct bd_kernel_event *log; /* NULL = off */
	uint64_t log_len, log_cap;   /* calls beyond log_cap are counted in log_len, not stored */
	const void *data;            /* of the last bd_kernel_sum: where it saw the data */
	uint64_t data_len;
} __attribute__((aligned(128)));

#define BD_KERNEL_SLOTS 1024
/* Slot 0 belongs to every thread that has not taken one of its own. */
BD_KERNEL_EXPORT struct bd_kernel_slot *bd_kernel_slot_at(unsigned index);
/* The calling thread's. */
BD_KERNEL_EXPORT struct bd_kernel_slot *bd_kernel_own_slot(void);
/* The calling thread counts in slots[index] from now on. */
BD_KERNEL_EXPORT void bd_kernel_take_slot(unsigned index);

#endif
