/* mod.import: what it costs to import a module of 1 to 720 functions. Timed is the import alone, around which one operation
 * does more: starts a process that imports, or takes the module out of sys.modules; and then calls the module's last
 * function, which proves that it is there. */
#include "bd_bench.h"
#include "bd_imports.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

enum how { COLD, WARM, CACHED, INTERPRETER, OWN_GIL };
static const char *const how_values[] = {"cold", "warm", "cached", "interpreter", "own-gil"};
static const char *const functions_values[] = {"10", "1", "100", "720"};
static const char *const init_values[] = {"multi", "single"};
static const char *const linking_values[] = {"now", "lazy"};
static const struct bd_param params[] = {
	{"how",
		"in a fresh process; its file loaded, the module made again; found in sys.modules; as warm, in a "
		"sub-interpreter; in one with a GIL of its own",
		how_values, BD_LEN(how_values)},
	{"functions", "how many the module has", functions_values, BD_LEN(functions_values)},
	{"init", "multi-phase or single-phase initialisation", init_values, BD_LEN(init_values)},
	{"linking", "functions of others are bound when it is loaded, or when first called", linking_values,
		BD_LEN(linking_values)},
};

#define KEPT 4096

/* Free-threaded 3.13 makes what is shared by threads immortal as soon as there were two: modules and functions among it. */
#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030e0000
#define KEEPS_MODULES true
#else
#define KEEPS_MODULES false
#endif

struct state {
	enum how how;
	bool lazy;
	char *name, *folder, *path, *build_id; /* of the module; what the manifest says */
	char *function;                        /* its last one: adds `y` */
	uint64_t y;
	struct bd_relocations relocations;
	PyThreadState *made; /* in the sub-interpreter */
	char **envp;
	struct bd_strv env;
	char *loaded; /* path of what a process loaded, when it was another file */
	int64_t *rss; /* bytes more, of processes */
	size_t rss_len;
	int64_t peak_bytes, cpu_ns;
};

/* ---- the module -------------------------------------------------------------------------------------------------- */

static int read_manifest(struct state *s, struct bd_error *err)
{
	bd_auto_free char *file = bd_printf("%s/interpreter.json", bd_self_folder()), *text = NULL;
	bd_auto_free char *base = bd_printf("%s.so", s->name);
	int r = bd_file_read(file, 1 << 20, &text, NULL);
	bd_auto_json cJSON *json = r < 0 ? NULL : cJSON_Parse(text);
	const cJSON *entry;
	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(json, "manifest")) {
		const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "path"));
		if (bd_streq(path, base))
			s->build_id = bd_strdup(
				cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "build_id")));
	}
	if (!s->build_id)
		return bd_error_set(err, -ENOTSUP, "no-module", "build it again", "there is no %s for this interpreter",
			base);
	return 0;
}

static int find_module(struct bd_work *w, struct state *s, struct bd_error *err)
{
	const char *functions = bd_work_param(w, "functions");
	char real[PATH_MAX];
	s->y = strtoull(functions, NULL, 10) - 1;
	s->name = bd_printf("bdb_import_%s_%s", bd_work_param(w, "init"), functions);
	s->folder = bd_strdup(realpath(bd_self_folder(), real) ? real : bd_self_folder());
	s->path = bd_printf("%s/%s.so", s->folder, s->name);
	s->function = bd_printf("f%03u", (unsigned)s->y);
	int r = read_manifest(s, err);
	return r < 0 ? r : bd_imports_relocations(s->path, &s->relocations, err);
}

/* Its folder last: nothing that was found before is found there now. */
static int add_folder(const char *folder, struct bd_error *err)
{
	PyObject *path = PySys_GetObject("path");
	bd_auto_py PyObject *text = PyUnicode_DecodeFSDefault(folder);
	int has = path && text ? PySequence_Contains(path, text) : -1;
	if (has < 0 || (!has && PyList_Append(path, text) < 0))
		return bd_py_error_set(err, "internal");
	return 0;
}

/* ---- combinations that mean nothing, or that Python refuses --------------------------------------------------------- */

