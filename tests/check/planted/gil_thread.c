/* A thread of the module's own calls back without PyGILState_Ensure. */
#include "planted.h"

#include <pthread.h>

static void *work(void *f)
{
	FIX(PyGILState_STATE state = PyGILState_Ensure();)
	PyObject *r = PyObject_CallNoArgs(f);
	Py_XDECREF(r);
	if (!r)
		PyErr_Clear();
	FIX(PyGILState_Release(state);)
	return NULL;
}

static PyObject *later(PyObject *self, PyObject *f)
{
	(void)self;
	pthread_t thread;
	if (!PyCallable_Check(f)) {
		PyErr_SetString(PyExc_TypeError, "later() takes something to call");
		return NULL;
	}
	if (pthread_create(&thread, NULL, work, f)) {
		PyErr_SetString(PyExc_OSError, "no thread");
		return NULL;
	}
	Py_BEGIN_ALLOW_THREADS pthread_join(thread, NULL);
	Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"later", later, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(gil_thread, methods)
