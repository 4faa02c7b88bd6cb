/* V8: exactly once. */
#include "bd_bench.h"

#include "bd_arrivals.h"

#include <errno.h>

void bd_arrivals_init(struct bd_arrivals *a, unsigned producers)
{
	*a = (struct bd_arrivals){.producers = producers, .next = bd_alloc((producers + 1) * sizeof *a->next)};
}

void bd_arrivals_done(struct bd_arrivals *a)
{
	free(BD_TAKE_PTR(a->next));
}

/* Exclusive or of 0 … n. */
static uint64_t mix_to(uint64_t n)
{
	switch (n & 3) {
	case 0:
		return n;
	case 1:
		return 1;
	case 2:
		return n + 1;
	default:
		return 0;
	}
}

/* What arrives when all is well. */
static void expect(const uint64_t *sent, unsigned producers, struct bd_arrivals *ret)
{
	for (unsigned p = 0; p < producers; p++) {
		uint64_t n = sent[p], base = BD_ARRIVAL(p, 0);
		if (!n)
			continue;
		ret->count += n;
		ret->sum += n * base + (n & 1 ? (n - 1) / 2 * n : n / 2 * (n - 1));
		ret->mix ^= (n & 1 ? base : 0) ^ mix_to(n - 1);
	}
}

static const char hint[] = "what hands the items over is at fault, or its use by several threads";
#define REFUSE(key, ...) bd_error_set(err, -EBADMSG, key, hint, __VA_ARGS__)

static int compare(const struct bd_arrivals *got, const struct bd_arrivals *want, struct bd_error *err)
{
	unsigned long long came = got->count, sent = want->count, strange = got->strange, late = got->late;
	if (strange)
		return REFUSE("altered", "%llu of %llu items that arrived were sent by nobody", strange, came);
	if (came < sent)
		return REFUSE("lost", "%llu of %llu items never arrived", sent - came, sent);
	if (came > sent)
		return REFUSE("repeated", "%llu items were sent and %llu arrived", sent, came);
	if (got->sum != want->sum || got->mix != want->mix)
		return REFUSE("altered", "as many items arrived as were sent, %llu, but others: the sums differ", sent);
	if (late)
		return REFUSE("out-of-order", "%llu of %llu items arrived after one that was sent later", late, came);
	return 0;
}

int bd_arrivals_check(struct bd_work *w, const struct bd_arrivals *const *consumers, size_t n, const uint64_t *sent,
	unsigned producers, struct bd_error *err)
{
	struct bd_arrivals got = {0}, want = {0};
	for (size_t i = 0; i < n; i++) {
		got.count += consumers[i]->count;
		got.sum += consumers[i]->sum;
		got.mix ^= consumers[i]->mix;
		got.strange += consumers[i]->strange;
		got.late += consumers[i]->late;
	}
	expect(sent, producers, &want);
	int r = compare(&got, &want, err);
	if (r < 0)
		w->refused_by = "V8";
	return r;
}

/* ---- the same for cases in Python --------------------------------------------------------------------------- */

struct arrivals_object {
	PyObject_HEAD vectorcallfunc call;
	struct bd_arrivals a;
};

static PyTypeObject arrivals_type;
static PyObject *check_failed; /* exception(check, key, message) */

static PyObject *arrive(PyObject *self, PyObject *const *args, size_t flags, PyObject *names)
{
	struct arrivals_object *o = (struct arrivals_object *)self;
	if (PyVectorcall_NARGS(flags) != 1 || names) {
		PyErr_SetString(PyExc_TypeError, "expected one item");
		return NULL;
	}
	uint64_t item = PyLong_AsUnsignedLongLong(args[0]);
	if (item == (uint64_t)-1 && PyErr_Occurred()) { /* anything but a number was sent by nobody */
		PyErr_Clear();
		item = UINT64_MAX;
	}
	bd_arrivals_add(&o->a, item);
	Py_RETURN_NONE;
}

static PyObject *arrivals_new(PyTypeObject *type, PyObject *args, PyObject *kinds)
{
	const Py_ssize_t most = (Py_ssize_t)1 << (64 - BD_ARRIVAL_POSITION_BITS);
	Py_ssize_t producers;
	(void)kinds;
	if (!PyArg_ParseTuple(args, "n", &producers))
		return NULL;
	if (producers < 0 || producers > most)
		return PyErr_Format(PyExc_ValueError, "there are 0 to %zd producers, not %zd", most, producers);
	struct arrivals_object *o = PyObject_New(struct arrivals_object, type);
	if (!o)
		return NULL;
	o->call = arrive;
	bd_arrivals_init(&o->a, (unsigned)producers);
	return (PyObject *)o;
}

