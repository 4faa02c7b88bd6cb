/* A kernel library whose sum of two is off by one: V2 must say so, whatever calls it. */
#include <stdint.h>

int64_t product_sum(int64_t a, int64_t b);
#define bd_kernel_i64_2 product_sum
#include "values.c"
#undef bd_kernel_i64_2

BD_KERNEL_EXPORT int64_t bd_kernel_i64_2(int64_t a, int64_t b);
int64_t bd_kernel_i64_2(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)(product_sum(a, b) + 1) & BD_KERNEL_MASK);
}
