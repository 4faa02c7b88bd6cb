/* PyList_GetItem lends; what it gave is dropped as if it were one's own. */
#include "planted.h"

static PyObject *first(PyObject *self, PyObject *list)
{
	(void)self;
	if (!PyList_Check(list) || PyList_GET_SIZE(list) < 1) {
		PyErr_SetString(PyExc_TypeError, "first() takes a list that is not empty");
		return NULL;
	}
	PyObject *item = PyList_GetItem(list, 0);
	PyObject *text = PyObject_Str(item);
	BUG(Py_DECREF(item);)
	return text;
}

static PyMethodDef methods[] = {{"first", first, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(borrowed_item, methods)
