/* Users' bench_* functions behind the same descriptor as every case; userfile.py does what is not timed. */
#include "bd_bench.h"
#include "targets.h"

#include <errno.h>

struct functions { /* what a case keeps: a Bench of userfile.py */
	PyObject *bench, *folder;
	unsigned ops;
	bool verifies;
};

struct state {
	PyObject *cell; /* a Cell of userfile.py */
	PyObject *run;
	PyObject *owed; /* a result that was not verified yet */
	int64_t verify_at_ns;
};

/* verify() is a user's and may take long: it gets this much of the time, but the last result is always looked at. */
#define VERIFY_SHARE 20

static PyObject *part; /* userfile.py */

/* A format "O" would take a tuple apart. */
static PyObject *call(PyObject *self, const char *method, PyObject *argument)
{
	bd_auto_py PyObject *name = PyUnicode_FromString(method);
	return name ? PyObject_CallMethodOneArg(self, name, argument) : NULL;
}

static PyObject *userfile(void)
{
	if (part)
		return part;
	bd_auto_py PyObject *args = Py_BuildValue("(s)", "userfile");
	part = args ? bd_library_call("part", args) : NULL;
	bd_auto_py PyObject *opened = part ? PyObject_CallMethod(part, "open_side", NULL) : NULL;
	if (!opened)
		Py_CLEAR(part);
	return part;
}

int bd_userfile_open(struct bd_error *err)
{
	return userfile() ? 0 : bd_py_error_set(err, "internal");
}

char *bd_userfile_explain(PyObject *exception)
{
	if (!part || PyInterpreterState_Get() != PyInterpreterState_Main()) /* its objects are not another one's */
		return NULL;
	bd_auto_py PyObject *text = call(part, "explain", exception);
	const char *s = text && text != Py_None ? PyUnicode_AsUTF8(text) : NULL;
	char *copy = bd_strdup(s);
	PyErr_Clear();
	return copy;
}

PyObject *bd_userfile_loaded(PyObject *modules_before)
{
	return part ? call(part, "loaded", modules_before) : NULL;
}

PyObject *bd_userfile_files(const char *path, const char *root)
{
	PyObject *module = userfile();
	return module ? PyObject_CallMethod(module, "files", "sz", path, root) : NULL;
}

/* ---- at work ------------------------------------------------------------------------------------------------- */

static PyObject *words_of(const struct bd_work *w)
{
	PyObject *d = PyDict_New();
	for (size_t i = 0; d && i < w->desc->params_len; i++) {
		const char *name = w->desc->params[i].name;
		bd_auto_py PyObject *v = PyUnicode_FromString(bd_work_param(w, name));
		if (!v || PyDict_SetItemString(d, name, v) < 0)
			Py_CLEAR(d);
	}
	return d;
}

static int enter(struct bd_work *w, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	bd_auto_py PyObject *none = PyObject_CallMethod(f->folder, "enter", NULL);
	return none ? 0 : bd_py_error_set(err, "internal");
}

static int setup(struct bd_work *w, struct bd_error *err)
{
	const struct functions *f = w->desc->data;
	if (w->desc->shape == BD_SHAPE_ITERATIONS && w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only",
			"threads = True in its file says that it may be called from several at once",
			"%s has one thread", w->desc->name);
	for (size_t i = 0; i < w->desc->params_len; i++) {
		const struct bd_param *p = &w->desc->params[i];
		const char *value = bd_work_param(w, p->name);
		bool known = false;
		for (size_t v = 0; v < p->values_len && !known; v++)
			known = bd_streq(p->values[v], value);
		if (!known)
			return bd_error_set(err, -EINVAL, "unknown-value", "", "%s has no value %s for %s",
				w->desc->name, value, p->name);
	}
	struct state *s = bd_alloc(sizeof *s);
	w->state = s;
	w->per_turn = f->ops;
	if (enter(w, err) < 0)
		return err->code;
	bd_auto_py PyObject *words = words_of(w);
	s->cell = words ? call(f->bench, "start", words) : NULL;
	s->run = s->cell ? PyObject_GetAttrString(s->cell, "run") : NULL;
	return s->run ? 0 : bd_py_error_set(err, "exception");
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k)
{
	(void)k;
	return PyObject_CallOneArg(((struct state *)w->state)->run, ticks);
}

static int check(struct bd_work *w, PyObject *result, struct bd_error *err)
{
	struct state *s = w->state;
	int64_t before = bd_clock_mono_ns();
	bd_auto_py PyObject *wrong = call(s->cell, "check", result);
	int64_t now = bd_clock_mono_ns();
	s->verify_at_ns = now + VERIFY_SHARE * (now - before);
	if (wrong == Py_None)
		return 0;
	const char *text = wrong ? PyUnicode_AsUTF8(wrong) : NULL;
	bd_auto_free char *raised = text ? NULL : bd_py_error();
	return bd_error_set(err, -EBADMSG, "wrong-result", "", "%s%s",
		text ? "" : "verify() raised: ", text ? text : raised);
}

