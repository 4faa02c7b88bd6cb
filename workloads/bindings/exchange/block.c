/* Who gives: a Block of doubles that offers its memory by every protocol, and refuses to be resized while anybody has it;
 * Batches, the same memory as a stream of record batches. */
#include "exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64 /* what Arrow recommends */

struct block {
	PyObject_HEAD double *data;
	Py_ssize_t n, stride, exports;
	bool readonly;
};

struct batches {
	PyObject_HEAD struct block *block;
	Py_ssize_t count;
};

/* The last of many may give it back on a thread of its own. */
static void count_export(struct block *b, Py_ssize_t by)
{
	__atomic_add_fetch(&b->exports, by, __ATOMIC_RELAXED);
}

static Py_ssize_t exports(const struct block *b)
{
	return __atomic_load_n(&b->exports, __ATOMIC_RELAXED);
}

/* First it is counted, then looked at: resize(), which looks whether anybody has it and replaces it in one critical section, has
 * either been before, or leaves it as it is. */
static void hold(struct block *b)
{
	Py_BEGIN_CRITICAL_SECTION(b);
	count_export(b, 1);
	Py_END_CRITICAL_SECTION();
}

static PyObject *lend(struct block *b)
{
	hold(b);
	return Py_NewRef((PyObject *)b);
}

/* From a deleter: any thread, with the GIL or without. */
static void lent(PyObject *o)
{
	if (!Py_IsInitialized())
		return;
	PyGILState_STATE state = PyGILState_Ensure();
	count_export((struct block *)o, -1);
	Py_DECREF(o);
	PyGILState_Release(state);
}

static double *allocate(Py_ssize_t n)
{
	size_t bytes = (size_t)n * sizeof(double);
	return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT);
}

/* ---- DLPack --------------------------------------------------------------------------------------------------------- */

struct tensor { /* one allocation for all that must live until the deleter is called */
	union {
		struct bd_dlpack old;
		struct bd_dlpack_versioned versioned;
	} managed;
	PyObject *owner;
	int64_t shape, stride;
};

static void delete_tensor(struct bd_dlpack *self)
{
	struct tensor *t = self->context;
	lent(t->owner);
	free(t);
}

static void delete_versioned(struct bd_dlpack_versioned *self)
{
	struct tensor *t = self->context;
	lent(t->owner);
	free(t);
}

