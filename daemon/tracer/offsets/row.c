/* Prints one row of ../offsets.c for the headers it is compiled with; see generate.py. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include "internal/pycore_gil.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"

#include <stddef.h>
#include <stdio.h>

#ifdef Py_GIL_DISABLED
#define T "t"
#else
#define T ""
#endif
#ifdef Py_DEBUG
#define D "d"
#else
#define D ""
#endif

#define O(type, member) (unsigned)offsetof(type, member)
#define G(member) O(struct _gil_runtime_state, member)

int main(void)
{
#if PY_VERSION_HEX < 0x030c0000
	const char *in_runtime = "true";
	unsigned gil = O(_PyRuntimeState, ceval.gil);
#else
	const char *in_runtime = "false";
	unsigned gil = O(PyInterpreterState, ceval.gil);
#endif
	printf("\t{%d, \"%s\", %u, %u, %u, %u, %u, %u, %u, %u, %s, %u,\n", PY_MINOR_VERSION, T D,
		(unsigned)sizeof(_PyRuntimeState), O(_PyRuntimeState, interpreters.head), O(PyInterpreterState, next),
		O(PyInterpreterState, id), O(PyInterpreterState, threads.head), O(PyThreadState, next),
		O(PyThreadState, interp), O(PyThreadState, native_thread_id), in_runtime, gil);
	printf("\t {%u, %u, %u, %u, %u, %u, %u, %u, %u}},\n", G(interval), G(last_holder), G(locked), G(switch_number),
		G(cond), G(mutex), G(switch_cond), G(switch_mutex), (unsigned)sizeof(struct _gil_runtime_state));
	return 0;
}
