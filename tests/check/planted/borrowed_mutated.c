/* While an element's __index__ runs, the list may be emptied, and the lent element is gone. */
#include "planted.h"

static PyObject *sum(PyObject *self, PyObject *list)
{
	(void)self;
	if (!PyList_Check(list)) {
		PyErr_SetString(PyExc_TypeError, "sum() takes a list");
		return NULL;
	}
	long long total = 0;
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
		PyObject *item = PyList_GetItem(list, i);
		FIX(Py_INCREF(item);)
		PyObject *number = PyNumber_Index(item);
		if (!number) {
			FIX(Py_DECREF(item);)
			return NULL;
		}
		total += PyLong_AsLongLong(number);
		Py_DECREF(number);
		if (!PyLong_Check(item)) /* the type of something that may not be there any more */
			total += PyObject_IsTrue(item);
		FIX(Py_DECREF(item);)
	}
	return PyLong_FromLongLong(total);
}

static PyMethodDef methods[] = {{"sum", sum, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(borrowed_mutated, methods)