/* A capsule that nobody took. */
static void drop_tensor(PyObject *capsule)
{
	if (PyCapsule_IsValid(capsule, "dltensor"))
		delete_tensor(PyCapsule_GetPointer(capsule, "dltensor"));
	else if (PyCapsule_IsValid(capsule, "dltensor_versioned"))
		delete_versioned(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
}

static PyObject *new_tensor(struct block *b, bool versioned)
{
	struct tensor *t = calloc(1, sizeof *t);
	if (!t)
		return PyErr_NoMemory();
	t->owner = lend(b);
	t->shape = b->n;
	t->stride = 1;
	struct bd_dlpack_tensor tensor = {.data = b->data,
		.device = {BD_DLPACK_CPU, 0},
		.ndim = 1,
		.dtype = {BD_DLPACK_FLOAT, 64, 1},
		.shape = &t->shape,
		.strides = &t->stride};
	PyObject *capsule;
	if (versioned) {
		t->managed.versioned = (struct bd_dlpack_versioned){{1, 0}, t, delete_versioned,
			b->readonly ? BD_DLPACK_READONLY : 0, tensor};
		capsule = PyCapsule_New(&t->managed.versioned, "dltensor_versioned", drop_tensor);
	} else {
		t->managed.old = (struct bd_dlpack){tensor, t, delete_tensor};
		capsule = PyCapsule_New(&t->managed.old, "dltensor", drop_tensor);
	}
	if (!capsule) {
		lent(t->owner);
		free(t);
	}
	return capsule;
}

static PyObject *block_dlpack(PyObject *self, PyObject *args, PyObject *words)
{
	static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
	struct block *b = (struct block *)self;
	PyObject *stream = Py_None, *version = Py_None, *device = Py_None, *copy = Py_None;
	if (!PyArg_ParseTupleAndKeywords(args, words, "|$OOOO", names, &stream, &version, &device, &copy))
		return NULL;
	long major = 0, minor = 0, type = BD_DLPACK_CPU, id = 0;
	if (version != Py_None && !PyArg_ParseTuple(version, "ll", &major, &minor))
		return NULL;
	if (device != Py_None && !PyArg_ParseTuple(device, "ll", &type, &id))
		return NULL;
	if (stream != Py_None || type != BD_DLPACK_CPU || id != 0 || copy == Py_True)
		return PyErr_Format(PyExc_BufferError,
			"a Block is the processor's, has no stream, and makes no copies");
	if (b->readonly && major < 1)
		return PyErr_Format(PyExc_BufferError, "before DLPack 1.0 nothing says that memory is read only");
	return new_tensor(b, major >= 1);
}

static PyObject *block_dlpack_device(PyObject *self, PyObject *none)
{
	(void)self, (void)none;
	return Py_BuildValue("(ii)", BD_DLPACK_CPU, 0);
}

/* ---- Arrow ---------------------------------------------------------------------------------------------------------- */

struct schema {
	struct bd_arrow_schema child, *children[1];
};

static void release_schema(struct bd_arrow_schema *s)
{
	struct schema *own = s->context;
	if (own && own->child.release)
		own->child.release(&own->child);
	free(own);
	s->release = NULL;
}

static void set_schema(struct bd_arrow_schema *s, const char *name)
{
	*s = (struct bd_arrow_schema){.format = "g", .name = name, .release = release_schema};
}

/* A record batch with the one column "values". */
static int set_batch_schema(struct bd_arrow_schema *s)
{
	struct schema *own = calloc(1, sizeof *own);
	if (!own)
		return ENOMEM;
	set_schema(&own->child, "values");
	own->children[0] = &own->child;
	*s = (struct bd_arrow_schema){.format = "+s",
		.name = "",
		.n_children = 1,
		.children = own->children,
		.release = release_schema,
		.context = own};
	return 0;
}

struct column {
	PyObject *owner;
	const void *buffers[2];
};

static void release_column(struct bd_arrow_array *a)
{
	struct column *own = a->context;
	lent(own->owner);
	free(own);
	a->release = NULL;
}

static int set_column(struct bd_arrow_array *a, struct block *b, Py_ssize_t first, Py_ssize_t n)
{
	struct column *own = malloc(sizeof *own);
	if (!own)
		return ENOMEM;
	own->owner = lend(b);
	own->buffers[0] = NULL;
	own->buffers[1] = b->data + first;
	*a = (struct bd_arrow_array){.length = n,
		.n_buffers = 2,
		.buffers = own->buffers,
		.release = release_column,
		.context = own};
	return 0;
}

struct batch { /* the child has an allocation of its own: it may be moved away and live longer */
	const void *buffers[1];
	struct bd_arrow_array child, *children[1];
};

static void release_batch(struct bd_arrow_array *a)
{
	struct batch *own = a->context;
	if (own->child.release)
		own->child.release(&own->child);
	free(own);
	a->release = NULL;
}

static int set_batch(struct bd_arrow_array *a, struct block *b, Py_ssize_t first, Py_ssize_t n)
{
	struct batch *own = calloc(1, sizeof *own);
	if (!own || set_column(&own->child, b, first, n)) {
		free(own);
		return ENOMEM;
	}
	own->children[0] = &own->child;
	*a = (struct bd_arrow_array){.length = n,
		.n_buffers = 1,
		.n_children = 1,
		.buffers = own->buffers,
		.children = own->children,
		.release = release_batch,
		.context = own};
	return 0;
}

#define DROP(NAME, STRUCT, CAPSULE)                                 \
	static void NAME(PyObject *capsule)                         \
	{                                                           \
		STRUCT *s = PyCapsule_GetPointer(capsule, CAPSULE); \
		if (s && s->release)                                \
			s->release(s);                              \
		free(s);                                            \
	}
DROP(drop_schema, struct bd_arrow_schema, "arrow_schema")
DROP(drop_array, struct bd_arrow_array, "arrow_array")
DROP(drop_stream, struct bd_arrow_stream, "arrow_array_stream")
#undef DROP

/* An empty struct in a capsule; its destructor frees it, and releases what is in it by then. */
static PyObject *capsule_of(size_t size, const char *name, PyCapsule_Destructor drop, void *ret_struct)
{
	void *s = calloc(1, size);
	PyObject *capsule = s ? PyCapsule_New(s, name, drop) : PyErr_NoMemory();
	if (!capsule)
		free(s);
	*(void **)ret_struct = s;
	return capsule;
}

static PyObject *block_arrow_schema(PyObject *self, PyObject *none)
{
	(void)self, (void)none;
	struct bd_arrow_schema *s;
	PyObject *capsule = capsule_of(sizeof *s, "arrow_schema", drop_schema, &s);
	if (capsule)
		set_schema(s, "");
	return capsule;
}

/* requested_schema may be ignored by those who cannot convert. */
static int only_schema(PyObject *args, PyObject *words)
{
	static char *names[] = {"requested_schema", NULL};
	PyObject *schema;
	return PyArg_ParseTupleAndKeywords(args, words, "|O", names, &schema) ? 0 : -1;
}

static PyObject *block_arrow_array(PyObject *self, PyObject *args, PyObject *words)
{
	if (only_schema(args, words) < 0)
		return NULL;
	struct bd_arrow_array *a;
	struct block *b = (struct block *)self;
	PyObject *schema = block_arrow_schema(self, NULL);
	PyObject *array = schema ? capsule_of(sizeof *a, "arrow_array", drop_array, &a) : NULL;
	hold(b);
	if (array && set_column(a, b, 0, b->n)) {
		Py_CLEAR(array);
		PyErr_NoMemory();
	}
	count_export(b, -1);
	PyObject *pair = array ? PyTuple_Pack(2, schema, array) : NULL;
	Py_XDECREF(array);
	Py_XDECREF(schema);
	return pair;
}

struct stream {
	struct block *block; /* lent */
	Py_ssize_t count, next;
};

static int stream_schema(struct bd_arrow_stream *self, struct bd_arrow_schema *ret)
{
	(void)self;
	return set_batch_schema(ret);
}

/* Called with the GIL, as all of ours is. */
static int stream_next(struct bd_arrow_stream *self, struct bd_arrow_array *ret)
{
	struct stream *s = self->context;
	if (s->next == s->count) {
		*ret = (struct bd_arrow_array){0};
		return 0;
	}
	Py_ssize_t each = s->block->n / s->count, first = s->next++ * each;
	PyGILState_STATE state = PyGILState_Ensure();
	int r = set_batch(ret, s->block, first, s->next == s->count ? s->block->n - first : each);
	PyGILState_Release(state);
	return r;
}

static const char *stream_error(struct bd_arrow_stream *self)
{
	(void)self;
	return "no memory";
}

static void stream_release(struct bd_arrow_stream *self)
{
	struct stream *s = self->context;
	lent((PyObject *)s->block);
	free(s);
	self->release = NULL;
}

static PyObject *batches_stream(PyObject *self, PyObject *args, PyObject *words)
{
	if (only_schema(args, words) < 0)
		return NULL;
	struct batches *b = (struct batches *)self;
	struct bd_arrow_stream *s;
	PyObject *capsule = capsule_of(sizeof *s, "arrow_array_stream", drop_stream, &s);
	struct stream *own = capsule ? malloc(sizeof *own) : NULL;
	if (!own) {
		Py_XDECREF(capsule);
		return PyErr_NoMemory();
	}
	*own = (struct stream){(struct block *)lend(b->block), b->count, 0};
	*s = (struct bd_arrow_stream){stream_schema, stream_next, stream_error, stream_release, own};
	return capsule;
}

static void batches_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	Py_DECREF(((struct batches *)self)->block);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyObject *batches_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
	static char *names[] = {"block", "count", NULL};
	PyObject *block;
	Py_ssize_t count;
	if (!PyArg_ParseTupleAndKeywords(args, words, "On", names, &block, &count))
		return NULL;
	const struct bd_exchange_state *state = PyType_GetModuleState(type);
	if (!state || !PyObject_TypeCheck(block, (PyTypeObject *)state->block))
		return PyErr_Format(PyExc_TypeError, "Batches are those of a Block");
	if (count < 1 || count > ((struct block *)block)->n)
		return PyErr_Format(PyExc_ValueError, "a batch has at least one value");
	struct batches *b = (struct batches *)type->tp_alloc(type, 0);
	if (!b)
		return NULL;
	b->block = (struct block *)Py_NewRef(block);
	b->count = count;
	return (PyObject *)b;
}

