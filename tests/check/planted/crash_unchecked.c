/* Whatever comes is taken for a list. */
#include "planted.h"

static PyObject *kind(PyObject *self, PyObject *x)
{
	(void)self;
	FIX(if (!PyList_Check(x) || !PyList_GET_SIZE(x)) {
		PyErr_SetString(PyExc_TypeError, "kind() takes a list that is not empty");
		return NULL;
	})
	return PyUnicode_FromString(Py_TYPE(PyList_GET_ITEM(x, 0))->tp_name);
}

static PyMethodDef methods[] = {{"kind", kind, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(crash_unchecked, methods)
