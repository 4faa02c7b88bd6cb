/* gil-contention: threads that each do a little Python work and then a native call of fixed work, which holds or
 * releases the GIL. One dependent chain, so that the final k proves how often both parts ran. */
#include "bd_case.h"
#include "bd_kernels.h"

#include <errno.h>

#define PY_MUL 69069
#define PY_ADD 12345
#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

/* Below this the calls are mostly outside the native section: how much of it overlaps proves nothing. */
#ifdef Py_DEBUG /* the bytecode alone takes as long as 10 µs of work */
#define LONG_NS 90000
#else
#define LONG_NS 9000
#endif

static const char *const gil_values[] = {"release", "hold"};
static const char *const u_values[] = {"1us", "10us", "100us", "1ms"};
static const struct bd_param params[] = {
	{"gil", "whether the native call releases or holds the GIL", gil_values, BD_LEN(gil_values)},
	{"u", "native work per call, calibrated once per run", u_values, BD_LEN(u_values)},
};

static const char *const needs[] = {"spin_release"};

static int setup(struct bd_work *w, struct bd_error *err)
{
	const char *gil = bd_work_param(w, "gil");
	bool hold = bd_streq(gil, "hold");
	if (!hold && !bd_streq(gil, "release"))
		return bd_error_set(err, -EINVAL, "unknown-value", "", "gil is hold or release, not %s", gil);
	if (!w->steps)
		return bd_error_set(err, -EINVAL, "unknown-value", "", "no native steps were given for u=%s",
			bd_work_param(w, "u"));
	if (hold && w->threads > 1 && !w->gil)
		return bd_error_set(err, -ENOTSUP, "no-gil-to-hold",
			"use gil=release, an interpreter with a GIL, or --env PYTHON_GIL=1",
			"a free-threaded interpreter has no GIL to hold");
	PyObject *call;
	int r = bd_work_function(w, hold ? "spin_hold" : "spin_release", &call, err);
	if (r < 0)
		return r;
	w->args[w->args_len++] = Py_NewRef(call);
	PyObject *steps = PyLong_FromUnsignedLongLong(w->steps);
	if (!steps)
		return bd_error_set(err, -ENOMEM, "internal", "", "no memory for an int");
	w->args[w->args_len++] = steps;
	w->native_calls = 1;
	w->overlap = hold ? BD_OVERLAP_NONE : w->native_ns >= LONG_NS ? BD_OVERLAP_WANTED : BD_OVERLAP_ANY;
	return bd_loop_compile("call, steps",
		"k = (k * " TEXT(PY_MUL) " + " TEXT(PY_ADD) ") & 0x3fffffff\n"
							    "k = call(k, steps)",
		1, &w->loop, err);
}

static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	struct bd_affine native = bd_affine_power((struct bd_affine){BD_KERNEL_MUL, BD_KERNEL_ADD}, w->steps);
	struct bd_affine all = bd_affine_power(bd_affine_then((struct bd_affine){PY_MUL, PY_ADD}, native), ops);
	uint64_t want = bd_affine_apply(all, PyLong_AsUnsignedLongLong(start)) & BD_KERNEL_MASK;
	uint64_t got = PyLong_AsUnsignedLongLong(result);
	if (PyErr_Occurred()) {
		PyErr_Clear();
		return bd_error_set(err, -EBADMSG, "wrong-result", "", "the result is not an integer of 30 bits");
	}
	if (got != want)
		return bd_error_set(err, -EBADMSG, "wrong-result", "the native code did not do the work that was timed",
			"after %llu operations k is %llu, the closed form says %llu", (unsigned long long)ops,
			(unsigned long long)got, (unsigned long long)want);
	return 0;
}

const struct bd_case bd_case_gil_contention = {
	.name = "gil-contention",
	.summary = "a little Python work, then a native call that holds or releases the GIL, in every thread",
	.shape = BD_SHAPE_CONTENDED,
	.params = params,
	.params_len = BD_LEN(params),
	.needs = needs,
	.needs_len = BD_LEN(needs),
	.setup = setup,
	.run = bd_loop_run,
	.verify = verify,
};
