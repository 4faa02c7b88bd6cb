/* sub-interpreters: every thread runs Python in an interpreter of its own, which has its own GIL or shares the main one's.
 * A batch goes in once and comes out once; what is timed in between is plain Python, so that the row of one thread and that
 * of several differ in nothing but how many run. Interpreters live until the process ends. */
#include "bd_bench.h"

#include <errno.h>
#include <unistd.h>

#define MUL 69069
#define ADD 12345
#define MASK UINT64_C(0x3fffffff)
#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

static const char *const lock_values[] = {"own", "shared"};
static const struct bd_param params[] = {
	{"lock", "whether each interpreter has a GIL of its own or all share one", lock_values, BD_LEN(lock_values)},
};

struct own {                 /* the interpreter of one thread */
	PyThreadState *made; /* the main thread's state in it */
	PyThreadState *here; /* its own thread's */
	PyObject *loop;      /* an object of that interpreter */
	pid_t tid;
};

struct state {
	struct own *each;
	unsigned taken;
	PyThreadState *outside; /* of the main thread while it is in one of them */
};

static int setup(struct bd_work *w, struct bd_error *err)
{
	bool own = bd_streq(bd_work_param(w, "lock"), "own");
	if (!own && !bd_streq(bd_work_param(w, "lock"), "shared"))
		return bd_error_set(err, -EINVAL, "unknown-value", "", "lock is own or shared, not %s",
			bd_work_param(w, "lock"));
	struct state *s = bd_alloc(sizeof *s);
	s->each = bd_alloc((size_t)w->threads * sizeof *s->each);
	w->state = s;
	w->per_turn = 10;
	PyThreadState *outside = PyThreadState_Get();
	for (int i = 0; i < w->threads; i++) {
		int r = bd_subinterpreter_new(own, &s->each[i].made, err);
		if (r < 0)
			return r;
		r = bd_loop_compile("", "k = (k * " TEXT(MUL) " + " TEXT(ADD) ") & 0x3fffffff", w->per_turn,
			&s->each[i].loop, err);
		PyEval_SaveThread();
		PyEval_RestoreThread(outside);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The calling thread's; the first time it takes one that is free. */
static struct own *mine(struct bd_work *w)
{
	struct state *s = w->state;
	pid_t tid = gettid();
	for (int i = 0; i < w->threads; i++)
		if (__atomic_load_n(&s->each[i].tid, __ATOMIC_RELAXED) == tid)
			return &s->each[i];
	struct own *o = &s->each[__atomic_fetch_add(&s->taken, 1, __ATOMIC_RELAXED)];
	o->here = w->threads == 1 ? o->made : PyThreadState_New(PyThreadState_GetInterpreter(o->made));
	if (!o->here)
		abort();
	__atomic_store_n(&o->tid, tid, __ATOMIC_RELAXED);
	return o;
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k)
{
	struct own *o = mine(w);
	uint64_t x = PyLong_AsUnsignedLongLong(k);
	char *failure = NULL;
	PyThreadState *outside = PyEval_SaveThread();
	PyEval_RestoreThread(o->here);
	/* Of all objects only the ticks come along: no Python code can get at their attributes, this thread alone has them. */
	PyObject *start = PyLong_FromUnsignedLongLong(x), *args[] = {ticks, start};
	PyObject *end = start ? PyObject_Vectorcall(o->loop, args, BD_LEN(args), NULL) : NULL;
	if (end)
		x = PyLong_AsUnsignedLongLong(end);
	if (PyErr_Occurred()) {
		PyErr_Print();
		failure = bd_strdup("the loop raised in its interpreter");
	}
	Py_XDECREF(end);
	Py_XDECREF(start);
	PyEval_SaveThread();
	PyEval_RestoreThread(outside);
	if (failure) {
		PyErr_SetString(PyExc_RuntimeError, failure);
		free(failure);
		return NULL;
	}
	return PyLong_FromUnsignedLongLong(x);
}

static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	(void)w;
	struct bd_affine all = bd_affine_power((struct bd_affine){MUL, ADD}, ops);
	uint64_t want = bd_affine_apply(all, PyLong_AsUnsignedLongLong(start)) & MASK;
	uint64_t got = PyLong_AsUnsignedLongLong(result);
	if (got != want)
		return bd_error_set(err, -EBADMSG, "wrong-result", "",
			"after %llu operations k is %llu, the closed form says %llu", (unsigned long long)ops,
			(unsigned long long)got, (unsigned long long)want);
	return 0;
}

static int go_into(struct bd_work *w, unsigned i, struct bd_error *err)
{
	(void)err;
	struct state *s = w->state;
	s->outside = PyEval_SaveThread();
	PyEval_RestoreThread(s->each[i].made);
	return 0;
}

static void come_back(struct bd_work *w, unsigned i)
{
	(void)i;
	PyEval_SaveThread();
	PyEval_RestoreThread(((struct state *)w->state)->outside);
}

const struct bd_case bd_case_sub_interpreters = {
	.name = "sub-interpreters",
	.summary = "plain Python in an interpreter of its own in every thread, with a GIL of its own or the shared one",
	.shape = BD_SHAPE_CONTENDED,
	.plain = "plain",
	.params = params,
	.params_len = BD_LEN(params),
	.setup = setup,
	.run = run,
	.verify = verify,
	.go_into = go_into,
	.come_back = come_back,
};
