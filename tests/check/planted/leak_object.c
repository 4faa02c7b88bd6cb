/* A list that is made on the way is never dropped. */
#include "planted.h"

static PyObject *count(PyObject *self, PyObject *args)
{
	(void)self;
	Py_ssize_t n;
	if (!PyArg_ParseTuple(args, "n", &n))
		return NULL;
	PyObject *list = PyList_New(0);
	if (!list)
		return NULL;
	Py_ssize_t size = PyList_GET_SIZE(list) + n;
	FIX(Py_DECREF(list);)
	return PyLong_FromSsize_t(size);
}

static PyMethodDef methods[] = {{"count", count, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(leak_object, methods)
