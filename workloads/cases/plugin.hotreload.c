/* plugin.hotreload: the next version of a plugin is loaded, called, and takes the place of the one before, which is retired:
 * that is one operation. Versions are built by the machine's compiler before anything is timed. What a reload leaves behind
 * is a figure of this case: a note says it, per reload. */
#include "bd_bench.h"
#include "bd_plugin_manager.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum isolation { SHARED, NAMESPACE, INTERPRETER, OWN_GIL };
static const char *const isolation_values[] = {"dlopen", "dlmopen", "interpreter", "own-gil"};
static const struct bd_param params[] = {
	{"isolation",
		"dlopen of a file with a name of its own; in a namespace of its own; dlopen, and run in a sub-interpreter "
		"of its own; in one with its own GIL",
		isolation_values, BD_LEN(isolation_values)},
};

#define VERSIONS 2 /* built; reloading goes round */

struct look { /* after a batch */
	uint64_t reloads;
	int64_t heap_bytes, resident_bytes, mapped_bytes;
};

struct place { /* where one version runs */
	PyThreadState *made, *outside;
};

struct state {
	enum isolation isolation;
	char *folder, *versions[VERSIONS];
	int lock; /* on the folder, while it is somebody's */
	struct bd_plugin_manager *manager;
	struct bd_plugin_place hooks;
	size_t index;
	uint64_t reloads, batch_from; /* so many ever; when the last batch began */
	int64_t build_ns;
	struct look *looks;
	size_t looks_len;
};

/* ---- building ---------------------------------------------------------------------------------------------------------- */

static char *find_compiler(void)
{
	static const char *const names[] = {"cc", "gcc", "clang"};
	const char *path = getenv("PATH");
	bd_auto_strv struct bd_strv folders = {0};
	bd_strv_split(&folders, path ? path : "/usr/bin:/bin", ':');
	for (size_t n = 0; n < BD_LEN(names); n++)
		for (size_t i = 0; i < folders.n; i++) {
			bd_auto_free char *file = bd_printf("%s/%s", folders.v[i], names[n]);
			if (*folders.v[i] == '/' && access(file, X_OK) == 0)
				return BD_TAKE_PTR(file);
		}
	return NULL;
}

static int build(struct state *s, unsigned i, const char *compiler, struct bd_error *err)
{
	bd_auto_free char *sources = bd_printf("%s/../../plugins", bd_self_folder());
	bd_auto_free char *source = bd_printf("%s/reloaded.c", sources), *include = bd_printf("-I%s", sources);
	bd_auto_free char *version = bd_printf("-DVERSION=%u", i + 1), *text = NULL;
	s->versions[i] = bd_printf("%s/version-%u.so", s->folder, i + 1);
	char *argv[] = {(char *)compiler, "-shared", "-fPIC", "-O2", version, include, "-o", s->versions[i], source,
		NULL};
	bd_auto_strv struct bd_strv env = {0};
	bd_child_environment((const char *const[]){"LD_PRELOAD"}, 1, &env); /* the compiler's malloc is not the point */
	bd_auto_free char **envp = bd_strv_argv(&env);
	int status, r = bd_child_run(argv, envp, &text, &status);
	if (r < 0)
		return bd_error_set(err, -ENOTSUP, "no-compiler", "", "%s cannot be started: %s", compiler,
			strerror(-r));
	if (status != 0 && strstr(text, "No space left on device"))
		return bd_error_set(err, -ENOSPC, "reload-failed",
			"make room there, or name another folder with --env TMPDIR=",
			"there is no room for a plugin in %s", s->folder);
	if (status != 0) /* without a libc to link with, say */
		return bd_error_set(err, -ENOTSUP, "no-compiler", "apt-get install gcc libc6-dev",
			"%s cannot build a plugin: %.300s", compiler, text);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

#define PREFIX "benchd-reload-"

/* Removes what killed workers left: nobody else does. A folder is locked while it is somebody's, for those whose process cannot
 * be seen from here. */
static void sweep(const char *tmp)
{
	DIR *dir = opendir(tmp);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		const char *pid = e->d_name + strlen(PREFIX);
		size_t digits = bd_starts_with(e->d_name, PREFIX) ? strspn(pid, "0123456789") : 0;
		bd_auto_free char *process = bd_printf("/proc/%.*s", (int)digits, pid);
		if (!digits || pid[digits] != '-' || access(process, F_OK) == 0)
			continue;
		bd_auto_free char *path = bd_printf("%s/%s", tmp, e->d_name);
		bd_auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
			nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	if (dir)
		closedir(dir);
}

static int make_folder(struct state *s, struct bd_error *err)
{
	const char *tmp = getenv("TMPDIR");
	if (!tmp || *tmp != '/')
		tmp = "/tmp";
	sweep(tmp);
	s->folder = bd_printf("%s/" PREFIX "%d-XXXXXX", tmp, getpid());
	if (!mkdtemp(s->folder)) {
		int e = errno;
		free(BD_TAKE_PTR(s->folder));
		return bd_error_set(err, -e, "internal", "", "no temporary folder: %s", strerror(e));
	}
	s->lock = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock >= 0)
		(void)flock(s->lock, LOCK_SH);
	return 0;
}

