/* A command: one operation is one process of it, from before the fork to after the wait. */
#include "targets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct state {
	char *program; /* what PATH led to */
	char **argv, **envp;
	struct bd_strv env;
	int null;
	pid_t self;
};

static const struct bd_target *target_of(const struct bd_work *w)
{
	return w->desc->data;
}

/* ---- finding it ------------------------------------------------------------------------------------------------ */

static bool runs(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static const char *variable(const struct bd_target *t, const char *name)
{
	const char *own = bd_map_get(&t->env, name);
	return own ? own : getenv(name);
}

/* As execvp would, from the command's own folder and with its own PATH. NULL: there is none. */
static char *find(const struct bd_target *t)
{
	const char *name = t->argv.v[0], *cwd = t->cwd ? t->cwd : ".";
	if (strchr(name, '/')) {
		bd_auto_free char *path = *name == '/' ? bd_strdup(name) : bd_printf("%s/%s", cwd, name);
		return runs(path) ? BD_TAKE_PTR(path) : NULL;
	}
	const char *search = variable(t, "PATH");
	bd_auto_strv struct bd_strv folders = {0};
	bd_strv_split(&folders, search ? search : "/usr/bin:/bin", ':');
	for (size_t i = 0; i < folders.n; i++) {
		const char *f = folders.v[i];
		bd_auto_free char *path = *f == '/' ? bd_printf("%s/%s", f, name)
						    : bd_printf("%s/%s/%s", cwd, *f ? f : ".", name);
		if (runs(path))
			return BD_TAKE_PTR(path);
	}
	return NULL;
}

/* ---- at work --------------------------------------------------------------------------------------------------- */

/* The worker's own, but for what is between it and benchd, and the target's on top. */
static void make_environment(const struct bd_target *t, struct bd_strv *ret)
{
	for (char **e = environ; *e; e++) {
		const char *equals = strchr(*e, '=');
		bd_auto_free char *name = equals ? bd_strndup(*e, (size_t)(equals - *e)) : NULL;
		if (name && !bd_starts_with(name, "BENCHD_") && !bd_map_get(&t->env, name))
			bd_strv_add(ret, *e);
	}
	for (size_t i = 0; i < t->env.n; i++)
		bd_strv_addf(ret, "%s=%s", t->env.v[i].key, t->env.v[i].value);
}

static int setup(struct bd_work *w, struct bd_error *err)
{
	const struct bd_target *t = target_of(w);
	if (w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "one process of %s at a time", w->desc->name);
	struct state *s = bd_alloc(sizeof *s);
	w->state = s;
	s->null = bd_fd_high(open("/dev/null", O_RDWR | O_CLOEXEC));
	s->self = getpid();
	s->program = find(t);
	make_environment(t, &s->env);
	s->argv = bd_strv_argv(&t->argv);
	s->envp = bd_strv_argv(&s->env);
	if (!s->program)
		return bd_error_set(err, -EINVAL, "command-not-found", "", "%s is gone", t->argv.v[0]);
	return 0;
}

/* vfork and not posix_spawn, which does the same but cannot ask for the child's death with ours. The child shares our
 * memory and only makes system calls; -errno of what failed. */
static pid_t start(const struct bd_target *t, const struct state *s)
{
	volatile int failed = 0;
	pid_t pid = vfork();
	if (pid != 0)
		return pid < 0 ? -errno : failed ? (waitpid(pid, NULL, 0), -failed) : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigaction(SIGPIPE, &standard, NULL);
	if (getppid() == s->self && dup2(s->null, 0) == 0 && dup2(s->null, 1) == 1 && (!t->cwd || chdir(t->cwd) == 0))
		execve(s->program, s->argv, s->envp);
	failed = errno ? errno : ESRCH;
	_exit(127);
}

static int64_t ns(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000000 + (int64_t)t->tv_usec * 1000;
}

static void add_usage(struct bd_children *to, const struct rusage *ru)
{
	to->cpu_ns += ns(&ru->ru_utime) + ns(&ru->ru_stime);
	to->voluntary += ru->ru_nvcsw;
	to->involuntary += ru->ru_nivcsw;
	to->minor_faults += ru->ru_minflt;
	to->major_faults += ru->ru_majflt;
	to->peak_bytes = BD_MAX(to->peak_bytes, (int64_t)ru->ru_maxrss * 1024);
}

/* As a Python exception, with the end of what it wrote to its standard error. */
static void raise_status(struct bd_work *w, int status, int64_t from)
{
	const char *name = target_of(w)->argv.v[0];
	char said[241];
	w->failure_key = "command-failed";
	bd_output_error_tail(from, said, sizeof said);
	const char *colon = *said ? ": " : "";
	if (WIFSIGNALED(status))
		PyErr_Format(bd_py_said(), "%s was ended by signal %d (%s)%s%s", name, WTERMSIG(status),
			strsignal(WTERMSIG(status)), colon, said);
	else
		PyErr_Format(bd_py_said(), "%s exited with status %d%s%s", name, WEXITSTATUS(status), colon, said);
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k)
{
	(void)k;
	struct bd_ticker *t = (struct bd_ticker *)ticks;
	const struct bd_target *target = target_of(w);
	const struct state *s = w->state;
	t->begin_ns = bd_clock_mono_ns();
	for (; t->started < t->limit; t->started++) {
		int64_t said = bd_output_error_at();
		pid_t pid = start(target, s);
		if (pid < 0) {
			w->failure_key = "command-failed";
			PyErr_Format(bd_py_said(), "%s cannot be started: %s", s->program, strerror(-pid));
			return NULL;
		}
		int status;
		struct rusage ru;
		while (wait4(pid, &status, 0, &ru) < 0)
			if (errno != EINTR) {
				PyErr_SetFromErrno(PyExc_OSError);
				return NULL;
			}
		add_usage(&w->children, &ru);
		if (status != 0) {
			raise_status(w, status, said);
			return NULL;
		}
	}
	t->end_ns = bd_clock_mono_ns();
	return Py_NewRef(Py_None);
}

/* That every process ended with status 0 was seen in run. */
static int verify(struct bd_work *w, PyObject *start_value, uint64_t ops, PyObject *result, struct bd_error *err)
{
	(void)w, (void)start_value, (void)ops, (void)result, (void)err;
	return 0;
}

static void notes(struct bd_work *w, struct bd_reason **ret, size_t *ret_n)
{
	bd_note_add(ret, ret_n, "process", "",
		"each operation is one process of %s, from its start to its end, its output thrown away",
		target_of(w)->argv.v[0]);
}

static void teardown(struct bd_work *w)
{
	struct state *s = w->state;
	if (!s)
		return;
	bd_closep(&s->null);
	free(s->program);
	free(s->argv);
	free(s->envp);
	bd_strv_done(&s->env);
	free(s);
	w->state = NULL;
}

void bd_process_load(struct bd_unit *unit)
{
	const struct bd_target *t = bd_target_of(unit);
	struct bd_error err;
	struct stat st;
	bd_auto_free char *program = find(t);
	if (t->cwd && (stat(t->cwd, &st) < 0 || !S_ISDIR(st.st_mode))) {
		bd_error_set(&err, -EINVAL, "no-such-input", "", "there is no folder %s to run it in", t->cwd);
		bd_target_case_unusable(unit, unit->name, &err);
		return;
	}
	if (!program) {
		const char *path = variable(t, "PATH");
		if (strchr(t->argv.v[0], '/'))
			bd_error_set(&err, -EINVAL, "command-not-found", "", "%s is no program that can be started",
				t->argv.v[0]);
		else
			bd_error_set(&err, -EINVAL, "command-not-found", "a shell's own words need: sh -c '…'",
				"there is no command %s in %s", t->argv.v[0], path ? path : "/usr/bin:/bin");
		bd_target_case_unusable(unit, unit->name, &err);
		return;
	}
	bd_auto_str struct bd_str line = {0};
	for (size_t i = 0; i < t->argv.n && line.len < 200; i++)
		bd_str_printf(&line, "%s%.200s", i ? " " : "", t->argv.v[i]);
	struct bd_target_case *row = bd_target_case_add(unit, unit->name);
	row->affinity = bd_strdup("set"); /* whether it has threads of its own, nobody knows */
	row->c.summary = bd_str_take(&line);
	row->c.shape = BD_SHAPE_ITERATIONS;
	row->c.plain = "process";
	row->c.setup = setup;
	row->c.run = run;
	row->c.verify = verify;
	row->c.teardown = teardown;
	row->c.notes = notes;
	row->c.data = t;
}
