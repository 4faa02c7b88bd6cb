/* Views that are given back are still counted, so that the object can never grow again. */
#include "planted.h"

struct store {
	PyObject_HEAD char *data;
	Py_ssize_t len;
	int exports;
};

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *names)
{
	(void)args, (void)names;
	struct store *s = (struct store *)type->tp_alloc(type, 0);
	if (!s)
		return NULL;
	s->len = 64;
	s->data = calloc(1, (size_t)s->len);
	return (PyObject *)s;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	free(((struct store *)self)->data);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyObject *append(PyObject *self, PyObject *x)
{
	struct store *s = (struct store *)self;
	long byte = PyLong_AsLong(x);
	if (byte == -1 && PyErr_Occurred())
		return NULL;
	if (s->exports) {
		PyErr_SetString(PyExc_BufferError, "it is in use");
		return NULL;
	}
	char *more = realloc(s->data, (size_t)s->len + 1);
	if (!more)
		return PyErr_NoMemory();
	s->data = more;
	s->data[s->len++] = (char)byte;
	Py_RETURN_NONE;
}

static int get(PyObject *self, Py_buffer *b, int flags)
{
	struct store *s = (struct store *)self;
	if (PyBuffer_FillInfo(b, self, s->data, s->len, 0, flags) < 0)
		return -1;
	s->exports++;
	return 0;
}

static void release(PyObject *self, Py_buffer *b)
{
	(void)self, (void)b;
	FIX(((struct store *)self)->exports--;)
}

static PyMethodDef of_store[] = {{"append", append, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {{Py_tp_new, make}, {Py_tp_dealloc, dealloc}, {Py_tp_methods, of_store},
	{Py_bf_getbuffer, get}, {Py_bf_releasebuffer, release}, {0, NULL}};
static PyType_Spec spec = {"planted.Store", sizeof(struct store), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(buffer_stuck, methods, PyModule_AddObject(m, "Store", PyType_FromSpec(&spec)))
