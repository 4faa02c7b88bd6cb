/* feed() keeps the pointer after it released the buffer; read() reads through it. */
#include "planted.h"

#include <string.h>

static const unsigned char *kept;
static Py_ssize_t kept_len;
#ifdef CLEAN
static unsigned char *copy;
#endif

static PyObject *feed(PyObject *self, PyObject *args)
{
	(void)self;
	Py_buffer b;
	if (!PyArg_ParseTuple(args, "y*", &b))
		return NULL;
	kept_len = b.len;
	BUG(kept = b.buf;)
	FIX(free(copy); copy = malloc((size_t)b.len + 1); memcpy(copy, b.buf, (size_t)b.len); kept = copy;)
	PyBuffer_Release(&b);
	Py_RETURN_NONE;
}

static PyObject *read_sum(PyObject *self, PyObject *unused)
{
	(void)self, (void)unused;
	unsigned sum = 0;
	for (Py_ssize_t i = 0; i < kept_len; i++)
		sum += kept[i];
	return PyLong_FromUnsignedLong(sum);
}

static PyMethodDef methods[] = {{"feed", feed, METH_VARARGS, NULL}, {"read", read_sum, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL}};
MODULE(buffer_pointer, methods)
