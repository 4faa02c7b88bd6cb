/* A kernel library that forgets to count its thousandth call: V1 must say so. */
#define bd_kernel_call product_call
#include "kernels.c"
#undef bd_kernel_call

BD_KERNEL_EXPORT uint64_t bd_kernel_call(uint64_t x, uint64_t steps);
uint64_t bd_kernel_call(uint64_t x, uint64_t steps)
{
	struct bd_kernel_slot *s = &slots[own_slot];
	if (s->calls == 1000)
		s->calls--;
	return product_call(x, steps);
}
