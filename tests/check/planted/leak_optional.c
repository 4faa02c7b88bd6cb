/* An argument that may be left out is kept when it is not. */
#include "planted.h"

static PyObject *first(PyObject *self, PyObject *args, PyObject *names)
{
	static char *words[] = {"items", "fallback", NULL};
	PyObject *items, *fallback = Py_None;
	(void)self;
	if (!PyArg_ParseTupleAndKeywords(args, names, "O|O:first", words, &items, &fallback))
		return NULL;
	BUG(if (fallback != Py_None) Py_INCREF(fallback);)
	Py_INCREF(items);
	return items;
}

static PyMethodDef methods[] = {{"first", (PyCFunction)(void (*)(void))first, METH_VARARGS | METH_KEYWORDS, NULL},
	{NULL, NULL, 0, NULL}};
MODULE(leak_optional, methods)