static int read_how(struct bd_work *w, struct state *s, struct bd_error *err)
{
	const char *how = bd_work_param(w, "how");
	bool single = bd_streq(bd_work_param(w, "init"), "single");
	s->lazy = bd_streq(bd_work_param(w, "linking"), "lazy");
	for (s->how = COLD; s->how < OWN_GIL && !bd_streq(how_values[s->how], how); s->how++)
		;
	if (w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "%s has one thread", w->desc->name);
	if (s->lazy && s->how != COLD)
		return bd_error_set(err, -ENOTSUP, "already-loaded", "how=cold has both",
			"the file is loaded already: how its functions are bound was decided then");
	if (!single)
		return 0;
	if (s->how == OWN_GIL)
		return bd_error_set(err, -ENOTSUP, "single-phase", "init=multi, or how=interpreter",
			"an interpreter with a GIL of its own refuses modules of single-phase initialisation");
#ifdef Py_GIL_DISABLED
	if (s->how == INTERPRETER)
		return bd_error_set(err, -ENOTSUP, "single-phase", "init=multi",
			"sub-interpreters of a free-threaded build refuse modules of single-phase initialisation");
#endif
	return 0;
}

/* ---- in a process of its own ------------------------------------------------------------------------------------------ */

static const char code[] =
	"import sys, time\n"
	"name, folder, flags, function, k = sys.argv[1:]\n"
	"def read(name):\n"
	"    with open('/proc/self/' + name) as f:\n"
	"        return f.read()\n"
	"def resident():\n"
	"    return int(read('statm').split()[1]) * 4096\n"
	"sys.path.insert(0, folder)\n"
	"sys.setdlopenflags(int(flags))\n"
	"resident()\n"
	"rss = resident()\n"
	"cpu = time.thread_time_ns()\n"
	"wall = time.perf_counter_ns()\n"
	"module = __import__(name)\n"
	"wall = time.perf_counter_ns() - wall\n"
	"cpu = time.thread_time_ns() - cpu\n"
	"rss = resident() - rss\n"
	"k = getattr(module, function)(int(k))\n"
	"peak = int(read('status').partition('VmHWM:')[2].split()[0]) * 1024\n"
	"at = [line.split(None, 5)[5] for line in read('maps').splitlines() if '/' + name + '.so' in line]\n"
	"print('imported', wall, cpu, rss, peak, k, at[0] if at else module.__file__)\n";

/* All it said; NULL with an exception. */
static char *run_process(struct state *s, uint64_t k)
{
	char flags[16], number[24];
	snprintf(flags, sizeof flags, "%d", s->lazy ? RTLD_LAZY : RTLD_NOW);
	snprintf(number, sizeof number, "%llu", (unsigned long long)k);
	char *argv[] = {(char *)bd_self_executable(), "-B", "-s", "-P", "-S", "-c", (char *)code, s->name, s->folder,
		flags, s->function, number, NULL};
	bd_auto_free char *text = NULL;
	int status, r = bd_child_run(argv, s->envp, &text, &status);
	if (r == 0 && status == 0 && bd_starts_with(text, "imported "))
		return BD_TAKE_PTR(text);
	if (r < 0)
		PyErr_Format(bd_py_said(), "%s cannot be started: %s", argv[0], strerror(-r));
	else
		PyErr_Format(bd_py_said(), "%s could not import %s: status %d, %.300s", argv[0], s->name, status, text);
	return NULL;
}

/* One import in a process; its time, or -1 with an exception. */
static int64_t import_cold(struct state *s, uint64_t *k)
{
	bd_auto_free char *text = run_process(s, *k);
	long long wall, cpu, rss, peak;
	unsigned long long result;
	int path = 0;
	if (!text)
		return -1;
	if (sscanf(text, "imported %lld %lld %lld %lld %llu %n", &wall, &cpu, &rss, &peak, &result, &path) < 5 ||
		!path) {
		PyErr_Format(bd_py_said(), "nonsense from a process that imports: %.200s", text);
		return -1;
	}
	text[strcspn(text, "\n")] = '\0';
	if (!bd_streq(text + path, s->path) && !s->loaded)
		s->loaded = bd_strdup(text + path);
	if (s->rss_len < KEPT) {
		int64_t *more = BD_PUSH(s->rss, s->rss_len);
		*more = rss;
	}
	s->peak_bytes = BD_MAX(s->peak_bytes, peak);
	s->cpu_ns += cpu;
	*k = result;
	return wall;
}

/* ---- in this one ---------------------------------------------------------------------------------------------------------- */

