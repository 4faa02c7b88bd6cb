/* One byte is written behind the memory that was asked for. */
#include "planted.h"

#include <string.h>

static PyObject *reversed(PyObject *self, PyObject *args)
{
	(void)self;
	const char *s;
	Py_ssize_t n;
	if (!PyArg_ParseTuple(args, "s#", &s, &n))
		return NULL;
	char *copy = PyMem_Malloc((size_t)n FIX(+1));
	if (!copy)
		return PyErr_NoMemory();
	for (Py_ssize_t i = 0; i < n; i++)
		copy[i] = s[n - 1 - i];
	copy[n] = '\0';
	PyObject *result = PyBytes_FromStringAndSize(copy, n);
	PyMem_Free(copy);
	return result;
}

static PyMethodDef methods[] = {{"reversed", reversed, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(crash_overflow, methods)
