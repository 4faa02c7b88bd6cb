/* Six, an object of six integers, once per way of keeping its type and its memory; and Walker, whose method Python overrides. */
#include "module.h"

#include <string.h>

struct six {
	PyObject_HEAD long long v[6];
};

static struct six *allocate(PyTypeObject *type)
{
#ifdef BD_CAPI_LIMITED
	return (struct six *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
#else
	return (struct six *)type->tp_alloc(type, 0);
#endif
}

static void give_back(PyTypeObject *type, PyObject *self)
{
#ifdef BD_CAPI_LIMITED
	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
#else
	type->tp_free(self);
#endif
}

/* ---- made and dropped ----------------------------------------------------------------------------------------------- */

static int parse(PyObject *args, PyObject *kwargs, long long v[6])
{
	static char *words[] = {"a", "b", "c", "d", "e", "f", NULL};
	return PyArg_ParseTupleAndKeywords(args, kwargs, "LLLLLL:Six", words, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]);
}

static PyObject *filled(struct six *s, const long long v[6])
{
	if (s)
		memcpy(s->v, v, sizeof s->v);
	return (PyObject *)s;
}

static PyObject *six_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	long long v[6];
	return parse(args, kwargs, v) ? filled(allocate(type), v) : NULL;
}

static void heap_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	give_back(type, self);
	Py_DECREF(type);
}

#ifndef BD_CAPI_LIMITED
static void static_dealloc(PyObject *self)
{
	Py_TYPE(self)->tp_free(self);
}

static void gc_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	heap_dealloc(self);
}

static int gc_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	return 0;
}

static int take(PyObject *const *args, size_t nargsf, long long v[6])
{
	Py_ssize_t n = PyVectorcall_NARGS(nargsf);
	if (n != 6) {
		bd_capi_wrong_count("Six", 6, n);
		return -1;
	}
	for (int i = 0; i < 6; i++) {
		v[i] = PyLong_AsLongLong(args[i]);
		if (v[i] == -1 && PyErr_Occurred())
			return -1;
	}
	return 0;
}

/* Keywords are rare: they go the way of tp_new. */
static PyObject *with_keywords(PyTypeObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
	Py_ssize_t n = PyVectorcall_NARGS(nargsf);
	PyObject *tuple = PyTuple_New(n), *words = PyDict_New(), *made = NULL;
	bool good = tuple && words;
	for (Py_ssize_t i = 0; good && i < n; i++)
		PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
	for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(kwnames); i++)
		good = PyDict_SetItem(words, PyTuple_GET_ITEM(kwnames, i), args[n + i]) == 0;
	if (good)
		made = type->tp_new(type, tuple, words);
	Py_XDECREF(tuple);
	Py_XDECREF(words);
	return made;
}

static PyObject *six_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
	long long v[6];
	if (kwnames && PyTuple_GET_SIZE(kwnames))
		return with_keywords((PyTypeObject *)type, args, nargsf, kwnames);
	return take(args, nargsf, v) < 0 ? NULL : filled(allocate((PyTypeObject *)type), v);
}

/* ---- a free list ------------------------------------------------------------------------------------------------------ */

#ifdef Py_GIL_DISABLED
#define LOCK(list) PyMutex_Lock(&(list)->mutex)
#define UNLOCK(list) PyMutex_Unlock(&(list)->mutex)
#else
#define LOCK(list) (void)(list)
#define UNLOCK(list) (void)(list)
#endif

static struct six *take_free(PyTypeObject *type)
{
	struct bd_capi_free *list = &((struct bd_capi_state *)PyType_GetModuleState(type))->free;
	struct six *s = NULL;
	LOCK(list);
	if (list->n)
		s = list->kept[--list->n];
	UNLOCK(list);
	return s ? (struct six *)PyObject_Init((PyObject *)s, type) : allocate(type);
}

static void free_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	if (type->tp_dealloc != free_dealloc) { /* a subclass, whose objects are larger */
		heap_dealloc(self);
		return;
	}
	struct bd_capi_free *list = &((struct bd_capi_state *)PyType_GetModuleState(type))->free;
	bool kept = false;
	LOCK(list);
	if (list->n < BD_CAPI_FREE_MAX) {
		list->kept[list->n++] = self;
		kept = true;
	}
	UNLOCK(list);
	if (!kept)
		type->tp_free(self);
	Py_DECREF(type);
}

static PyObject *free_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	long long v[6];
	if (!parse(args, kwargs, v))
		return NULL;
	return filled(type->tp_dealloc == free_dealloc ? take_free(type) : allocate(type), v);
}

static PyObject *free_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
	long long v[6];
	if (kwnames && PyTuple_GET_SIZE(kwnames))
		return with_keywords((PyTypeObject *)type, args, nargsf, kwnames);
	return take(args, nargsf, v) < 0 ? NULL : filled(take_free((PyTypeObject *)type), v);
}

void bd_capi_free_clear(struct bd_capi_free *list)
{
	while (list->n)
		PyObject_Free(list->kept[--list->n]);
}
#endif