static int64_t thread_cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The module is made again from the file that is loaded. */
static int64_t import_warm(struct state *s, uint64_t *k)
{
	PyObject *modules = PyImport_GetModuleDict();
	if (PyMapping_HasKeyString(modules, s->name) && PyMapping_DelItemString(modules, s->name) < 0)
		return -1;
	int64_t cpu = thread_cpu_ns(), begin = bd_clock_mono_ns();
	bd_auto_py PyObject *module = PyImport_ImportModuleLevel(s->name, NULL, NULL, NULL, 0);
	int64_t wall = bd_clock_mono_ns() - begin;
	s->cpu_ns += thread_cpu_ns() - cpu;
	bd_auto_py PyObject *result = module ? PyObject_CallMethod(module, s->function, "K", (unsigned long long)*k)
					     : NULL;
	*k = result ? PyLong_AsUnsignedLongLong(result) : 0;
	return PyErr_Occurred() ? -1 : wall;
}

/* Python's text of what was raised here, in whichever interpreter this is. */
static char *take_exception(void)
{
	PyObject *type, *value, *trace;
	PyErr_Fetch(&type, &value, &trace);
	bd_auto_py PyObject *text = value ? PyObject_Str(value) : NULL;
	const char *s = text ? PyUnicode_AsUTF8(text) : NULL;
	char *copy = bd_strdup(s ? s : "an exception without a text");
	PyErr_Clear();
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return copy;
}

static PyThreadState *go_in(PyThreadState *into)
{
	PyThreadState *outside = PyEval_SaveThread();
	PyEval_RestoreThread(into);
	return outside;
}

static void go_out(PyThreadState *outside)
{
	PyEval_SaveThread();
	PyEval_RestoreThread(outside);
}

static int make_interpreter(struct state *s, struct bd_error *err)
{
	PyThreadState *outside = PyThreadState_Get();
	int r = bd_subinterpreter_new(s->how == OWN_GIL, &s->made, err);
	if (r < 0)
		return r;
	PyObject *path = PySys_GetObject("path"), *folder = PyUnicode_DecodeFSDefault(s->folder);
	bool added = path && folder && PyList_Append(path, folder) == 0;
	Py_XDECREF(folder);
	if (!added) {
		bd_auto_free char *text = take_exception();
		r = bd_error_set(err, -EIO, "internal", "", "in the interpreter: %s", text);
	}
	go_out(outside);
	return r;
}

/* ---- the case -------------------------------------------------------------------------------------------------------------- */

static int setup(struct bd_work *w, struct bd_error *err)
{
	struct state *s = bd_alloc(sizeof *s);
	w->state = s;
	int r = read_how(w, s, err);
	if (r < 0 || (r = find_module(w, s, err)) < 0)
		return r;
	w->untimed = s->how != CACHED;
	switch (s->how) {
	case COLD:
		bd_child_environment((const char *const[]){"LD_BIND_NOW"}, 1, &s->env); /* would bind functions early */
		s->envp = bd_strv_argv(&s->env);
		return 0;
	case WARM:
		w->says_leaks = KEEPS_MODULES;
		return add_folder(s->folder, err);
	case CACHED: {
		bd_auto_free char *statement = bd_printf("import %s", s->name);
		w->per_turn = 10;
		r = add_folder(s->folder, err);
		return r < 0 ? r : bd_loop_compile("", statement, w->per_turn, &w->loop, err);
	}
	default:
		return make_interpreter(s, err);
	}
}

/* So many imports; their time together, or -1 with an exception. */
static int64_t import_all(struct state *s, uint64_t n, uint64_t *k)
{
	int64_t sum = 0, one = 0;
	for (uint64_t i = 0; i < n && one >= 0; i++) {
		one = s->how == COLD ? import_cold(s, k) : import_warm(s, k);
		sum += one;
	}
	return one < 0 ? -1 : sum;
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k_object)
{
	struct state *s = w->state;
	if (s->how == CACHED)
		return bd_loop_run(w, ticks, k_object);
	struct bd_ticker *t = (struct bd_ticker *)ticks;
	uint64_t k = PyLong_AsUnsignedLongLong(k_object);
	int64_t cpu = thread_cpu_ns();
	char *failure = NULL;
	s->cpu_ns = 0;
	PyThreadState *outside = s->made ? go_in(s->made) : NULL;
	t->begin_ns = bd_clock_mono_ns();
	int64_t wall = import_all(s, t->limit, &k);
	if (outside) {
		failure = wall < 0 ? take_exception() : NULL;
		go_out(outside);
	}
	if (failure)
		PyErr_SetString(bd_py_said(), failure);
	free(failure);
	if (wall < 0)
		return NULL;
	t->started = t->limit;
	t->end_ns = t->begin_ns + wall;
	/* what was not timed has used our processor, too */
	w->children.cpu_ns = s->cpu_ns - (thread_cpu_ns() - cpu);
	w->children.peak_bytes = s->peak_bytes;
	return PyLong_FromUnsignedLongLong(k);
}

