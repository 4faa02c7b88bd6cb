/* Cases written in Python, behind the same descriptor as those in C. */
#include "bd_bench.h"

#include <errno.h>

struct functions {
	PyObject *setup, *verify, *teardown, *enter, *first, *exporter, *view, *copies, *notes; /* NULL = it has none */
	PyObject *run, *call, *loop;                                                            /* one of them */
	PyObject *needs, *native_calls;
	bool verify_start; /* verify takes where k began, too */
};

struct state {
	PyObject *value;  /* what setup returned */
	PyObject *run;    /* with a code object of this cell's own */
	PyObject *firsts; /* where k began, by the thread's start */
	struct bd_call call;
	bool in_c; /* the loop is ours */
};

static PyObject *axes_dict(const struct bd_work *w)
{
	PyObject *d = PyDict_New();
	for (size_t i = 0; d && i < w->axes->n; i++) {
		bd_auto_py PyObject *v = PyUnicode_FromString(w->axes->v[i].value);
		if (!v || PyDict_SetItemString(d, w->axes->v[i].key, v) < 0)
			Py_CLEAR(d);
	}
	for (size_t i = 0; d && i < w->desc->params_len; i++) {
		const char *name = w->desc->params[i].name;
		bd_auto_py PyObject *v = PyUnicode_FromString(bd_work_param(w, name));
		if (!v || PyDict_SetItemString(d, name, v) < 0)
			Py_CLEAR(d);
	}
	return d;
}

static int make_loop(struct bd_work *w, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	struct state *s = w->state;
	const char *caller = bd_map_get(w->axes, "caller"), *unroll = bd_work_param(w, "unroll");
	bool in_c = bd_streq(caller, "c");
	if (in_c && !f->call)
		return bd_error_set(err, -ENOTSUP, "caller", "use caller=python",
			"%s is more than one call: only bytecode does it", w->desc->name);
	if (in_c && w->threads > 1)
		return bd_error_set(err, -ENOTSUP, "caller", "use caller=python",
			"a loop of C never lets another thread have the GIL");
	if (f->run) {
		bd_auto_py PyObject *fresh = PyTuple_Pack(1, f->run);
		s->run = fresh ? bd_library_call("fresh", fresh) : NULL;
		return s->run ? 0 : bd_py_error_set(err, "bad-case");
	}
	w->per_turn = unroll ? (unsigned)BD_MAX(atoi(unroll), 1) : BD_CALL_UNROLL;
	bd_auto_py PyObject *given = PyObject_CallOneArg(f->call ? f->call : f->loop, s->value);
	if (!given)
		return bd_library_error_set(err, "exception");
	if (f->loop)
		return bd_call_compile_statement(w, given, err);
	int r = bd_call_read(given, &s->call, err);
	s->in_c = in_c;
	if (in_c && !s->call.kernel)
		w->per_turn = 1; /* the loop of C needs no unrolling */
	if (r == 0 && s->call.kernel && !in_c)
		return bd_error_set(err, -ENOTSUP, "caller", "use caller=c", "it is no function of Python's");
	return r < 0 || in_c ? r : bd_call_compile(w, &s->call, err);
}

/* What the case needs of the binding, and how often that calls the kernel. */
static int require(struct bd_work *w, PyObject *axes, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	if (w->functions) {
		bd_auto_py PyObject *args = PyTuple_Pack(3, w->functions, f->needs, axes);
		bd_auto_py PyObject *none = args ? bd_library_call("require", args) : NULL;
		if (!none)
			return bd_library_error_set(err, "bad-case");
	}
	bd_auto_py PyObject *args = PyTuple_Pack(2, f->native_calls, axes);
	bd_auto_py PyObject *calls = args ? bd_library_call("calls", args) : NULL;
	long n = calls ? PyLong_AsLong(calls) : -1;
	if (PyErr_Occurred())
		return bd_py_error_set(err, "bad-case");
	if (n < 0 || n > 1000000)
		return bd_error_set(err, -EINVAL, "bad-case", "", "native_calls of %s is %ld", w->desc->name, n);
	w->native_calls = (unsigned)n;
	return 0;
}

