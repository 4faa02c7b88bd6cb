/* One operation that is one call, k = function(…): the same call in a loop of bytecode, as users write it, and in a loop
 * of C, which adds next to nothing. */
#include "bd_bench.h"

#include <errno.h>

int bd_call_read(PyObject *called, struct bd_call *ret, struct bd_error *err)
{
	bd_auto_py PyObject *one = PyTuple_Pack(1, called);
	bd_auto_py PyObject *parts = one ? bd_library_call("arguments", one) : NULL;
	PyObject *function, *args, *keywords;
	Py_ssize_t k;
	if (!parts || !PyArg_ParseTuple(parts, "OO!O!n", &function, &PyTuple_Type, &args, &PyTuple_Type, &keywords, &k))
		return bd_py_error_set(err, "bad-case");
	/* a turn's function and arguments are locals of the loop, and what a vectorcall gets has one place in front */
	if ((size_t)PyTuple_GET_SIZE(args) + 1 > BD_LEN(((struct bd_work *)NULL)->args))
		return bd_error_set(err, -EINVAL, "bad-case", "", "call() has more than %zu arguments",
			BD_LEN(((struct bd_work *)NULL)->args) - 1);
	*ret = (struct bd_call){Py_NewRef(function), Py_NewRef(args),
		PyTuple_GET_SIZE(keywords) ? Py_NewRef(keywords) : NULL, k, NULL, BD_CALL_I64};
	return bd_call_read_kernel(ret, err);
}

void bd_call_done(struct bd_call *c)
{
	Py_CLEAR(c->function);
	Py_CLEAR(c->args);
	Py_CLEAR(c->keywords);
}

/* ---- in bytecode ------------------------------------------------------------------------------------------- */

int bd_call_compile(struct bd_work *w, const struct bd_call *c, struct bd_error *err)
{
	bd_auto_str struct bd_str names = {0}, statement = {0};
	bd_str_puts(&names, "call");
	bd_str_puts(&statement, "k = call(");
	w->args[w->args_len++] = Py_NewRef(c->function);
	Py_ssize_t n = PyTuple_GET_SIZE(c->args), words = c->keywords ? PyTuple_GET_SIZE(c->keywords) : 0;
	for (Py_ssize_t i = 0; i < n; i++) {
		const char *comma = i ? ", " : "";
		const char *word = i < n - words ? NULL
						 : PyUnicode_AsUTF8(PyTuple_GET_ITEM(c->keywords, i - (n - words)));
		bd_str_printf(&statement, "%s%s%s", comma, word ? word : "", word ? "=" : "");
		if (i == c->k) {
			bd_str_puts(&statement, "k");
			continue;
		}
		bd_str_printf(&statement, "a%zd", i);
		bd_str_printf(&names, ", a%zd", i);
		w->args[w->args_len++] = Py_NewRef(PyTuple_GET_ITEM(c->args, i));
	}
	bd_str_puts(&statement, ")");
	return bd_loop_compile(names.s, statement.s, w->per_turn, &w->loop, err);
}

int bd_call_compile_statement(struct bd_work *w, PyObject *given, struct bd_error *err)
{
	const char *statement;
	PyObject *objects, *key, *value;
	if (!PyTuple_Check(given) || !PyArg_ParseTuple(given, "sO!", &statement, &PyDict_Type, &objects)) {
		PyErr_Clear();
		return bd_error_set(err, -EINVAL, "bad-case", "", "loop() gives a statement and a dict of its names");
	}
	if ((size_t)PyDict_GET_SIZE(objects) > BD_LEN(w->args))
		return bd_error_set(err, -EINVAL, "bad-case", "", "the statement of loop() has more than %zu names",
			BD_LEN(w->args));
	bd_auto_str struct bd_str names = {0};
	bd_str_puts(&names, "");
	Py_ssize_t at = 0;
	while (PyDict_Next(objects, &at, &key, &value)) {
		const char *name = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
		if (!name)
			return bd_error_set(err, -EINVAL, "bad-case", "", "a name of loop() is no text");
		bd_str_printf(&names, "%s%s", names.len ? ", " : "", name);
		w->args[w->args_len++] = Py_NewRef(value);
	}
	return bd_loop_compile(names.s, statement, w->per_turn, &w->loop, err);
}

/* ---- in C -------------------------------------------------------------------------------------------------- */

struct c_loop {
	PyObject *function, **args, **k, *keywords;
	size_t flags;
};

/* A look at the ticker is shared by so many calls: it costs about a nanosecond (bench/bindings/caller.py). */
#define CALLS_PER_LOOK 16

static bool run_calls(PyObject *function, PyObject **args, PyObject **k, size_t flags, struct bd_ticker *ticker)
{
	for (uint64_t n; (n = bd_ticker_take(ticker, CALLS_PER_LOOK)) > 0;)
		for (; n; n--) {
			PyObject *result = PyObject_Vectorcall(function, args, flags, NULL);
			Py_DECREF(*k);
			*k = result;
			if (__builtin_expect(!result, 0))
				return false;
		}
	return true;
}

static bool run_calls_with_keywords(const struct c_loop *l, struct bd_ticker *ticker)
{
	while (bd_ticker_next(ticker)) {
		PyObject *result = PyObject_Vectorcall(l->function, l->args, l->flags, l->keywords);
		Py_DECREF(*l->k);
		*l->k = result;
		if (__builtin_expect(!result, 0))
			return false;
	}
	return true;
}

PyObject *bd_call_run(const struct bd_work *w, const struct bd_call *c, PyObject *ticks, PyObject *k)
{
	struct bd_ticker *ticker = (struct bd_ticker *)ticks;
	PyObject *room[1 + BD_LEN(w->args)], **args = room + 1, *unused = NULL;
	size_t n = (size_t)PyTuple_GET_SIZE(c->args), words = c->keywords ? (size_t)PyTuple_GET_SIZE(c->keywords) : 0;
	for (size_t i = 0; i < n; i++)
		args[i] = PyTuple_GET_ITEM(c->args, (Py_ssize_t)i);
	struct c_loop loop = {c->function, args, c->k < 0 ? &unused : &args[c->k], c->keywords,
		(n - words) | PY_VECTORCALL_ARGUMENTS_OFFSET}; /* a callee may use the place in front of them */
	*loop.k = Py_NewRef(k);
	bd_ticker_begin(ticker);
	bool ok = c->keywords ? run_calls_with_keywords(&loop, ticker)
			      : run_calls(loop.function, loop.args, loop.k, loop.flags, ticker);
	return ok ? *loop.k : NULL;
}
