/* A value that is set a second time keeps the first. */
#include "planted.h"

struct cell {
	PyObject_HEAD PyObject *value;
};

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	Py_XDECREF(((struct cell *)self)->value);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyObject *value(PyObject *self, void *unused)
{
	(void)unused;
	PyObject *found = ((struct cell *)self)->value;
	found = found ? found : Py_None;
	Py_INCREF(found);
	return found;
}

static int set_value(PyObject *self, PyObject *x, void *unused)
{
	struct cell *c = (struct cell *)self;
	(void)unused;
	if (!x) {
		PyErr_SetString(PyExc_TypeError, "it cannot be deleted");
		return -1;
	}
	PyObject *old = c->value;
	Py_INCREF(x);
	c->value = x;
	FIX(Py_XDECREF(old);)
	BUG((void)old;)
	return 0;
}

/* Only one of them can be set. */
static PyGetSetDef members[] = {{"value", value, set_value, NULL, NULL}, {"again", value, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot slots[] = {{Py_tp_new, PyType_GenericNew}, {Py_tp_dealloc, dealloc}, {Py_tp_getset, members},
	{0, NULL}};
static PyType_Spec spec = {"planted.Cell", sizeof(struct cell), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(leak_setter, methods, PyModule_AddObject(m, "Cell", PyType_FromSpec(&spec)))
