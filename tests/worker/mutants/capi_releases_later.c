/* A binding whose holding functions hold the GIL for their first 2,000 calls only: what V4 saw before the first timed batch is
 * no longer true after the last. */
#include <Python.h>

#include "bd_kernels.h"

static uint64_t released_later(uint64_t k, uint64_t steps)
{
	static unsigned calls;
	if (!PyGILState_Check() || __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) < 2000)
		return bd_kernel_call(k, steps);
	Py_BEGIN_ALLOW_THREADS k = bd_kernel_call(k, steps);
	Py_END_ALLOW_THREADS return k;
}
#define bd_kernel_call released_later
#include "capi.c"