static int build_all(struct state *s, struct bd_error *err)
{
	bd_auto_free char *compiler = find_compiler();
	if (!compiler)
		return bd_error_set(err, -ENOTSUP, "no-compiler", "apt-get install gcc libc6-dev",
			"there is no C compiler to build the plugin's versions with");
	int failed = make_folder(s, err);
	if (failed < 0)
		return failed;
	int64_t begin = bd_clock_mono_ns();
	for (unsigned i = 0; i < VERSIONS; i++) {
		int r = build(s, i, compiler, err);
		if (r < 0)
			return r;
	}
	s->build_ns = (bd_clock_mono_ns() - begin) / VERSIONS;
	return 0;
}

/* ---- a sub-interpreter for each version ----------------------------------------------------------------------------------- */

static int place_make(void *arg, void **ret, struct bd_error *err)
{
	PyThreadState *outside = PyThreadState_Get();
	struct place *p = bd_alloc(sizeof *p);
	int r = bd_subinterpreter_new(((const struct state *)arg)->isolation == OWN_GIL, &p->made, err);
	if (r < 0) {
		free(p);
		return r;
	}
	PyThreadState_Swap(outside);
	*ret = p;
	return 0;
}

static void place_enter(void *place)
{
	struct place *p = place;
	p->outside = PyThreadState_Swap(p->made);
}

static void place_leave(void *place)
{
	struct place *p = place;
	PyThreadState_Swap(p->outside);
}

static void place_end(void *place)
{
	struct place *p = place;
	PyThreadState *outside = PyThreadState_Swap(p->made);
	Py_EndInterpreter(p->made);
	PyThreadState_Swap(outside);
	free(p);
}

/* ---- reloading -------------------------------------------------------------------------------------------------------------- */

static uint64_t work(uint64_t x, uint64_t y)
{
	return (uint64_t)bd_kernel_i64_2((int64_t)x, (int64_t)y);
}

static const struct bd_plugin_host host = {work};

static uint64_t version_of(uint64_t reload)
{
	return reload % VERSIONS + 1;
}

/* glibc takes back the thread-local memory of a namespace's libc only when that was the last one made: the old version goes
 * before the new one comes. Elsewhere it works until the new one does. */
static int reload(struct state *s, uint64_t *k, struct bd_error *err)
{
	int r = 0;
	if (s->isolation == NAMESPACE && s->reloads)
		r = bd_plugin_manager_retire(s->manager, "reloaded", err);
	if (r == 0)
		r = bd_plugin_manager_load(s->manager, s->versions[s->reloads % VERSIONS], &s->index, err);
	if (r < 0)
		return r;
	s->reloads++;
	*k = bd_plugin_manager_call(s->manager, s->index, *k);
	return 0;
}

