/* The characters of a bytearray are used after a function of the user's was called, which may have changed it. */
#include "planted.h"

static PyObject *each(PyObject *self, PyObject *args)
{
	(void)self;
	PyObject *data, *f;
	if (!PyArg_ParseTuple(args, "YO", &data, &f))
		return NULL;
	FIX(Py_buffer b; if (PyObject_GetBuffer(data, &b, PyBUF_SIMPLE) < 0) return NULL;)
	const char *p = PyByteArray_AS_STRING(data);
	Py_ssize_t n = PyByteArray_GET_SIZE(data);
	PyObject *r = PyObject_CallNoArgs(f);
	long sum = 0;
	for (Py_ssize_t i = 0; r && i < n; i++)
		sum += p[i];
	FIX(PyBuffer_Release(&b);)
	if (!r)
		return NULL;
	Py_DECREF(r);
	return PyLong_FromLong(sum);
}

static PyMethodDef methods[] = {{"each", each, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(buffer_callback, methods)
