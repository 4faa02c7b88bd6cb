/* The early return of a bad element forgets the list made so far. */
#include "planted.h"

static PyObject *doubled(PyObject *self, PyObject *seq)
{
	(void)self;
	PyObject *fast = PySequence_Fast(seq, "doubled() takes a sequence"), *out = fast ? PyList_New(0) : NULL;
	for (Py_ssize_t i = 0; out && i < PySequence_Fast_GET_SIZE(fast); i++) {
		long x = PyLong_AsLong(PySequence_Fast_GET_ITEM(fast, i));
		if (x == -1 && PyErr_Occurred()) {
			Py_DECREF(fast);
			FIX(Py_DECREF(out);)
			return NULL;
		}
		PyObject *item = PyLong_FromLong(2 * x);
		if (!item || PyList_Append(out, item) < 0)
			Py_CLEAR(out);
		Py_XDECREF(item);
	}
	Py_XDECREF(fast);
	return out;
}

static PyMethodDef methods[] = {{"doubled", doubled, METH_O, "doubled(seq)"}, {NULL, NULL, 0, NULL}};
MODULE(leak_on_error, methods)