static int setup(struct bd_work *w, struct bd_error *err)
{
	if (w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "%s has one thread", w->desc->name);
	struct state *s = bd_alloc(sizeof *s);
	s->lock = -1;
	w->state = s;
	w->native_calls = 1;
	const char *isolation = bd_work_param(w, "isolation");
	for (s->isolation = SHARED; s->isolation < OWN_GIL && !bd_streq(isolation_values[s->isolation], isolation);
		s->isolation++)
		;
	bool interpreters = s->isolation >= INTERPRETER;
	w->says_leaks = interpreters;               /* Python itself keeps something of each */
	w->says_mapped = s->isolation == NAMESPACE; /* the heap of its libc, which nobody can give back */
#if PY_VERSION_HEX < 0x030c0000
	if (s->isolation == OWN_GIL)
		return bd_error_set(err, -ENOTSUP, "no-own-gil", "Python 3.12 or newer, or isolation=interpreter",
			"before Python 3.12 all interpreters of a process share one GIL");
#endif
	int r = build_all(s, err);
	if (r < 0)
		return r;
	s->hooks = (struct bd_plugin_place){place_make, place_enter, place_leave, place_end, s};
	bd_auto_free char *copies = bd_printf("%s/loaded", s->folder);
	return bd_plugin_manager_new(copies, s->isolation == NAMESPACE ? BD_PLUGIN_OWN : BD_PLUGIN_SHARED, &host,
		interpreters ? &s->hooks : NULL, &s->manager, err);
}

static void look(struct state *s)
{
	bool own;
	long long mapped = 0, resident = 0;
	bd_auto_free char *text = NULL;
	if (bd_file_read("/proc/self/statm", 4096, &text, NULL) < 0 ||
		sscanf(text, "%lld %lld", &mapped, &resident) != 2)
		return;
	long page = sysconf(_SC_PAGESIZE);
	struct look *l = BD_PUSH(s->looks, s->looks_len);
	*l = (struct look){s->reloads, bd_malloc_exact_bytes(&own), resident * page, mapped * page};
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k_object)
{
	struct state *s = w->state;
	struct bd_ticker *t = (struct bd_ticker *)ticks;
	struct bd_error err = {0};
	uint64_t k = PyLong_AsUnsignedLongLong(k_object);
	s->batch_from = s->reloads;
	t->begin_ns = bd_clock_mono_ns();
	for (; t->started < t->limit; t->started++)
		if (reload(s, &k, &err) < 0) {
			w->failure_key = "reload-failed";
			PyErr_Format(bd_py_said(), "reload %llu: %s", (unsigned long long)s->reloads, err.message);
			return NULL;
		}
	t->end_ns = bd_clock_mono_ns();
	look(s);
	return PyLong_FromUnsignedLongLong(k);
}

static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	const struct state *s = w->state;
	uint64_t want = PyLong_AsUnsignedLongLong(start), got = PyLong_AsUnsignedLongLong(result);
	for (uint64_t i = 0; i < ops; i++)
		want += version_of(s->batch_from + i);
	want &= BD_KERNEL_MASK;
	if (PyErr_Occurred())
		PyErr_Clear();
	w->refused_by = NULL;
	if (got != want)
		return bd_error_set(err, -EBADMSG, "wrong-result", "", "after %llu reloads k is %llu, it must be %llu",
			(unsigned long long)ops, (unsigned long long)got, (unsigned long long)want);
	uint64_t stays = bd_plugin_manager_counts(s->manager).stays;
	if (!stays)
		return 0;
	w->refused_by = "V6";
	return bd_error_set(err, -EBADMSG, "leak", "",
		"the code of %llu of %llu retired versions is still in the process", (unsigned long long)stays,
		(unsigned long long)bd_plugin_manager_counts(s->manager).retired);
}

/* ---- what a reload leaves behind --------------------------------------------------------------------------------------------- */

#define WARM_UP 5 /* reloads that fill caches */
#define PART 4    /* reloads at least between two looks that are compared */
#define PARTS 5   /* so many times, at least; */
#define PARTS_MAX 16
#define SETTLE_NS 2000000000
enum { HEAP, RESIDENT, MAPPED };