/* ---- Block ---------------------------------------------------------------------------------------------------------- */

static PyObject *block_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
	static char *names[] = {"data", "readonly", NULL};
	Py_buffer from;
	int readonly = 0;
	if (!PyArg_ParseTupleAndKeywords(args, words, "y*|$p", names, &from, &readonly))
		return NULL;
	struct block *b = NULL;
	if (from.len % (Py_ssize_t)sizeof(double))
		PyErr_SetString(PyExc_ValueError, "a Block has whole doubles");
	else
		b = (struct block *)type->tp_alloc(type, 0);
	if (b) {
		b->n = from.len / (Py_ssize_t)sizeof(double);
		b->stride = sizeof(double);
		b->readonly = readonly;
		b->data = allocate(b->n);
		if (b->data) {
			memcpy(b->data, from.buf, (size_t)from.len);
		} else {
			Py_CLEAR(b);
			PyErr_NoMemory();
		}
	}
	PyBuffer_Release(&from);
	return (PyObject *)b;
}

static void block_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	free(((struct block *)self)->data);
	type->tp_free(self);
	Py_DECREF(type);
}

static int block_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
	struct block *b = (struct block *)self;
	hold(b);
	if (PyBuffer_FillInfo(view, self, b->data, b->n * b->stride, b->readonly, flags) < 0) {
		count_export(b, -1);
		return -1;
	}
	if (flags & PyBUF_ND) {
		view->itemsize = b->stride;
		view->shape = &b->n;
	}
	if (flags & PyBUF_FORMAT) {
		view->itemsize = b->stride;
		view->format = "d";
	}
	if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES)
		view->strides = &b->stride;
	return 0;
}

