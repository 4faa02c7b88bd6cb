/* Cases written in Python, behind the same descriptor as those in C. */
#include "bd_bench.h"

#include <errno.h>

struct functions {
	PyObject *setup, *run, *verify, *teardown, *exporter, *view; /* NULL = it has none */
	unsigned native_calls;
	bool binding;
};

struct state {
	PyObject *value; /* what setup returned */
	PyObject *run;   /* with a code object of this cell's own */
};

static PyObject *or_null(PyObject *o)
{
	return o == Py_None ? NULL : Py_NewRef(o);
}

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

static int setup(struct bd_work *w, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	if (w->desc->shape == BD_SHAPE_ITERATIONS && w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "%s has one thread", w->desc->name);
	struct state *s = bd_alloc(sizeof *s);
	w->state = s;
	w->native_calls = f->native_calls;
	bd_auto_py PyObject *fresh = Py_BuildValue("(O)", f->run);
	s->run = fresh ? bd_library_call("fresh", fresh) : NULL;
	if (!s->run)
		return bd_py_error_set(err, "bad-case");
	if (!f->setup) {
		s->value = Py_NewRef(Py_None);
		return 0;
	}
	bd_auto_py PyObject *axes = axes_dict(w);
	bd_auto_py PyObject *args = axes ? Py_BuildValue("(OiKO)", axes, w->threads, (unsigned long long)w->steps,
						   w->functions ? w->functions : Py_None)
					 : NULL;
	bd_auto_py PyObject *cell = args ? bd_library_call("cell", args) : NULL;
	s->value = cell ? PyObject_CallOneArg(f->setup, cell) : NULL;
	return s->value ? 0 : bd_py_error_set(err, "exception");
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k)
{
	(void)k;
	struct state *s = w->state;
	PyObject *args[] = {ticks, s->value};
	return PyObject_Vectorcall(s->run, args, BD_LEN(args), NULL);
}

static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	(void)start;
	const struct functions *f = w->desc->data;
	const struct state *s = w->state;
	bd_auto_py PyObject *n = PyLong_FromUnsignedLongLong(ops);
	bd_auto_py PyObject *answer = n ? PyObject_CallFunctionObjArgs(f->verify, s->value, result, n, NULL) : NULL;
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
		for (size_t v = 0; v < count; v++)
			list[v] = bd_strdup(PyUnicode_AsUTF8(PyTuple_GET_ITEM(values, v)));
		params[i] = (struct bd_param){bd_strdup(name), bd_strdup(summary), list, count};
	}
	c->params = params;
	c->params_len = n;
	return 0;
}

int bd_pycase_new(PyObject *about, const char *path, struct bd_case **ret, struct bd_error *err)
{
	const char *name, *summary, *shape;
	PyObject *params, *fsetup, *frun, *fverify, *fteardown, *fexporter, *fview;
	int native_calls, binding, mapped_twice;
	(void)path;
	if (!PyArg_ParseTuple(about, "sssO!OOOOipOOp", &name, &summary, &shape, &PyTuple_Type, &params, &fsetup, &frun,
		    &fverify, &fteardown, &native_calls, &binding, &fexporter, &fview, &mapped_twice))
		return bd_py_error_set(err, "bad-case");
	struct bd_case *c = bd_alloc(sizeof *c);
	int r = bd_pycase_params(params, c, err);
	if (r < 0)
		return r;
	struct functions *f = bd_alloc(sizeof *f);
	*f = (struct functions){or_null(fsetup), or_null(frun), or_null(fverify), or_null(fteardown),
		or_null(fexporter), or_null(fview), (unsigned)native_calls, binding};
	c->name = bd_strdup(name);
	c->summary = bd_strdup(summary);
	c->shape = bd_streq(shape, "contended") ? BD_SHAPE_CONTENDED : BD_SHAPE_ITERATIONS;
	c->plain = binding ? NULL : "plain";
	c->setup = setup;
	c->run = run;
	c->verify = verify;
	c->teardown = teardown;
	if (f->exporter && f->view) {
		c->exporter = exporter;
		c->view = view;
		c->mapped_twice = mapped_twice;
	}
	c->data = f;
	*ret = c;
	return 0;
}
