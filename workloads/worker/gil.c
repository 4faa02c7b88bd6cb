/* Where this interpreter's GIL is, by its own headers: configure has checked that they belong to the libpython we are
 * linked with. Compiled with the interpreter's internals, and nothing else is. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>

#include "bd_bench.h"

void bd_self_gil(struct bd_worker_gil *ret)
{
#if PY_VERSION_HEX < 0x030c0000
	const struct _gil_runtime_state *gil = &_PyRuntime.ceval.gil;
#else
	const struct _gil_runtime_state *gil = PyInterpreterState_Get()->ceval.gil;
#endif
	ret->interpreter = PyInterpreterState_GetID(PyInterpreterState_Get());
	ret->address = bd_printf("0x%llx", (unsigned long long)(uintptr_t)gil);
	ret->size = (int64_t)sizeof *gil;
}

void bd_self_runtime(char **ret_address, int64_t *ret_size)
{
	*ret_address = bd_printf("0x%llx", (unsigned long long)(uintptr_t)&_PyRuntime);
	*ret_size = (int64_t)sizeof _PyRuntime;
}
