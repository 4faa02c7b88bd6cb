/* Results are remembered without a limit; the twin remembers the last thousand. */
#include "planted.h"

#define MOST 1000

static PyObject *kept[MOST];
static size_t at;

static PyObject *shown(PyObject *self, PyObject *x)
{
	(void)self;
	PyObject *text = PyObject_Repr(x);
	if (!text)
		return NULL;
	FIX(Py_XDECREF(kept[at]);)
	Py_INCREF(text);
	kept[at] = text;
	at = (at + 1) % MOST;
	return text;
}

static PyMethodDef methods[] = {{"shown", shown, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(leak_store, methods)
