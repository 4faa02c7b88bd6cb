/* A binding whose holding functions release the GIL all the same: V4 must say so. */
#include <Python.h>

#include "bd_kernels.h"

static uint64_t always_released(uint64_t k, uint64_t steps)
{
	if (!PyGILState_Check())
		return bd_kernel_call(k, steps);
	Py_BEGIN_ALLOW_THREADS k = bd_kernel_call(k, steps);
	Py_END_ALLOW_THREADS return k;
}
#define bd_kernel_call always_released
#include "capi.c"