/* V7, for what other processes loaded: in this one the worker looks itself. */
static int verify_file(struct bd_work *w, const struct state *s, struct bd_error *err)
{
	char id[129] = "none";
	w->refused_by = NULL;
	if (s->how != COLD)
		return 0;
	if (s->loaded) {
		w->refused_by = "V7";
		return bd_error_set(err, -EBADMSG, "not-in-manifest", "another file was loaded in its place",
			"a fresh process imported %s, not %s", s->loaded, s->path);
	}
	int r = bd_elf_build_id(s->path, id, sizeof id);
	if (r == 0 && bd_streq(id, s->build_id))
		return 0;
	w->refused_by = "V7";
	return bd_error_set(err, -EBADMSG, "build-id-differs", "build again, or find out who replaced the file",
		"%s has build-id %s, the build made %s", s->path, id, s->build_id);
}

static int verify(struct bd_work *w, PyObject *start_object, uint64_t ops, PyObject *result, struct bd_error *err)
{
	const struct state *s = w->state;
	uint64_t add = s->how == CACHED ? 0 : s->y * ops;
	uint64_t want = (PyLong_AsUnsignedLongLong(start_object) + add) & BD_KERNEL_MASK;
	uint64_t got = PyLong_AsUnsignedLongLong(result);
	if (PyErr_Occurred())
		PyErr_Clear();
	if (got != want)
		return bd_error_set(err, -EBADMSG, "wrong-result", "", "after %llu imports k is %llu, it must be %llu",
			(unsigned long long)ops, (unsigned long long)got, (unsigned long long)want);
	if (s->how == CACHED && !PyMapping_HasKeyString(PyImport_GetModuleDict(), s->name))
		return bd_error_set(err, -EBADMSG, "wrong-result", "", "%s was imported and is not in sys.modules",
			s->name);
	return verify_file(w, s, err);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void notes(struct bd_work *w, struct bd_reason **ret, size_t *ret_n)
{
	struct state *s = w->state;
	const struct bd_relocations *r = &s->relocations;
	bd_note_add(ret, ret_n, "relocations", "",
		"%llu relocations: %llu of addresses, %llu of names, %llu of functions that are called%s",
		(unsigned long long)(r->relative + r->symbolic + r->calls), (unsigned long long)r->relative,
		(unsigned long long)r->symbolic, (unsigned long long)r->calls,
		s->lazy ? ", bound at their first call" : "");
	if (w->says_leaks)
		bd_note_add(ret, ret_n, "leaks-unproven", "",
			"this Python keeps every module that was imported since it had a second thread");
	if (!s->rss_len)
		return;
	qsort(s->rss, s->rss_len, sizeof *s->rss, by_value);
	bd_note_add(ret, ret_n, "import-rss", "",
		"the import makes %lld KiB resident (median of %zu processes); at most a process had %lld KiB",
		(long long)(s->rss[s->rss_len / 2] / 1024), s->rss_len, (long long)(s->peak_bytes / 1024));
}

/* An interpreter stays until the process ends, as those of other cases do. */
static void teardown(struct bd_work *w)
{
	struct state *s = w->state;
	if (!s)
		return;
	free(s->name);
	free(s->folder);
	free(s->path);
	free(s->build_id);
	free(s->function);
	free(s->envp);
	free(s->loaded);
	free(s->rss);
	bd_strv_done(&s->env);
	free(s);
	w->state = NULL;
}

const struct bd_case bd_case_mod_import = {
	.name = "mod.import",
	.summary = "imports an extension module: in a fresh process, again, from sys.modules, in a sub-interpreter",
	.shape = BD_SHAPE_ITERATIONS,
	.plain = "plain",
	.params = params,
	.params_len = BD_LEN(params),
	.setup = setup,
	.run = run,
	.verify = verify,
	.teardown = teardown,
	.notes = notes,
};
