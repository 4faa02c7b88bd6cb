/* empty-loop: what the measuring loop itself costs. Never subtracted from anything, shown as a row of its own. */
#include "bd_case.h"

#include <errno.h>

static const char *const unroll_values[] = {"1", "10"};
static const struct bd_param params[] = {
	{"unroll", "empty statements per turn of the loop", unroll_values, BD_LEN(unroll_values)},
};

static int setup(struct bd_work *w, struct bd_error *err)
{
	if (w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "the empty loop has one thread");
	w->per_turn = bd_streq(bd_work_param(w, "unroll"), "10") ? 10 : 1;
	return bd_loop_compile("", "pass", w->per_turn, &w->loop, err);
}

/* No operation changes k. */
static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	(void)w, (void)ops;
	int same = PyObject_RichCompareBool(start, result, Py_EQ);
	if (same == 1)
		return 0;
	PyErr_Clear();
	return bd_error_set(err, -EBADMSG, "wrong-result", "", "an empty loop changed its variable");
}

const struct bd_case bd_case_empty_loop = {
	.name = "empty-loop",
	.summary = "the loop every case runs in, with nothing to do",
	.shape = BD_SHAPE_ITERATIONS,
	.plain = "plain",
	.params = params,
	.params_len = BD_LEN(params),
	.setup = setup,
	.run = bd_loop_run,
	.verify = verify,
};
