/* grow() moves the memory of an object while somebody has a view of it. */
#include "planted.h"

#include <string.h>

struct store {
	PyObject_HEAD char *data;
	Py_ssize_t len;
	int exports;
};

static int init(PyObject *self, PyObject *args, PyObject *names)
{
	struct store *s = (struct store *)self;
	(void)args, (void)names;
	if (s->data) /* once: a view may be there */
		return 0;
	s->len = 64;
	s->data = calloc(1, (size_t)s->len);
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	free(((struct store *)self)->data);
	PyObject_Free(self);
	Py_DECREF(type);
}

static PyObject *grow(PyObject *self, PyObject *unused)
{
	struct store *s = (struct store *)self;
	(void)unused;
	FIX(if (s->exports) {
		PyErr_SetString(PyExc_BufferError, "it is in use");
		return NULL;
	})
	char *more = calloc(1, (size_t)s->len * 2);
	memcpy(more, s->data, (size_t)s->len);
	free(s->data);
	s->data = more;
	s->len *= 2;
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
	(void)b;
	((struct store *)self)->exports--;
}

static PyMethodDef of_store[] = {{"grow", grow, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {{Py_tp_init, init}, {Py_tp_dealloc, dealloc}, {Py_tp_methods, of_store},
	{Py_bf_getbuffer, get}, {Py_bf_releasebuffer, release}, {0, NULL}};
static PyType_Spec spec = {"planted.Store", sizeof(struct store), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(buffer_moves, methods, PyModule_AddObject(m, "Store", PyType_FromSpec(&spec)))
