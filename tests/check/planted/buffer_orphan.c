/* A view does not keep the object whose memory it shows. */
#include "planted.h"

#include <string.h>

struct block {
	PyObject_HEAD char *data;
};

static int init(PyObject *self, PyObject *args, PyObject *names)
{
	struct block *s = (struct block *)self;
	(void)args, (void)names;
	if (s->data) /* once: a view may be there */
		return 0;
	s->data = malloc(512);
	memset(s->data, 7, 512);
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	free(((struct block *)self)->data);
	PyObject_Free(self);
	Py_DECREF(type);
}

static int get(PyObject *self, Py_buffer *b, int flags)
{
	BUG(PyObject *owner = PyTuple_New(0);)
	FIX(PyObject *owner = Py_NewRef(self);)
	int r = PyBuffer_FillInfo(b, owner, ((struct block *)self)->data, 512, 0, flags);
	Py_DECREF(owner);
	return r;
}

static PyType_Slot slots[] = {{Py_tp_init, init}, {Py_tp_dealloc, dealloc}, {Py_bf_getbuffer, get}, {0, NULL}};
static PyType_Spec spec = {"planted.Block", sizeof(struct block), 0, Py_TPFLAGS_DEFAULT, slots};
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
MODULE(buffer_orphan, methods, PyModule_AddObject(m, "Block", PyType_FromSpec(&spec)))
