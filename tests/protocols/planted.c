/* Exporters that each break one rule of sharing memory, for the audit to find; Planted("none") breaks none. */
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

#define BYTES 8192 /* with the C library's malloc, so that it sees what is freed */

static const char *const kinds[] = {"none", "buffer-copies", "buffer-no-reference", "buffer-resizes", "buffer-kept",
	"buffer-leaks", "buffer-grants-writes", "buffer-crashes", "buffer-hangs", "dlpack-copies",
	"dlpack-no-reference", "dlpack-frees-early", "dlpack-hides-readonly", "dlpack-resizes", "arrow-copies",
	"arrow-no-reference", "arrow-frees-early", "stream-no-reference", "dlpack-deletes-twice", "dlpack-unused-kept",
	"arrow-unused-kept", NULL};
enum kind {
	NONE,
	BUFFER_COPIES,
	BUFFER_NO_REFERENCE,
	BUFFER_RESIZES,
	BUFFER_KEPT,
	BUFFER_LEAKS,
	BUFFER_GRANTS_WRITES,
	BUFFER_CRASHES,
	BUFFER_HANGS,
	DLPACK_COPIES,
	DLPACK_NO_REFERENCE,
	DLPACK_FREES_EARLY,
	DLPACK_HIDES_READONLY,
	DLPACK_RESIZES,
	ARROW_COPIES,
	ARROW_NO_REFERENCE,
	ARROW_FREES_EARLY,
	STREAM_NO_REFERENCE,
	DLPACK_DELETES_TWICE, /* does not ask whether the capsule was used */
	DLPACK_UNUSED_KEPT,
	ARROW_UNUSED_KEPT,
};

struct planted {
	PyObject_HEAD enum kind kind;
	double *data;
	Py_ssize_t n, exports;
	bool readonly;
};

static PyObject *planted_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
	(void)words;
	const char *name;
	if (!PyArg_ParseTuple(args, "s", &name))
		return NULL;
	int kind = 0;
	while (kinds[kind] && strcmp(kinds[kind], name) != 0)
		kind++;
	if (!kinds[kind])
		return PyErr_Format(PyExc_ValueError, "no kind %s", name);
	struct planted *p = (struct planted *)type->tp_alloc(type, 0);
	if (!p)
		return NULL;
	p->kind = (enum kind)kind;
	p->readonly = kind == BUFFER_GRANTS_WRITES || kind == DLPACK_HIDES_READONLY;
	p->n = BYTES / (Py_ssize_t)sizeof(double);
	p->data = malloc(BYTES);
	for (Py_ssize_t i = 0; i < p->n; i++)
		p->data[i] = (double)i;
	return (PyObject *)p;
}

static void planted_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	free(((struct planted *)self)->data);
	type->tp_free(self);
	Py_DECREF(type);
}

static double *copy_of(const struct planted *p)
{
	double *copy = malloc((size_t)p->n * sizeof *copy);
	memcpy(copy, p->data, (size_t)p->n * sizeof *copy);
	return copy;
}

/* ---- buffer */

static int planted_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
	struct planted *p = (struct planted *)self;
	if (p->kind == BUFFER_CRASHES)
		abort();
	while (p->kind == BUFFER_HANGS && p->exports)
		PyErr_CheckSignals();
	void *data = p->kind == BUFFER_COPIES ? copy_of(p) : p->data;
	int readonly = p->readonly;
	if (p->kind == BUFFER_GRANTS_WRITES && flags & PyBUF_WRITABLE)
		readonly = 0;
	if (PyBuffer_FillInfo(view, self, data, p->n * (Py_ssize_t)sizeof(double), readonly, flags) < 0)
		return -1;
	view->internal = data;
	p->exports++;
	if (p->kind == BUFFER_LEAKS)
		Py_INCREF(self);
	if (p->kind == BUFFER_NO_REFERENCE) {
		Py_SETREF(view->obj, Py_NewRef(Py_None));
		p->exports--;
	}
	return 0;
}

