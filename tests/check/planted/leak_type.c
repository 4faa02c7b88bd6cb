/* Every instance of a heap type holds a reference to its type, which the deallocator forgets to drop. */
#include "planted.h"

struct point {
	PyObject_HEAD long x;
};

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	PyObject_Free(self);
	FIX(Py_DECREF(type);)
	(void)type;
}

static PyObject *norm(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyLong_FromLong(((struct point *)self)->x);
}

static PyMethodDef of_point[] = {{"norm", norm, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {{Py_tp_dealloc, dealloc}, {Py_tp_methods, of_point}, {0, NULL}};
static PyType_Spec spec = {"planted.Point", sizeof(struct point), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(leak_type, methods, PyModule_AddObject(m, "Point", PyType_FromSpec(&spec)))
