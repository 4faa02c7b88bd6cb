/* Preloaded: whoever asks for a second interpreter gets the first one again, with another number if ONE_WITH_MANY_NUMBERS is
 * in the environment. V9 must say so. */
#include <Python.h>

#include <dlfcn.h>
#include <stdlib.h>

static PyThreadState *first;

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);
	if (!function)
		abort();
	return function;
}

/* What was current is not any more, as after a new interpreter. */
static PyThreadState *again(void)
{
	PyEval_SaveThread();
	PyThreadState *state = PyThreadState_New(PyThreadState_GetInterpreter(first));
	PyEval_RestoreThread(state);
	return state;
}

#if PY_VERSION_HEX >= 0x030c0000
PyStatus Py_NewInterpreterFromConfig(PyThreadState **state, const PyInterpreterConfig *config)
{
	PyStatus (*make)(PyThreadState **, const PyInterpreterConfig *);
	if (first) {
		*state = again();
		return PyStatus_Ok();
	}
	*(void **)&make = next("Py_NewInterpreterFromConfig");
	PyStatus status = make(state, config);
	first = *state;
	return status;
}
#else
PyThreadState *Py_NewInterpreter(void)
{
	PyThreadState *(*make)(void);
	if (first)
		return again();
	*(void **)&make = next("Py_NewInterpreter");
	return first = make();
}
#endif

int64_t PyInterpreterState_GetID(PyInterpreterState *interpreter)
{
	static int64_t numbers = 1000;
	int64_t (*id)(PyInterpreterState *);
	if (first && getenv("ONE_WITH_MANY_NUMBERS"))
		return numbers++;
	*(void **)&id = next("PyInterpreterState_GetID");
	return id(interpreter);
}