static void planted_releasebuffer(PyObject *self, Py_buffer *view)
{
	struct planted *p = (struct planted *)self;
	if (p->kind == BUFFER_COPIES)
		free(view->internal);
	if (p->kind != BUFFER_KEPT)
		p->exports--;
}

static PyObject *planted_resize(PyObject *self, PyObject *n)
{
	struct planted *p = (struct planted *)self;
	if (p->exports && p->kind != BUFFER_RESIZES && p->kind != DLPACK_RESIZES)
		return PyErr_Format(PyExc_BufferError, "in use");
	Py_ssize_t count = PyLong_AsSsize_t(n);
	double *data = calloc((size_t)count, sizeof *data);
	memcpy(data, p->data, (size_t)(count < p->n ? count : p->n) * sizeof *data);
	free(p->data);
	p->data = data;
	p->n = count;
	Py_RETURN_NONE;
}

/* ---- DLPack: before 1.0 */

struct tensor {
	struct bd_dlpack managed;
	struct planted *owner;
	int64_t shape;
};

static void delete_tensor(struct bd_dlpack *self)
{
	struct tensor *t = self->context;
	struct planted *p = t->owner;
	if (p && p->kind == DLPACK_COPIES)
		free(t->managed.tensor.data);
	if (p && p->kind == DLPACK_FREES_EARLY) {
		free(p->data); /* as if nobody else had it, and the object neither */
		p->data = calloc(1, BYTES);
	}
	if (p)
		p->exports--;
	Py_XDECREF((PyObject *)p);
	free(t);
}