static int setup(struct bd_work *w, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	if (w->desc->shape == BD_SHAPE_ITERATIONS && w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "%s has one thread", w->desc->name);
	struct state *s = bd_alloc(sizeof *s);
	w->state = s;
	s->firsts = PyDict_New();
	bd_auto_py PyObject *axes = s->firsts ? axes_dict(w) : NULL;
	if (!axes)
		return bd_py_error_set(err, "internal");
	int r = require(w, axes, err);
	if (r < 0)
		return r;
	if (f->setup) {
		bd_auto_py PyObject *args = Py_BuildValue("(OiKO)", axes, w->threads, (unsigned long long)w->steps,
			w->functions ? w->functions : Py_None);
		bd_auto_py PyObject *cell = args ? bd_library_call("cell", args) : NULL;
		s->value = cell ? PyObject_CallOneArg(f->setup, cell) : NULL;
		if (!s->value)
			return bd_library_error_set(err, "exception");
	} else {
		s->value = Py_NewRef(Py_None);
	}
	return make_loop(w, err);
}

static int enter(struct bd_work *w, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	bd_auto_py PyObject *none = PyObject_CallOneArg(f->enter, ((const struct state *)w->state)->value);
	return none ? 0 : bd_py_error_set(err, "exception");
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k)
{
	const struct functions *f = w->desc->data;
	const struct state *s = w->state;
	if (s->run) {
		PyObject *args[] = {ticks, s->value};
		return PyObject_Vectorcall(s->run, args, BD_LEN(args), NULL);
	}
	bd_auto_py PyObject *first = f->first ? PyObject_CallFunctionObjArgs(f->first, s->value, k, NULL)
					      : Py_NewRef(k);
	if (!first || PyDict_SetItem(s->firsts, k, first) < 0)
		return NULL;
	if (!s->in_c)
		return bd_loop_run(w, ticks, first);
	return (s->call.kernel ? bd_call_run_kernel : bd_call_run)(w, &s->call, ticks, first);
}

static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	const struct state *s = w->state;
	PyObject *first = PyDict_GetItem(s->firsts, start);
	bd_auto_py PyObject *n = PyLong_FromUnsignedLongLong(ops);
	bd_auto_py PyObject *answer = n ? PyObject_CallFunctionObjArgs(f->verify, s->value, result, n,
						  f->verify_start ? (first ? first : start) : NULL, NULL)
					: NULL;
	int right = answer ? PyObject_IsTrue(answer) : -1;
	if (right == 1)
		return 0;
	if (right < 0 && bd_check_exception(w, err))
		return -EBADMSG;
	bd_auto_free char *text = right < 0 ? bd_py_error() : NULL;
	return bd_error_set(err, -EBADMSG, "wrong-result", "", "verify() of %s %s %s", w->desc->name,
		text ? "raised" : "says the result is wrong", text ? text : "");
}

static PyObject *exporter(struct bd_work *w)
{
	const struct functions *f = w->desc->data;
	return PyObject_CallOneArg(f->exporter, ((const struct state *)w->state)->value);
}

static PyObject *view(struct bd_work *w, PyObject *of)
{
	const struct functions *f = w->desc->data;
	return PyObject_CallFunctionObjArgs(f->view, ((const struct state *)w->state)->value, of, NULL);
}

static int copies(struct bd_work *w)
{
	const struct functions *f = w->desc->data;
	bd_auto_py PyObject *answer = PyObject_CallOneArg(f->copies, ((const struct state *)w->state)->value);
	return answer ? PyObject_IsTrue(answer) : -1;
}

/* [(key, text)] of notes(state). */
static void notes(struct bd_work *w, struct bd_reason **ret, size_t *ret_n)
{
	const struct functions *f = w->desc->data;
	const struct state *s = w->state;
	bd_auto_py PyObject *given = PyObject_CallOneArg(f->notes, s->value);
	bd_auto_py PyObject *list = given ? PySequence_List(given) : NULL;
	for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) {
		const char *key, *said;
		if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "ss", &key, &said))
			break;
		bd_note_add(ret, ret_n, key, "", "%s", said);
	}
	if (PyErr_Occurred()) {
		bd_auto_free char *failure = bd_py_error();
		bd_wire_log_nogil("warn", "notes() of %s raised %s", w->desc->name, failure);
	}
}

static void teardown(struct bd_work *w)
{
	const struct functions *f = w->desc->data;
	struct state *s = w->state;
	if (!s)
		return;
	if (f->teardown && s->value) {
		bd_auto_py PyObject *none = PyObject_CallOneArg(f->teardown, s->value);
		if (!none) {
			bd_auto_free char *text = bd_py_error();
			bd_wire_log_nogil("warn", "teardown() of %s raised %s", w->desc->name, text);
		}
	}
	Py_CLEAR(s->value);
	Py_CLEAR(s->run);
	Py_CLEAR(s->firsts);
	bd_call_done(&s->call);
	free(s);
	w->state = NULL;
}

