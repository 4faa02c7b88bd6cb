/* A kernel library whose result is off by one: V2 must say so. */
#define bd_kernel_call product_call
#include "kernels.c"
#undef bd_kernel_call

BD_KERNEL_EXPORT uint64_t bd_kernel_call(uint64_t x, uint64_t steps);
uint64_t bd_kernel_call(uint64_t x, uint64_t steps)
{
	return (product_call(x, steps) + 1) & BD_KERNEL_MASK;
}