static void arrivals_free(PyObject *self)
{
	bd_arrivals_done(&((struct arrivals_object *)self)->a);
	PyObject_Free(self);
}

static PyTypeObject arrivals_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "benchd.Arrivals",
	.tp_doc = "Arrivals(producers): called with every item that arrives.",
	.tp_basicsize = sizeof(struct arrivals_object),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
	.tp_vectorcall_offset = offsetof(struct arrivals_object, call),
	.tp_call = PyVectorcall_Call,
	.tp_new = arrivals_new,
	.tp_dealloc = arrivals_free,
};

static PyObject *exactly_once(PyObject *module, PyObject *args)
{
	(void)module;
	PyObject *consumers, *sent;
	if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &consumers, &PyList_Type, &sent))
		return NULL;
	size_t n = (size_t)PyList_GET_SIZE(consumers), producers = (size_t)PyList_GET_SIZE(sent);
	bd_auto_free const struct bd_arrivals **all = bd_alloc((n + 1) * sizeof *all);
	bd_auto_free uint64_t *counts = bd_alloc((producers + 1) * sizeof *counts);
	for (size_t i = 0; i < n; i++) {
		PyObject *o = PyList_GET_ITEM(consumers, (Py_ssize_t)i);
		if (!PyObject_TypeCheck(o, &arrivals_type))
			return PyErr_Format(PyExc_TypeError, "consumer %zu is no Arrivals", i);
		all[i] = &((struct arrivals_object *)o)->a;
	}
	for (size_t p = 0; p < producers; p++)
		counts[p] = PyLong_AsUnsignedLongLong(PyList_GET_ITEM(sent, (Py_ssize_t)p));
	if (PyErr_Occurred())
		return NULL;
	struct bd_work w = {0};
	struct bd_error err = {0};
	if (bd_arrivals_check(&w, all, n, counts, (unsigned)producers, &err) == 0)
		Py_RETURN_TRUE;
	bd_auto_py PyObject *why = Py_BuildValue("(sss)", w.refused_by, err.key, err.message);
	if (why)
		PyErr_SetObject(check_failed, why);
	return NULL;
}

static PyObject *live_bytes(PyObject *module, PyObject *none)
{
	(void)module, (void)none;
	int64_t bytes = bd_memory_live_bytes();
	if (bytes == BD_NULL_INT)
		Py_RETURN_NONE;
	return PyLong_FromLongLong(bytes);
}

PyObject *bd_checks_module(void)
{
	static PyMethodDef methods[] = {{"exactly_once", exactly_once, METH_VARARGS,
						"exactly_once(consumers, sent): True, or the cell is invalid by V8."},
		{"live_bytes", live_bytes, METH_NOARGS, "What Python's allocators have given; None: they do not tell."},
		{NULL, NULL, 0, NULL}};
	static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = "benchd_checks", .m_methods = methods};
	if (PyType_Ready(&arrivals_type) < 0)
		return NULL;
	check_failed = PyErr_NewException("benchd.CheckFailed", NULL, NULL);
	PyObject *module = check_failed ? PyModule_Create(&def) : NULL;
	if (!module || PyModule_AddObjectRef(module, "Arrivals", (PyObject *)&arrivals_type) < 0)
		Py_CLEAR(module);
	return module;
}

bool bd_check_exception(struct bd_work *w, struct bd_error *err)
{
	if (!PyErr_ExceptionMatches(check_failed))
		return false;
	PyObject *type, *value, *trace;
	PyErr_Fetch(&type, &value, &trace);
	PyErr_NormalizeException(&type, &value, &trace);
	bd_auto_py PyObject *args = value ? PyObject_GetAttrString(value, "args") : NULL;
	const char *check = NULL, *key = NULL, *message = NULL;
	bool ours = args && PyTuple_Check(args) && PyArg_ParseTuple(args, "sss", &check, &key, &message);
	if (ours) {
		w->refused_by = bd_check_known(check, key, &key);
		bd_error_set(err, -EBADMSG, key, "what hands the items over is at fault, or its use by several threads",
			"%s", message);
	}
	PyErr_Clear();
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return ours;
}