static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	(void)start;
	const struct functions *f = w->desc->data;
	struct state *s = w->state;
	/* a thread that never got its turn has no result */
	if (!ops || (!f->verifies && !w->insist))
		return 0;
	Py_CLEAR(s->owed);
	if (w->insist || bd_clock_mono_ns() >= s->verify_at_ns)
		return check(w, result, err);
	s->owed = Py_NewRef(result);
	return 0;
}

static int settle(struct bd_work *w, struct bd_error *err)
{
	struct state *s = w->state;
	bd_auto_py PyObject *owed = BD_TAKE_PTR(s->owed);
	return owed ? check(w, owed, err) : 0;
}

static void notes(struct bd_work *w, struct bd_reason **ret, size_t *ret_n)
{
	struct state *s = w->state;
	bd_auto_py PyObject *list = s && s->cell ? PyObject_CallMethod(s->cell, "notes", NULL) : NULL;
	for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) {
		const char *key, *message, *hint;
		if (PyArg_ParseTuple(PyList_GET_ITEM(list, i), "sss", &key, &message, &hint))
			bd_note_add(ret, ret_n, key, *hint ? hint : NULL, "%s", message);
	}
	PyErr_Clear();
}

static void teardown(struct bd_work *w)
{
	struct state *s = w->state;
	struct bd_error err;
	if (!s)
		return;
	if (s->cell && enter(w, &err) == 0) {
		bd_auto_py PyObject *none = PyObject_CallMethod(s->cell, "end", NULL);
		if (!none) {
			bd_auto_free char *text = bd_py_error();
			bd_wire_log_nogil("warn", "teardown() of %s raised %s", w->desc->name, text);
		}
	}
	Py_CLEAR(s->owed);
	Py_CLEAR(s->run);
	Py_CLEAR(s->cell);
	free(s);
	w->state = NULL;
}

/* ---- loading --------------------------------------------------------------------------------------------------- */

static int add_case(struct bd_unit *unit, PyObject *bench, struct bd_error *err)
{
	const char *name, *summary, *shape, *affinity;
	double timeout_s;
	int ops;
	PyObject *params;
	bd_auto_py PyObject *about = PyObject_CallMethod(bench, "about", NULL);
	if (!about ||
		!PyArg_ParseTuple(about, "ssszdO!i", &name, &summary, &shape, &affinity, &timeout_s, &PyTuple_Type,
			&params, &ops))
		return bd_py_error_set(err, "bad-case");
	struct bd_case c = {0};
	int r = bd_pycase_params(params, &c, err);
	if (r < 0)
		return r;
	struct functions *f = bd_alloc(sizeof *f);
	f->bench = Py_NewRef(bench);
	f->folder = PyObject_GetAttrString(bench, "folder");
	f->ops = (unsigned)ops;
	bd_auto_py PyObject *verifies = PyObject_GetAttrString(bench, "verify");
	f->verifies = verifies && verifies != Py_None;
	PyErr_Clear();
	struct bd_target_case *row = bd_target_case_add(unit, name);
	row->affinity = bd_strdup(affinity);
	row->timeout_s = timeout_s > 0 ? timeout_s : NAN;
	row->c.summary = bd_strdup(summary);
	row->c.shape = bd_streq(shape, "contended") ? BD_SHAPE_CONTENDED : BD_SHAPE_ITERATIONS;
	row->c.params = c.params;
	row->c.params_len = c.params_len;
	row->c.setup = setup;
	row->c.run = run;
	row->c.verify = verify;
	row->c.teardown = teardown;
	row->c.enter = enter;
	row->c.settle = settle;
	row->c.notes = notes;
	row->c.data = f;
	return 0;
}

void bd_userfile_load(struct bd_unit *unit)
{
	struct bd_error err = {0};
	bd_auto_py PyObject *found = PyObject_CallMethod(userfile(), "load", "ssi", unit->name, unit->path,
		(int)unit->alone);
	if (!found) {
		bd_py_error_set(&err, "exception");
		bd_target_case_unusable(unit, unit->name, &err);
	}
	for (Py_ssize_t i = 0; found && i < PyList_GET_SIZE(found); i++) {
		const char *name, *key, *message, *hint;
		PyObject *bench, *reason;
		if (!PyArg_ParseTuple(PyList_GET_ITEM(found, i), "sOO", &name, &bench, &reason)) {
			bd_py_error_set(&err, "bad-case");
			bd_target_case_unusable(unit, unit->name, &err);
		} else if (reason == Py_None) {
			if (add_case(unit, bench, &err) < 0)
				bd_target_case_unusable(unit, name, &err);
		} else if (PyArg_ParseTuple(reason, "sss", &key, &message, &hint)) {
			bd_error_set(&err, -EIO, key, hint, "%s", message);
			bd_target_case_unusable(unit, name, &err);
		} else {
			bd_py_error_set(&err, "bad-case");
			bd_target_case_unusable(unit, name, &err);
		}
	}
}
