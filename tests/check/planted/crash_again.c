/* __init__ gives the old memory back before it knows that it will have new memory: where it fails then, its instance has neither. */
#include "planted.h"

#include <stdlib.h>

struct table {
	PyObject_HEAD char *memory;
};

static int init(PyObject *self, PyObject *args, PyObject *names)
{
	struct table *table = (struct table *)self;
	long n;
	(void)names;
	if (!PyArg_ParseTuple(args, "l", &n))
		return -1;
	free(table->memory);
	FIX(table->memory = NULL;)
	if (n < 0) {
		PyErr_SetString(PyExc_ValueError, "a table has no negative number of rows");
		return -1;
	}
	table->memory = calloc(1, 100);
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	free(((struct table *)self)->memory);
	PyObject_Free(self);
	Py_DECREF(type);
}

static PyType_Slot slots[] = {{Py_tp_init, init}, {Py_tp_dealloc, dealloc}, {0, NULL}};
static PyType_Spec spec = {"planted.Table", sizeof(struct table), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(crash_again, methods, PyModule_AddObject(m, "Table", PyType_FromSpec(&spec)))