static int64_t figure(const struct look *l, int which)
{
	return which == HEAP ? l->heap_bytes : which == RESIDENT ? l->resident_bytes : l->mapped_bytes;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Bytes per reload: the median over parts of the run; 0 unless every part grew. NAN: nobody knows. */
static double slope(const struct state *s, int which)
{
	double per[PARTS_MAX];
	const struct look *from = NULL;
	unsigned parts = 0;
	bool grew = true;
	uint64_t least = BD_MAX(s->reloads / PARTS_MAX, (uint64_t)PART);
	for (size_t i = 0; i < s->looks_len && parts < PARTS_MAX; i++) {
		const struct look *l = &s->looks[i];
		if (figure(l, which) == BD_NULL_INT)
			return NAN;
		if (!from) {
			from = l->reloads >= WARM_UP ? l : NULL;
			continue;
		}
		if (l->reloads - from->reloads < least)
			continue;
		int64_t more = figure(l, which) - figure(from, which);
		grew = grew && more > 0;
		per[parts++] = (double)more / (double)(l->reloads - from->reloads);
		from = l;
	}
	if (parts < PARTS)
		return NAN;
	qsort(per, parts, sizeof *per, by_value);
	return grew ? per[parts / 2] : 0;
}

/* More reloads, untimed, where the timed ones were too few to tell. */
static int settle(struct bd_work *w, struct bd_error *err)
{
	struct state *s = w->state;
	uint64_t k = 0;
	int64_t end = bd_clock_mono_ns() + SETTLE_NS;
	while (isnan(slope(s, RESIDENT)) && bd_clock_mono_ns() < end) {
		int r = reload(s, &k, err);
		if (r < 0)
			return r;
		look(s);
	}
	return 0;
}

static int enter(struct bd_work *w, struct bd_error *err)
{
	(void)w, (void)err;
	return 0;
}

static void add(struct bd_str *text, double bytes, const char *of)
{
	if (isnan(bytes))
		bd_str_printf(text, "%san unknown number of bytes %s", text->len ? ", " : "", of);
	else
		bd_str_printf(text, "%s%.0f bytes %s", text->len ? ", " : "", bytes, of);
}

static void notes(struct bd_work *w, struct bd_reason **ret, size_t *ret_n)
{
	const struct state *s = w->state;
	bd_note_add(ret, ret_n, "build", "", "the compiler needs %.0f ms for a version, which is not timed",
		(double)s->build_ns / 1e6);
	if (isnan(slope(s, RESIDENT))) /* while it is prepared, too */
		return;
	bd_auto_str struct bd_str text = {0};
	add(&text, slope(s, HEAP), "of heap");
	add(&text, slope(s, RESIDENT), "resident");
	add(&text, slope(s, MAPPED), "of address space");
	bd_note_add(ret, ret_n, "leak-slope", "", "a reload leaves behind %s (%llu reloads)", text.s,
		(unsigned long long)s->reloads);
}

static void teardown(struct bd_work *w)
{
	struct state *s = w->state;
	if (!s)
		return;
	bd_plugin_manager_free(&s->manager);
	for (unsigned i = 0; i < VERSIONS; i++) {
		if (s->versions[i])
			unlink(s->versions[i]);
		free(s->versions[i]);
	}
	if (s->folder)
		rmdir(s->folder);
	if (s->lock >= 0)
		close(s->lock);
	free(s->folder);
	free(s->looks);
	free(s);
	w->state = NULL;
}

const struct bd_case bd_case_plugin_hotreload = {
	.name = "plugin.hotreload",
	.summary = "loads the next version of a plugin, calls it and retires the one before",
	.shape = BD_SHAPE_ITERATIONS,
	.plain = "plain",
	.params = params,
	.params_len = BD_LEN(params),
	.setup = setup,
	.run = run,
	.verify = verify,
	.enter = enter,
	.settle = settle,
	.teardown = teardown,
	.notes = notes,
};
