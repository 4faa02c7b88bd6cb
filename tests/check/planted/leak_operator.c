/* An operator keeps a list. Its class does not say which module it is of, as those in C and in Rust often do not. */
#include "planted.h"

struct amount {
	PyObject_HEAD long value;
};

static PyObject *negative(PyObject *self)
{
	PyObject *worked_on = PyList_New(0);
	FIX(Py_XDECREF(worked_on);)
	return worked_on ? PyLong_FromLong(-((struct amount *)self)->value) : NULL;
}

static PyNumberMethods numbers = {.nb_negative = negative};
static PyTypeObject amount = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "Amount",
	.tp_basicsize = sizeof(struct amount),
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_new = PyType_GenericNew,
	.tp_as_number = &numbers,
};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(leak_operator, methods, if (PyType_Ready(&amount) == 0) PyModule_AddObjectRef(m, "Amount", (PyObject *)&amount))