static void block_releasebuffer(PyObject *self, Py_buffer *view)
{
	(void)view;
	count_export((struct block *)self, -1);
}

/* NULL with an exception, else None, borrowed. */
static PyObject *resize(struct block *b, Py_ssize_t n)
{
	if (exports(b))
		return PyErr_Format(PyExc_BufferError, "its memory is in use elsewhere: it cannot be resized");
	double *data = allocate(n);
	if (!data)
		return PyErr_NoMemory();
	Py_ssize_t kept = n < b->n ? n : b->n;
	memcpy(data, b->data, (size_t)kept * sizeof *data);
	memset(data + kept, 0, (size_t)(n - kept) * sizeof *data);
	free(b->data);
	b->data = data;
	b->n = n;
	return Py_None;
}

static PyObject *block_resize(PyObject *self, PyObject *n_object)
{
	Py_ssize_t n = PyNumber_AsSsize_t(n_object, PyExc_OverflowError);
	PyObject *done;
	if (n == -1 && PyErr_Occurred())
		return NULL;
	if (n < 0 || n > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(double) - ALIGNMENT)
		return PyErr_Format(PyExc_ValueError, "not a number of doubles");
	Py_BEGIN_CRITICAL_SECTION(self);
	done = resize((struct block *)self, n);
	Py_END_CRITICAL_SECTION();
	return Py_XNewRef(done);
}

