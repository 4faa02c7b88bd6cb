/* The buffer of the argument is never released. */
#include "planted.h"

static PyObject *checksum(PyObject *self, PyObject *x)
{
	(void)self;
	Py_buffer b;
	if (PyObject_GetBuffer(x, &b, PyBUF_SIMPLE) < 0)
		return NULL;
	unsigned sum = 0;
	for (Py_ssize_t i = 0; i < b.len; i++)
		sum = sum * 31 + ((const unsigned char *)b.buf)[i];
	FIX(PyBuffer_Release(&b);)
	return PyLong_FromUnsignedLong(sum);
}

static PyMethodDef methods[] = {{"checksum", checksum, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(buffer_held, methods)
