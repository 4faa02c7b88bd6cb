/* An object keeps the characters of a text, but not the text. */
#include "planted.h"

struct scanner {
	PyObject_HEAD const char *text;
	Py_ssize_t len;
	PyObject *owner;
};

static int init(PyObject *self, PyObject *args, PyObject *names)
{
	struct scanner *s = (struct scanner *)self;
	PyObject *text;
	(void)names;
	if (!PyArg_ParseTuple(args, "U", &text))
		return -1;
	const char *chars = PyUnicode_AsUTF8AndSize(text, &s->len);
	if (!chars)
		return -1;
	s->text = chars;
	FIX(Py_XSETREF(s->owner, Py_NewRef(text));)
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	Py_XDECREF(((struct scanner *)self)->owner);
	PyObject_Free(self);
	Py_DECREF(type);
}

static PyObject *vowels(PyObject *self, PyObject *unused)
{
	const struct scanner *s = (struct scanner *)self;
	long n = 0;
	(void)unused;
	for (Py_ssize_t i = 0; i < s->len; i++)
		n += s->text[i] == 'a' || s->text[i] == 'e' || s->text[i] == 'i';
	return PyLong_FromLong(n);
}

static PyMethodDef of_scanner[] = {{"vowels", vowels, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {{Py_tp_init, init}, {Py_tp_dealloc, dealloc}, {Py_tp_methods, of_scanner}, {0, NULL}};
static PyType_Spec spec = {"planted.Scanner", sizeof(struct scanner), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(buffer_method, methods, PyModule_AddObject(m, "Scanner", PyType_FromSpec(&spec)))