/* Whoever has only this keeps the object, not its memory: the protocol has no way to say when it is done. */
static PyObject *block_interface(PyObject *self, void *none)
{
	(void)none;
	struct block *b = (struct block *)self;
	PyObject *data = PyLong_FromVoidPtr(b->data);
	return data ? Py_BuildValue("{s:i,s:(n),s:s,s:(NO)}", "version", 3, "shape", b->n, "typestr", "<f8", "data",
			      data, b->readonly ? Py_True : Py_False)
		    : NULL;
}

static PyObject *block_exports(PyObject *self, void *none)
{
	(void)none;
	return PyLong_FromSsize_t(exports((struct block *)self));
}

static PyMethodDef block_methods[] = {
	{"resize", block_resize, METH_O, "resize(n): to n doubles; BufferError while its memory is in use elsewhere"},
	{"__dlpack__", (PyCFunction)(void (*)(void))block_dlpack, METH_VARARGS | METH_KEYWORDS,
		"a capsule of a tensor"},
	{"__dlpack_device__", block_dlpack_device, METH_NOARGS, "(1, 0), the processor"},
	{"__arrow_c_schema__", block_arrow_schema, METH_NOARGS, "a capsule of a schema"},
	{"__arrow_c_array__", (PyCFunction)(void (*)(void))block_arrow_array, METH_VARARGS | METH_KEYWORDS,
		"capsules of a schema and an array"},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef block_members[] = {
	{"__array_interface__", block_interface, NULL, "version 3 of the array interface", NULL},
	{"exports", block_exports, NULL, "how many have its memory", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot block_slots[] = {
	{Py_tp_doc, "Block(data, *, readonly=False): doubles, offered by every protocol"},
	{Py_tp_new, block_new},
	{Py_tp_dealloc, block_dealloc},
	{Py_tp_methods, block_methods},
	{Py_tp_getset, block_members},
	{Py_bf_getbuffer, block_getbuffer},
	{Py_bf_releasebuffer, block_releasebuffer},
	{0, NULL},
};

static PyType_Spec block_spec = {
	.name = "bdb_exchange.Block",
	.basicsize = sizeof(struct block),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = block_slots,
};

static PyMethodDef batches_methods[] = {
	{"__arrow_c_stream__", (PyCFunction)(void (*)(void))batches_stream, METH_VARARGS | METH_KEYWORDS,
		"a capsule of a stream of record batches"},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot batches_slots[] = {
	{Py_tp_doc, "Batches(block, count): its memory as so many record batches with one column"},
	{Py_tp_new, batches_new},
	{Py_tp_dealloc, batches_dealloc},
	{Py_tp_methods, batches_methods},
	{0, NULL},
};

static PyType_Spec batches_spec = {
	.name = "bdb_exchange.Batches",
	.basicsize = sizeof(struct batches),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = batches_slots,
};

int bd_exchange_add_block(PyObject *module)
{
	struct bd_exchange_state *state = PyModule_GetState(module);
	PyObject *batches = PyType_FromModuleAndSpec(module, &batches_spec, NULL);
	state->block = PyType_FromModuleAndSpec(module, &block_spec, NULL);
	int r = batches && state->block && PyModule_AddType(module, (PyTypeObject *)batches) == 0
		? PyModule_AddType(module, (PyTypeObject *)state->block)
		: -1;
	Py_XDECREF(batches);
	return r;
}