/* ---- what it can -------------------------------------------------------------------------------------------------------- */

static PyObject *total(PyObject *self, void *closure)
{
	(void)closure;
	const long long *v = ((struct six *)self)->v;
	return PyLong_FromLongLong(bd_kernel_i64_6(v[0], v[1], v[2], v[3], v[4], v[5]));
}

static PyObject *sum(PyObject *self, PyObject *none)
{
	(void)none;
	return total(self, NULL);
}

static Py_ssize_t length(PyObject *self)
{
	(void)self;
	return 6;
}

static PyObject *item(PyObject *self, Py_ssize_t i)
{
	if (i >= 0 && i < 6)
		return PyLong_FromLongLong(((struct six *)self)->v[i]);
	PyErr_SetString(PyExc_IndexError, "a Six has six");
	return NULL;
}

static PyObject *compare(PyObject *self, PyObject *other, int op)
{
	if ((op != Py_EQ && op != Py_NE) ||
		(!PyObject_TypeCheck(other, Py_TYPE(self)) && !PyObject_TypeCheck(self, Py_TYPE(other))))
		Py_RETURN_NOTIMPLEMENTED;
	bool equal = !memcmp(((struct six *)self)->v, ((struct six *)other)->v, sizeof((struct six *)self)->v);
	return PyBool_FromLong(equal == (op == Py_EQ));
}

static PyObject *call(PyObject *self, PyObject *args, PyObject *kwargs)
{
	if ((kwargs && PyDict_Size(kwargs)) || PyTuple_GET_SIZE(args) != 1) {
		PyErr_SetString(PyExc_TypeError, "a Six is called with one argument");
		return NULL;
	}
	long long x = PyLong_AsLongLong(PyTuple_GET_ITEM(args, 0));
	if (x == -1 && PyErr_Occurred())
		return NULL;
	uint64_t sum_ = (uint64_t)x + (uint64_t)((struct six *)self)->v[0];
	return PyLong_FromLongLong((long long)(sum_ & BD_KERNEL_MASK));
}

/* PyMemberDef would do, but a value of the wrong type destroys what was there before it raises. */
static const int places[] = {0, 1, 2, 3, 4, 5};

static PyObject *get(PyObject *self, void *place)
{
	return PyLong_FromLongLong(((struct six *)self)->v[*(const int *)place]);
}

static int set(PyObject *self, PyObject *value, void *place)
{
	if (!value) {
		PyErr_SetString(PyExc_AttributeError, "a Six has six");
		return -1;
	}
	long long x = PyLong_AsLongLong(value);
	if (x == -1 && PyErr_Occurred())
		return -1;
	((struct six *)self)->v[*(const int *)place] = x;
	return 0;
}

