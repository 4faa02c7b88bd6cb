/* What __init__ made the first time is forgotten when it is called again. */
#include "planted.h"

struct rows {
	PyObject_HEAD PyObject *list;
};

static int init(PyObject *self, PyObject *args, PyObject *names)
{
	struct rows *rows = (struct rows *)self;
	long n;
	(void)names;
	if (!PyArg_ParseTuple(args, "l", &n))
		return -1;
	PyObject *before = rows->list;
	rows->list = PyList_New(0);
	FIX(Py_XDECREF(before);)
	(void)before;
	return rows->list ? 0 : -1;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	Py_XDECREF(((struct rows *)self)->list);
	PyObject_Free(self);
	Py_DECREF(type);
}

static PyType_Slot slots[] = {{Py_tp_init, init}, {Py_tp_dealloc, dealloc}, {0, NULL}};
static PyType_Spec spec = {"planted.Rows", sizeof(struct rows), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(leak_again, methods, PyModule_AddObject(m, "Rows", PyType_FromSpec(&spec)))
