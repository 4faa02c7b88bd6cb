#include "bd_bench.h"

#include <errno.h>
#include <stddef.h>

/* ---- the iterator ------------------------------------------------------------------------------------------ */

static PyObject *tick(PyObject *self)
{
	return bd_ticker_next((struct bd_ticker *)self) ? Py_NewRef(Py_None) : NULL;
}

/* The loop begins: what led to it is not timed. */
static PyObject *begin(PyObject *self)
{
	bd_ticker_begin((struct bd_ticker *)self);
	return Py_NewRef(self);
}

static PyTypeObject ticker_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "benchd.ticks",
	.tp_doc = "One item per operation to do.",
	.tp_basicsize = sizeof(struct bd_ticker),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.tp_iter = begin,
	.tp_iternext = tick,
};

PyObject *bd_ticker_new(const _Atomic bool *stop)
{
	if (PyType_Ready(&ticker_type) < 0)
		return NULL;
	struct bd_ticker *t = PyObject_New(struct bd_ticker, &ticker_type);
	if (!t)
		return NULL;
	t->stop = stop;
	t->limit = t->started = 0;
	t->begin_ns = t->end_ns = 0;
	t->stopped = false;
	return (PyObject *)t;
}

void bd_ticker_reset(PyObject *ticker, uint64_t limit)
{
	struct bd_ticker *t = (struct bd_ticker *)ticker;
	t->limit = limit;
	t->started = 0;
	t->begin_ns = t->end_ns = 0;
	t->stopped = false;
}

/* ---- the loop ---------------------------------------------------------------------------------------------- */

int bd_loop_compile(const char *names, const char *statement, unsigned unroll, PyObject **ret, struct bd_error *err)
{
	bd_auto_str struct bd_str source = {0};
	bd_str_printf(&source, "def loop(ticks, k%s%s):\n\tfor _ in ticks:\n", *names ? ", " : "", names);
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, statement, '\n');
	for (unsigned i = 0; i < unroll; i++)
		for (size_t l = 0; l < lines.n; l++)
			bd_str_printf(&source, "\t\t%s\n", lines.v[l]);
	bd_str_puts(&source, "\treturn k\n");
	bd_auto_py PyObject *code = Py_CompileString(source.s, "<benchd loop>", Py_file_input);
	bd_auto_py PyObject *globals = PyDict_New();
	if (!code || !globals || PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) < 0)
		return bd_py_error_set(err, "bad-case");
	bd_auto_py PyObject *none = PyEval_EvalCode(code, globals, globals);
	PyObject *loop = none ? PyDict_GetItemString(globals, "loop") : NULL;
	if (!loop)
		return bd_py_error_set(err, "bad-case");
	*ret = Py_NewRef(loop);
	return 0;
}

PyObject *bd_loop_run(struct bd_work *w, PyObject *ticks, PyObject *k)
{
	PyObject *args[2 + BD_LEN(w->args)] = {ticks, k};
	for (size_t i = 0; i < w->args_len; i++)
		args[2 + i] = w->args[i];
	return PyObject_Vectorcall(w->loop, args, 2 + w->args_len, NULL);
}

const char *bd_work_param(const struct bd_work *w, const char *name)
{
	const char *value = bd_map_get(w->axes, name);
	for (size_t i = 0; !value && i < w->desc->params_len; i++)
		if (bd_streq(w->desc->params[i].name, name))
			value = w->desc->params[i].values[0];
	return value;
}

/* ---- exceptions -------------------------------------------------------------------------------------------- */

PyObject *bd_py_said(void)
{
	static PyObject *type;
	if (!type)
		type = PyErr_NewException("benchd.Said", NULL, NULL);
	return type ? type : PyExc_RuntimeError;
}

char *bd_py_error(void)
{
	PyObject *type, *value, *trace;
	PyErr_Fetch(&type, &value, &trace);
	if (!type)
		return bd_strdup("no exception was set");
	PyErr_NormalizeException(&type, &value, &trace);
	if (value && trace)
		PyException_SetTraceback(value, trace);
	bool plain = PyErr_GivenExceptionMatches(type, bd_py_said());
	char *explained = value && !plain ? bd_userfile_explain(value) : NULL;
	bd_auto_py PyObject *text = value ? PyObject_Str(value) : NULL;
	const char *s = text ? PyUnicode_AsUTF8(text) : NULL;
	const char *name = ((PyTypeObject *)type)->tp_name;
	if (s && plain)
		explained = bd_strdup(s);
	char *all = explained ? explained : s && *s ? bd_printf("%s: %s", name, s) : bd_strdup(name);
	PyErr_Clear();
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return all;
}

int bd_py_error_set(struct bd_error *err, const char *key)
{
	bd_auto_free char *text = bd_py_error();
	return bd_error_set(err, -EIO, key, "", "%s", text);
}
