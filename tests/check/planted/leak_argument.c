/* Each call keeps a reference to its argument. */
#include "planted.h"

static PyObject *twice(PyObject *self, PyObject *x)
{
	(void)self;
	BUG(Py_INCREF(x);)
	return PyTuple_Pack(2, x, x);
}

static PyMethodDef methods[] = {{"twice", twice, METH_O, "twice(x)"}, {NULL, NULL, 0, NULL}};
MODULE(leak_argument, methods)
