/* Not the kernel library, but its functions: preloaded, they take the place of the real ones. V7 must say so. */
#include <stdint.h>

uint64_t bd_kernel_call(uint64_t x, uint64_t steps);
uint64_t bd_kernel_sum(uint64_t x, const void *data, uint64_t n);

uint64_t bd_kernel_call(uint64_t x, uint64_t steps)
{
	(void)steps;
	return x;
}

uint64_t bd_kernel_sum(uint64_t x, const void *data, uint64_t n)
{
	(void)data, (void)n;
	return x;
}
