/* What a dict lends is returned as if it were new. */
#include "planted.h"

static PyObject *table;

static PyObject *setting(PyObject *self, PyObject *unused)
{
	(void)self, (void)unused;
	PyObject *found = PyDict_GetItemString(table, "limit");
	FIX(Py_XINCREF(found);)
	return found;
}

static PyMethodDef methods[] = {{"setting", setting, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(borrowed_result, methods, table = Py_BuildValue("{s:i}", "limit", 100003))
