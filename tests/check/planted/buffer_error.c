/* The early return of data of the wrong length forgets to give the buffer back. */
#include "planted.h"

static PyObject *word(PyObject *self, PyObject *args)
{
	Py_buffer b;
	(void)self;
	if (!PyArg_ParseTuple(args, "y*:word", &b))
		return NULL;
	if (b.len != 4) {
		FIX(PyBuffer_Release(&b);)
		PyErr_SetString(PyExc_ValueError, "a word has four bytes");
		return NULL;
	}
	const unsigned char *p = b.buf;
	long value = p[0] | p[1] << 8 | p[2] << 16;
	PyBuffer_Release(&b);
	return PyLong_FromLong(value);
}

static PyObject *size(PyObject *self, PyObject *unused)
{
	(void)self, (void)unused;
	return PyLong_FromLong(4);
}

static PyMethodDef methods[] = {{"word", word, METH_VARARGS, NULL}, {"size", size, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL}};
MODULE(buffer_error, methods)