static PyGetSetDef properties[] = {
	{"a", get, set, NULL, (void *)&places[0]},
	{"b", get, set, NULL, (void *)&places[1]},
	{"c", get, set, NULL, (void *)&places[2]},
	{"d", get, set, NULL, (void *)&places[3]},
	{"e", get, set, NULL, (void *)&places[4]},
	{"f", get, set, NULL, (void *)&places[5]},
	{"total", total, NULL, "the sum", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef methods[] = {{"sum", sum, METH_NOARGS, "the sum"}, {NULL, NULL, 0, NULL}};

/* ---- its types ------------------------------------------------------------------------------------------------------------ */

#define SIX_SLOTS                                                                                                  \
	{Py_tp_doc, "six integers"}, {Py_tp_getset, properties}, {Py_tp_methods, methods}, {Py_sq_length, length}, \
		{Py_sq_item, item}, {Py_tp_richcompare, compare}, {Py_tp_call, call},                              \
	{                                                                                                          \
		Py_tp_hash, PyObject_HashNotImplemented                                                            \
	}
#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE)

static PyType_Slot heap_slots[] = {SIX_SLOTS, {Py_tp_new, six_new}, {Py_tp_dealloc, heap_dealloc}, {0, NULL}};
static PyType_Spec heap_spec = {BD_CAPI_MODULE ".Six", sizeof(struct six), 0, FLAGS, heap_slots};

#ifndef BD_CAPI_LIMITED
static PyType_Slot gc_slots[] = {SIX_SLOTS, {Py_tp_new, six_new}, {Py_tp_dealloc, gc_dealloc},
	{Py_tp_traverse, gc_traverse}, {0, NULL}};
static PyType_Spec gc_spec = {BD_CAPI_MODULE ".Six_gc", sizeof(struct six), 0, FLAGS | Py_TPFLAGS_HAVE_GC, gc_slots};

static PyType_Slot free_slots[] = {SIX_SLOTS, {Py_tp_new, free_new}, {Py_tp_dealloc, free_dealloc}, {0, NULL}};
static PyType_Spec free_spec = {BD_CAPI_MODULE ".Six_freelist", sizeof(struct six), 0, FLAGS, free_slots};

static PySequenceMethods sequence = {.sq_length = length, .sq_item = item};
static PyTypeObject static_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = BD_CAPI_MODULE ".Six_static",
	.tp_basicsize = sizeof(struct six),
	.tp_flags = FLAGS,
	.tp_doc = "six integers",
	.tp_getset = properties,
	.tp_methods = methods,
	.tp_as_sequence = &sequence,
	.tp_richcompare = compare,
	.tp_call = call,
	.tp_hash = PyObject_HashNotImplemented,
	.tp_new = six_new,
	.tp_dealloc = static_dealloc,
	.tp_vectorcall = six_vectorcall,
};
#endif

#define PARAMS_six_batch(X) X(0, N, n)
BD_CAPI_BODY(six_batch)
{
	PyTypeObject *type = bd_capi_state(module)->six;
	PyObject *list = PyList_New(n);
	for (Py_ssize_t i = 0; list && i < n; i++) {
		struct six *s = allocate(type);
		if (!s) {
			Py_CLEAR(list);
			break;
		}
		for (int k = 0; k < 6; k++)
			s->v[k] = i + k;
		PyList_SET_ITEM(list, i, (PyObject *)s);
	}
	bd_kernel_fail(0);
	return list;
}
BD_CAPI_FUNCTION_1(six_batch)

/* ---- Walker --------------------------------------------------------------------------------------------------------------- */

static PyObject *step(PyObject *self, PyObject *k_object)
{
	(void)self;
	long long k = PyLong_AsLongLong(k_object);
	if (k == -1 && PyErr_Occurred())
		return NULL;
	return PyLong_FromUnsignedLongLong(((uint64_t)k + 1) & BD_KERNEL_MASK);
}

static PyMethodDef walker_methods[] = {{"step", step, METH_O, "k + 1; made to be overridden"}, {NULL, NULL, 0, NULL}};
static PyType_Slot walker_slots[] = {{Py_tp_doc, "calls its own step()"}, {Py_tp_methods, walker_methods}, {0, NULL}};
static PyType_Spec walker_spec = {BD_CAPI_MODULE ".Walker", sizeof(PyObject), 0, FLAGS, walker_slots};

struct walk {
	PyObject *walker, *name;
};

static uint64_t walk_one(void *arg, uint64_t x)
{
	const struct walk *w = arg;
	PyObject *k = PyLong_FromUnsignedLongLong(x);
	if (!k)
		return BD_KERNEL_STOP;
	PyObject *result = PyObject_CallMethodOneArg(w->walker, w->name, k);
	Py_DECREF(k);
	return bd_capi_number_of(result);
}

#define PARAMS_run_virtual(X) X(0, O, obj) X(1, I, k) X(2, N, n)
BD_CAPI_BODY(run_virtual)
{
	struct bd_capi_state *state = bd_capi_state(module);
	if (!PyObject_TypeCheck(obj, state->walker)) {
		PyErr_SetString(PyExc_TypeError, "expected a Walker");
		return NULL;
	}
	struct walk w = {obj, state->names[BD_CAPI_NAME_step]};
	uint64_t after = bd_kernel_callback((uint64_t)k & BD_KERNEL_MASK, (uint64_t)n, walk_one, &w);
	return after == BD_KERNEL_STOP ? NULL : PyLong_FromUnsignedLongLong(after);
}
BD_CAPI_FUNCTION(run_virtual)

struct bd_capi_function bd_capi_objects[] = {
	BD_CAPI_ROW_1(six_batch, "a list of n objects, the first one Six(0, 1, 2, 3, 4, 5)"),
	BD_CAPI_ROW(run_virtual, "calls obj.step(k) n times"),
	BD_CAPI_END,
};

/* ---- into the module -------------------------------------------------------------------------------------------------------- */

static PyTypeObject *make(PyObject *module, PyType_Spec *spec)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
}

int bd_capi_objects_make(PyObject *module, PyObject *classes)
{
	struct bd_capi_state *state = bd_capi_state(module);
	state->six = make(module, &heap_spec);
	state->walker = make(module, &walker_spec);
	if (!state->six || !state->walker || PyDict_SetItemString(classes, "Six", (PyObject *)state->six) < 0 ||
		PyDict_SetItemString(classes, "Walker", (PyObject *)state->walker) < 0)
		return -1;
#ifndef BD_CAPI_LIMITED
	state->six_gc = make(module, &gc_spec);
	state->six_freelist = make(module, &free_spec);
	if (!state->six_gc || !state->six_freelist)
		return -1;
	state->six->tp_vectorcall = state->six_gc->tp_vectorcall = six_vectorcall;
	state->six_freelist->tp_vectorcall = free_vectorcall;
	if (PyDict_SetItemString(classes, "Six_gc", (PyObject *)state->six_gc) < 0 ||
		PyDict_SetItemString(classes, "Six_freelist", (PyObject *)state->six_freelist) < 0)
		return -1;
	/* Interpreters would share it, and the counts of its references. */
	if (PyInterpreterState_Get() == PyInterpreterState_Main() &&
		(PyType_Ready(&static_type) < 0 ||
			PyDict_SetItemString(classes, "Six_static", (PyObject *)&static_type) < 0))
		return -1;
#endif
	return 0;
}
