/* V9: threads that are said to have an interpreter each do have one, and nothing of one is seen in another. */
#include "bd_bench.h"

#include <errno.h>
#include <stdio.h>

#define MARK "benchd_interpreter"

struct seen {
	int64_t id;
	const void *modules; /* sys.modules */
	const void *state;   /* of an extension module that has one per interpreter; NULL: it has none */
};

/* In the interpreter that is looked at. Leaves a mark there. */
static bool look(unsigned i, struct seen *ret)
{
	ret->id = PyInterpreterState_GetID(PyInterpreterState_Get());
	ret->modules = PyImport_GetModuleDict();
	bd_auto_py PyObject *module = PyImport_ImportModule("_thread");
	ret->state = module ? PyModule_GetState(module) : NULL;
	bd_auto_py PyObject *mark = PyLong_FromUnsignedLong(i);
	return module && mark && PySys_SetObject(MARK, mark) == 0;
}

static bool marked(unsigned i)
{
	PyObject *mark = PySys_GetObject(MARK);
	return mark && PyLong_Check(mark) && PyLong_AsUnsignedLong(mark) == i;
}

static bool failed(struct bd_bench_cell *c, const struct bd_error *err)
{
	bd_verdict_set(&c->verdict, NULL, BD_CELL_FAILED, err);
	return false;
}

static bool compare(struct bd_bench_cell *c, const struct seen *seen, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i + 1; k <= n; k++) {
			char other[32] = "the main one";
			if (k < n)
				snprintf(other, sizeof other, "that of thread %u", k);
			if (seen[i].id == seen[k].id)
				return bd_check_fail(c, "V9", "same-interpreter", "",
					"the interpreter of thread %u is %s: both have number %lld", i, other,
					(long long)seen[i].id);
			if (seen[i].modules == seen[k].modules || (seen[i].state && seen[i].state == seen[k].state))
				return bd_check_fail(c, "V9", "state-shared", "",
					"the interpreter of thread %u has the modules of %s", i, other);
		}
	return true;
}

bool bd_check_interpreters(struct bd_bench_cell *c)
{
	const struct bd_case *desc = c->work.desc;
	if (!desc->go_into || !desc->come_back)
		return true;
	unsigned n = c->team->n;
	bd_auto_free struct seen *seen = bd_alloc((n + 1) * sizeof *seen);
	struct bd_error err = {0};
	for (unsigned i = 0; i <= n; i++) { /* the last one is where we are */
		if (i < n && desc->go_into(&c->work, i, &err) < 0)
			return failed(c, &err);
		bool ok = look(i, &seen[i]);
		bd_auto_free char *text = ok ? NULL : bd_py_error();
		if (i < n)
			desc->come_back(&c->work, i);
		if (!ok) {
			bd_error_set(&err, -EIO, "exception", "", "in the interpreter of thread %u: %s", i, text);
			return failed(c, &err);
		}
	}
	if (!compare(c, seen, n))
		return false;
	for (unsigned i = 0; i <= n; i++) {
		if (i < n && desc->go_into(&c->work, i, &err) < 0)
			return failed(c, &err);
		bool own = marked(i);
		if (i < n)
			desc->come_back(&c->work, i);
		if (!own)
			return bd_check_fail(c, "V9", "state-shared", "",
				"what was left in sys of interpreter %lld was replaced from another one",
				(long long)seen[i].id);
	}
	return true;
}
