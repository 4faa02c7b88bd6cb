/* remember() keeps its argument without a reference; recall() uses it when it is gone. */
#include "planted.h"

static PyObject *kept;

static PyObject *remember(PyObject *self, PyObject *x)
{
	(void)self;
	FIX(Py_INCREF(x); Py_XDECREF(kept);)
	kept = x;
	Py_RETURN_NONE;
}

static PyObject *recall(PyObject *self, PyObject *unused)
{
	(void)self, (void)unused;
	return kept ? PyObject_Repr(kept) : PyUnicode_FromString("");
}

static PyMethodDef methods[] = {{"remember", remember, METH_O, NULL}, {"recall", recall, METH_NOARGS, NULL},
	{NULL, NULL, 0, NULL}};
MODULE(borrowed_kept, methods)