/* Tuples of (name, summary, values) → params; lives as long as the process, as everything of a case does. */
int bd_pycase_params(PyObject *tuples, struct bd_case *c, struct bd_error *err)
{
	size_t n = (size_t)PyTuple_GET_SIZE(tuples);
	struct bd_param *params = bd_alloc((n + 1) * sizeof *params);
	for (size_t i = 0; i < n; i++) {
		const char *name, *summary;
		PyObject *values;
		if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tuples, i), "ssO!", &name, &summary, &PyTuple_Type, &values))
			return bd_py_error_set(err, "bad-case");
		size_t count = (size_t)PyTuple_GET_SIZE(values);
		if (!count)
			return bd_error_set(err, -EINVAL, "bad-case", "", "its parameter %s has no values", name);
		const char **list = bd_alloc(count * sizeof *list);
		for (size_t v = 0; v < count; v++) {
			const char *value = PyUnicode_AsUTF8(PyTuple_GET_ITEM(values, (Py_ssize_t)v));
			if (!value)
				return bd_py_error_set(err, "bad-case");
			list[v] = bd_strdup(value);
		}
		params[i] = (struct bd_param){bd_strdup(name), bd_strdup(summary), list, count};
	}
	c->params = params;
	c->params_len = n;
	return 0;
}

static bool flag(PyObject *about, const char *name)
{
	PyObject *o = PyDict_GetItemString(about, name);
	return o && PyObject_IsTrue(o) == 1;
}

static PyObject *kept(PyObject *about, const char *name)
{
	PyObject *o = PyDict_GetItemString(about, name);
	return o && o != Py_None ? Py_NewRef(o) : NULL;
}

static const char *text(PyObject *about, const char *name)
{
	PyObject *o = PyDict_GetItemString(about, name);
	const char *s = o && PyUnicode_Check(o) ? PyUnicode_AsUTF8(o) : NULL;
	return s ? s : "";
}

static int list_needs(PyObject *about, struct bd_case *c, struct bd_error *err)
{
	bd_auto_py PyObject *args = PyTuple_Pack(1, about);
	bd_auto_py PyObject *names = args ? bd_library_call("default_needs", args) : NULL;
	if (!names)
		return bd_py_error_set(err, "bad-case");
	size_t n = (size_t)PyTuple_GET_SIZE(names);
	const char **list = bd_alloc((n + 1) * sizeof *list);
	for (size_t i = 0; i < n; i++) {
		const char *name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, (Py_ssize_t)i));
		if (!name)
			return bd_py_error_set(err, "bad-case");
		list[i] = bd_strdup(name);
	}
	c->needs = list;
	c->needs_len = n;
	return 0;
}

int bd_pycase_new(PyObject *about, struct bd_case **ret, struct bd_error *err)
{
	PyObject *params = PyDict_GetItemString(about, "params");
	if (!params || !PyTuple_Check(params))
		return bd_error_set(err, -EINVAL, "bad-case", "", "it has no params");
	struct bd_case *c = bd_alloc(sizeof *c);
	int r = bd_pycase_params(params, c, err);
	if (r < 0)
		return r;
	struct functions *f = bd_alloc(sizeof *f);
	*f = (struct functions){.setup = kept(about, "setup"),
		.verify = kept(about, "verify"),
		.teardown = kept(about, "teardown"),
		.enter = kept(about, "enter"),
		.first = kept(about, "first"),
		.exporter = kept(about, "exporter"),
		.view = kept(about, "view"),
		.copies = kept(about, "copies"),
		.notes = kept(about, "notes"),
		.run = kept(about, "run"),
		.call = kept(about, "call"),
		.loop = kept(about, "loop"),
		.needs = kept(about, "needs"),
		.native_calls = kept(about, "native_calls"),
		.verify_start = flag(about, "verify_start")};
	c->name = bd_strdup(text(about, "name"));
	c->summary = bd_strdup(text(about, "summary"));
	c->shape = bd_streq(text(about, "shape"), "contended") ? BD_SHAPE_CONTENDED : BD_SHAPE_ITERATIONS;
	c->plain = flag(about, "binding") ? NULL : "plain";
	c->setup = setup;
	c->run = run;
	c->verify = verify;
	c->teardown = teardown;
	c->enter = f->enter ? enter : NULL;
	c->notes = f->notes ? notes : NULL;
	if (f->exporter && f->view) {
		c->exporter = exporter;
		c->view = view;
		c->copies = f->copies ? copies : NULL;
		c->mapped_twice = flag(about, "mapped_twice");
	}
	c->process = flag(about, "process");
	c->measures_memory = flag(about, "measures_memory");
	r = list_needs(about, c, err);
	if (r < 0)
		return r;
	c->data = f;
	*ret = c;
	return 0;
}