static void drop_tensor(PyObject *capsule)
{
	uintptr_t kind = (uintptr_t)PyCapsule_GetContext(capsule);
	bool unused = PyCapsule_IsValid(capsule, "dltensor");
	if (unused ? kind != DLPACK_UNUSED_KEPT : kind == DLPACK_DELETES_TWICE)
		delete_tensor(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
}

static PyObject *planted_dlpack(PyObject *self, PyObject *none)
{
	(void)none;
	struct planted *p = (struct planted *)self;
	if (p->readonly && p->kind != DLPACK_HIDES_READONLY)
		return PyErr_Format(PyExc_BufferError, "read only");
	struct tensor *t = calloc(1, sizeof *t);
	t->shape = p->n;
	t->managed.tensor = (struct bd_dlpack_tensor){.data = p->kind == DLPACK_COPIES ? copy_of(p) : p->data,
		.device = {BD_DLPACK_CPU, 0},
		.ndim = 1,
		.dtype = {BD_DLPACK_FLOAT, 64, 1},
		.shape = &t->shape};
	t->managed.context = t;
	t->managed.deleter = delete_tensor;
	if (p->kind != DLPACK_NO_REFERENCE) {
		t->owner = (struct planted *)Py_NewRef(self);
		p->exports++;
	}
	PyObject *capsule = PyCapsule_New(&t->managed, "dltensor", drop_tensor);
	if (capsule)
		PyCapsule_SetContext(capsule, (void *)(uintptr_t)p->kind);
	return capsule;
}

/* ---- Arrow */

struct column {
	struct planted *owner;
	const void *buffers[2];
};

static void release_column(struct bd_arrow_array *a)
{
	struct column *c = a->context;
	struct planted *p = c->owner;
	if (p && p->kind == ARROW_COPIES)
		free((void *)(uintptr_t)c->buffers[1]);
	if (p && p->kind == ARROW_FREES_EARLY) {
		free(p->data);
		p->data = calloc(1, BYTES);
	}
	if (p)
		p->exports--;
	Py_XDECREF((PyObject *)p);
	free(c);
	a->release = NULL;
}

static void set_column(struct bd_arrow_array *a, struct planted *p, bool no_reference)
{
	struct column *c = calloc(1, sizeof *c);
	c->buffers[1] = p->kind == ARROW_COPIES ? copy_of(p) : p->data;
	if (!no_reference) {
		c->owner = (struct planted *)Py_NewRef((PyObject *)p);
		p->exports++;
	}
	*a = (struct bd_arrow_array){.length = p->n,
		.n_buffers = 2,
		.buffers = c->buffers,
		.release = release_column,
		.context = c};
}

static void release_schema(struct bd_arrow_schema *s)
{
	s->release = NULL;
}

static void drop_schema(PyObject *capsule)
{
	free(PyCapsule_GetPointer(capsule, "arrow_schema"));
}

static void drop_array(PyObject *capsule)
{
	struct bd_arrow_array *a = PyCapsule_GetPointer(capsule, "arrow_array");
	if (a->release && !PyCapsule_GetContext(capsule))
		a->release(a);
	free(a);
}

static PyObject *planted_array(PyObject *self, PyObject *none)
{
	(void)none;
	struct planted *p = (struct planted *)self;
	struct bd_arrow_schema *s = calloc(1, sizeof *s);
	struct bd_arrow_array *a = calloc(1, sizeof *a);
	*s = (struct bd_arrow_schema){.format = "g", .name = "", .release = release_schema};
	set_column(a, p, p->kind == ARROW_NO_REFERENCE);
	PyObject *array = PyCapsule_New(a, "arrow_array", drop_array);
	if (array && p->kind == ARROW_UNUSED_KEPT)
		PyCapsule_SetContext(array, p);
	return Py_BuildValue("(NN)", PyCapsule_New(s, "arrow_schema", drop_schema), array);
}

struct stream {
	struct bd_arrow_stream stream;
	struct planted *owner;
	int given;
};

static int stream_schema(struct bd_arrow_stream *self, struct bd_arrow_schema *ret)
{
	(void)self;
	*ret = (struct bd_arrow_schema){.format = "g", .name = "", .release = release_schema};
	return 0;
}

static int stream_next(struct bd_arrow_stream *self, struct bd_arrow_array *ret)
{
	struct stream *s = self->context;
	*ret = (struct bd_arrow_array){0};
	if (!s->given++)
		set_column(ret, s->owner, s->owner->kind == STREAM_NO_REFERENCE);
	return 0;
}

static void stream_release(struct bd_arrow_stream *self)
{
	struct stream *s = self->context;
	Py_CLEAR(s->owner);
	self->release = NULL;
}

static void drop_stream(PyObject *capsule)
{
	struct bd_arrow_stream *s = PyCapsule_GetPointer(capsule, "arrow_array_stream");
	if (s->release)
		s->release(s);
	free(s->context);
}

static PyObject *planted_stream(PyObject *self, PyObject *none)
{
	(void)none;
	struct stream *s = calloc(1, sizeof *s);
	s->owner = (struct planted *)Py_NewRef(self);
	s->stream = (struct bd_arrow_stream){.get_schema = stream_schema,
		.get_next = stream_next,
		.release = stream_release,
		.context = s};
	return PyCapsule_New(&s->stream, "arrow_array_stream", drop_stream);
}

/* -------------------------------------------------------------------------------------------------------------------- */

static PyMethodDef planted_methods[] = {
	{"resize", planted_resize, METH_O, ""},
	{"__dlpack__", planted_dlpack, METH_NOARGS, ""},
	{"__arrow_c_array__", planted_array, METH_NOARGS, ""},
	{"__arrow_c_stream__", planted_stream, METH_NOARGS, ""},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot planted_slots[] = {
	{Py_tp_new, planted_new},
	{Py_tp_dealloc, planted_dealloc},
	{Py_tp_methods, planted_methods},
	{Py_bf_getbuffer, planted_getbuffer},
	{Py_bf_releasebuffer, planted_releasebuffer},
	{0, NULL},
};

static PyType_Spec planted_spec = {
	.name = "planted.Planted",
	.basicsize = sizeof(struct planted),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = planted_slots,
};

static int fill(PyObject *module)
{
	PyObject *type = PyType_FromModuleAndSpec(module, &planted_spec, NULL);
	int r = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
	Py_XDECREF(type);
	return r;
}

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, fill},
#if PY_VERSION_HEX >= 0x030d0000
	{Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
	{0, NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "planted",
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit_planted(void);
PyMODINIT_FUNC PyInit_planted(void)
{
	return PyModuleDef_Init(&module);
}
