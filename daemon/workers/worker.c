#include "bd_workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROTOCOL 1
#define MAX_LINE ((size_t)4 << 20)
#define DEFAULT_TIMEOUT_NS (INT64_C(20) * 1000000000)
/* Between the end of a worker's output and the news of its death: the kernel closes descriptors first. */
#define DEATH_GRACE_NS (INT64_C(1) * 1000000000)

struct bd_worker {
	pid_t pid;
	int pidfd;
	int in_fd, out_fd;   /* its messages; ours */
	struct bd_str in;    /* bytes at .. len are not read yet */
	size_t at, searched; /* no line end before `searched` */
	int64_t timeout_ns;  /* of start and of sending */
	int64_t started_ns;
	bool dead;
	struct bd_error why; /* the error that ended it: every later call repeats it */
	struct bd_worker_ready ready;
};

/* ---- the end of a worker ------------------------------------------------------------------------------- */

/* Kills whatever is left of it, its own children included, and keeps the reason. */
static int put_down(struct bd_worker *w, const struct bd_error *why, struct bd_error *err)
{
	w->dead = true;
	w->why = *why;
	bd_spawn_kill(w->pid);
	bd_closep(&w->in_fd);
	bd_closep(&w->out_fd);
	bd_str_done(&w->in);
	if (err)
		*err = *why;
	return why->code;
}

static int still_dead(const struct bd_worker *w, struct bd_error *err)
{
	if (err)
		*err = w->why;
	return w->why.code;
}

static int broke_protocol(struct bd_worker *w, struct bd_error *err, const char *hint, const char *fmt, ...)
	BD_PRINTF(4, 5);
static int broke_protocol(struct bd_worker *w, struct bd_error *err, const char *hint, const char *fmt, ...)
{
	struct bd_error why;
	char message[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	bd_error_set(&why, -EPROTO, "protocol", hint, "the worker %s", message);
	return put_down(w, &why, err);
}

static int timed_out(struct bd_worker *w, const char *what, int64_t timeout_ns, struct bd_error *err)
{
	struct bd_error why;
	bd_error_set(&why, -ETIMEDOUT, "timeout", "a case that never ends, or a machine far too busy",
		"the worker did not %s within %.3g s", what, (double)timeout_ns / 1e9);
	return put_down(w, &why, err);
}

static int milliseconds_until(int64_t deadline_ns)
{
	int64_t left = deadline_ns - bd_clock_mono_ns();
	return left <= 0 ? 0 : (int)BD_MIN((left + 999999) / 1000000, (int64_t)3600 * 1000);
}

/* One of its pipes is at an end: because it died, or because it closed it. `doing` completes "while benchd …". */
static int ended(struct bd_worker *w, const char *closed, const char *doing, struct bd_error *err)
{
	struct pollfd p = {.fd = w->pidfd, .events = POLLIN};
	int64_t deadline = bd_clock_mono_ns() + DEATH_GRACE_NS;
	while (poll(&p, 1, milliseconds_until(deadline)) < 0 && errno == EINTR)
		;
	siginfo_t si = {0};
	if (waitid(P_PID, (id_t)w->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
		return broke_protocol(w, err, NULL, "closed its %s but lives on", closed);
	struct bd_error why;
	if (si.si_code == CLD_EXITED)
		bd_error_set(&why, -ECHILD, "exit", "its own output is in the log",
			"the worker exited with status %d while benchd %s", si.si_status, doing);
	else
		bd_error_set(&why, -ECHILD, "signal",
			si.si_status == SIGKILL ? "the kernel kills a large process when memory runs out"
						: "its own output is in the log",
			"the worker was ended by signal %d (%s) while benchd %s", si.si_status, strsignal(si.si_status),
			doing);
	return put_down(w, &why, err);
}

/* ---- messages ------------------------------------------------------------------------------------------ */

/* A worker that no longer reads must not raise SIGPIPE in whoever writes to it, whatever that program does about it. */
static ssize_t write_quietly(int fd, const void *p, size_t n)
{
	sigset_t pipe_signal, pending, old;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
	ssize_t k = write(fd, p, n);
	int saved = errno;
	if (k < 0 && saved == EPIPE && !sigismember(&pending, SIGPIPE)) {
		const struct timespec now = {0};
		while (sigtimedwait(&pipe_signal, NULL, &now) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return k;
}

/* Reads what is there. >0 bytes, 0 end, -EAGAIN nothing now. */
static int fill(struct bd_worker *w)
{
	char chunk[8192]; /* this may be a thread of the HTTP server, whose stack is 100 KiB */
	ssize_t k;
	do
		k = read(w->in_fd, chunk, sizeof chunk);
	while (k < 0 && errno == EINTR);
	if (k < 0)
		return errno == EAGAIN ? -EAGAIN : 0;
	bd_str_append(&w->in, chunk, (size_t)k);
	return (int)k;
}

int bd_worker_send(struct bd_worker *w, const cJSON *message, struct bd_error *err)
{
	if (w->dead)
		return still_dead(w, err);
	bd_auto_free char *text = bd_json_text(message);
	size_t len = strlen(text), done = 0;
	text[len++] = '\n'; /* in place of the NUL */
	int64_t deadline = bd_clock_mono_ns() + w->timeout_ns;
	while (done < len) {
		ssize_t k = write_quietly(w->out_fd, text + done, len - done);
		if (k >= 0) {
			done += (size_t)k;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return ended(w, "input", "was sending it a message", err);
		if (bd_clock_mono_ns() >= deadline)
			return timed_out(w, "take a message", w->timeout_ns, err);
		/* Reading meanwhile: a worker that fills the other pipe with its log would never come to read. */
		struct pollfd p[] = {
			{.fd = w->out_fd, .events = POLLOUT},
			{.fd = w->in.len - w->at <= MAX_LINE ? w->in_fd : -1, .events = POLLIN},
		};
		poll(p, BD_LEN(p), milliseconds_until(deadline));
		if (p[1].revents && fill(w) == 0)
			return ended(w, "output", "was sending it a message", err);
	}
	return 0;
}

/* The next line, NUL in place of its end, or NULL. Borrowed until the buffer is filled again. */
static char *next_line(struct bd_worker *w, size_t *ret_len)
{
	char *end = w->in.len > w->searched ? memchr(w->in.s + w->searched, '\n', w->in.len - w->searched) : NULL;
	if (!end) {
		if (w->at) {
			w->in.len -= w->at;
			memmove(w->in.s, w->in.s + w->at, w->in.len + 1);
			w->at = 0;
		}
		w->searched = w->in.len;
		return NULL;
	}
	char *line = w->in.s + w->at;
	*end = 0;
	*ret_len = (size_t)(end - line);
	w->at = w->searched = (size_t)(end - w->in.s) + 1;
	return line;
}

static void log_message(const struct bd_worker *w, const cJSON *j)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "message"));
	bd_auto_free char *clean = bd_strdup(text ? text : "(no message)");
	for (char *c = clean; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127) /* one line, nothing a terminal would obey */
			*c = ' ';
	bd_log(BD_LOG_DEBUG, "worker %d: %s", (int)w->pid, clean);
}

static int faulted(struct bd_worker *w, const cJSON *j, struct bd_error *err)
{
	const cJSON *reason = cJSON_GetObjectItemCaseSensitive(j, "reason");
	const char *text = cJSON_GetStringValue(reason);
	if (!text)
		text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reason, "message"));
	return broke_protocol(w, err, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reason, "hint")),
		"gave up: %s", text ? text : "no reason given");
}

/* 0: *ret is the wanted message; 1: a log message, go on; else an error, and the worker is dead. */
static int judge(struct bd_worker *w, char *line, size_t len, const char *const *types, cJSON **ret,
	struct bd_error *err)
{
	if (len > MAX_LINE)
		return broke_protocol(w, err, NULL, "sent a line of %zu bytes, more than 4 MiB", len);
	if (strlen(line) != len)
		return broke_protocol(w, err, NULL, "sent a NUL byte");
	bd_auto_json cJSON *j = NULL;
	struct bd_error bad;
	if (bd_json_parse(line, "message", &j, &bad) < 0)
		return broke_protocol(w, err, "only messages belong on the descriptors of BENCHD_FDS",
			"sent what is not JSON: %.200s", bad.message);
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "type"));
	if (!cJSON_IsObject(j) || !type)
		return broke_protocol(w, err, NULL, "sent JSON that is not an object with a type: %.100s", line);
	if (bd_streq(type, "log")) {
		log_message(w, j);
		return 1;
	}
	for (size_t i = 0; types[i]; i++) {
		if (bd_streq(type, types[i])) {
			*ret = BD_TAKE_PTR(j);
			return 0;
		}
	}
	if (bd_streq(type, "fault"))
		return faulted(w, j, err);
	return broke_protocol(w, err, NULL, "answered '%.60s' where '%s' was due", type, types[0]);
}

int bd_worker_receive(struct bd_worker *w, const char *const *types, int64_t timeout_ns, int cancel_fd, cJSON **ret,
	struct bd_error *err)
{
	if (w->dead)
		return still_dead(w, err);
	bd_auto_free char *doing = bd_printf("waited for '%s'", types[0]), *what = bd_printf("answer '%s'", types[0]);
	int64_t deadline = bd_clock_mono_ns() + timeout_ns;
	for (bool looked = false;;) {
		size_t len;
		char *line = next_line(w, &len);
		if (line) {
			int r = judge(w, line, len, types, ret, err);
			if (r <= 0)
				return r;
		} else if (w->in.len > MAX_LINE) {
			return broke_protocol(w, err, NULL, "sent a line of more than 4 MiB");
		}
		/* Also between messages that are skipped: a worker that never stops talking has not answered. */
		struct pollfd p[] = {
			{.fd = w->in_fd, .events = POLLIN},
			{.fd = w->pidfd, .events = POLLIN},
			{.fd = cancel_fd, .events = POLLIN},
		};
		int wait_ms = milliseconds_until(deadline);
		/* A failure can only be a signal: revents are 0 then, and the time is looked at again. */
		poll(p, BD_LEN(p), line ? 0 : wait_ms);
		if (p[2].revents)
			return bd_error_set(err, -ECANCELED, "cancelled", NULL, "cancelled while the worker was to %s",
				what);
		/* An answer that is already there counts, even when it is we who come late: one more look. */
		bool late = wait_ms == 0;
		if (late && (line || looked || !p[0].revents))
			return timed_out(w, what, timeout_ns, err);
		looked = late;
		if (line || !(p[0].revents || p[1].revents))
			continue;
		/* A dead worker's last words are read first. Somebody it started may hold the pipe open: then there is
		 * nothing to read and no end either, only the pidfd tells. */
		int k = fill(w);
		if (k == 0 || (k < 0 && p[1].revents))
			return ended(w, "output", doing, err);
	}
}

/* ---- start --------------------------------------------------------------------------------------------- */

static bool zero_hex(const char *s)
{
	return s && *s && strspn(s, "0") == strlen(s);
}

/* The value of a line of /proc/PID/status, as text; NULL when there is none. Caller frees. */
static char *status_field(const char *status, const char *name)
{
	bd_auto_free char *start = bd_printf("\n%s:", name);
	const char *at = strstr(status, start);
	if (!at)
		return NULL;
	at += strlen(start);
	at += strspn(at, " \t");
	return bd_strndup(at, strcspn(at, "\n"));
}

/* What the kernel says, because a worker may say anything. */
static int check_privileges(struct bd_worker *w, struct bd_error *err)
{
	struct bd_error why;
	const char *hint = "a worker runs code under test and must hold nothing that code could use";
	if (!zero_hex(w->ready.cap_eff) || w->ready.no_new_privs != 1) {
		bd_error_set(&why, -EPERM, "privilege", hint,
			"the worker reports CapEff %s and NoNewPrivs %lld, not 0 and 1",
			w->ready.cap_eff ? w->ready.cap_eff : "nothing", (long long)w->ready.no_new_privs);
		return put_down(w, &why, err);
	}
	bd_auto_free char *path = bd_printf("/proc/%d/status", (int)w->pid), *status = NULL;
	int r = bd_file_read(path, 1 << 20, &status, NULL);
	if (r < 0) {
		bd_error_set(&why, r, "privilege", hint, "cannot read %s: %s", path, strerror(-r));
		return put_down(w, &why, err);
	}
	static const char *const none[] = {"CapEff", "CapPrm", "CapAmb"};
	for (size_t i = 0; i < BD_LEN(none); i++) {
		bd_auto_free char *value = status_field(status, none[i]);
		if (!zero_hex(value)) {
			bd_error_set(&why, -EPERM, "privilege", hint, "the worker's %s is %s, not 0", none[i],
				value ? value : "unknown");
			return put_down(w, &why, err);
		}
	}
	bd_auto_free char *no_new = status_field(status, "NoNewPrivs");
	if (!bd_streq(no_new, "1")) {
		bd_error_set(&why, -EPERM, "privilege", hint, "the worker's NoNewPrivs is %s, not 1",
			no_new ? no_new : "unknown");
		return put_down(w, &why, err);
	}
	return 0;
}

static int take_ready(struct bd_worker *w, const cJSON *j, struct bd_error *err)
{
	struct bd_error bad;
	if (bd_doc_decode(&bd_worker_ready_doc, j, &w->ready, &bad) < 0)
		return broke_protocol(w, err, bad.hint, "sent a bad 'ready': %.300s", bad.message);
	if (w->ready.protocol != PROTOCOL)
		return broke_protocol(w, err, "build benchd and its workers from the same tree",
			"speaks protocol %lld, not %d", (long long)w->ready.protocol, PROTOCOL);
	if (w->ready.pid != w->pid)
		return broke_protocol(w, err, "a wrapper must exec the worker, not start it",
			"says it is process %lld, but %d was started", (long long)w->ready.pid, (int)w->pid);
	return check_privileges(w, err);
}

static int launch(struct bd_worker_pool *pool, const struct bd_worker_spec *spec, struct bd_worker **ret,
	struct bd_error *err)
{
	int to[2], from[2];
	if (pipe2(to, O_CLOEXEC) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "pipe: %s", strerror(errno));
	bd_auto_close int to_read = to[0], to_write = to[1];
	if (pipe2(from, O_CLOEXEC) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "pipe: %s", strerror(errno));
	bd_auto_close int from_read = from[0], from_write = from[1];
	/* Our ends only: the worker's are other open files, and stay as every program expects them. */
	if (fcntl(to_write, F_SETFL, O_NONBLOCK) < 0 || fcntl(from_read, F_SETFL, O_NONBLOCK) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "fcntl: %s", strerror(errno));

	bd_auto_strv struct bd_strv args = {0}, env = {0};
	bd_strv_add(&args, spec->program);
	for (char *const *a = spec->args; a && *a; a++)
		bd_strv_add(&args, *a);
	for (size_t i = 0; spec->env && i < spec->env->n; i++)
		if (!bd_streq(spec->env->v[i].key, "BENCHD_FDS"))
			bd_strv_addf(&env, "%s=%s", spec->env->v[i].key, spec->env->v[i].value);
	bd_strv_add(&env, "BENCHD_FDS=3,4");
	bd_auto_free char **argv = bd_strv_argv(&args), **envp = bd_strv_argv(&env);
	const int fds[] = {to_read, from_write};
	struct bd_spawn sp = {
		.program = spec->program,
		.argv = argv,
		.envp = envp,
		.cwd = spec->cwd,
		.fds = fds,
		.fds_len = BD_LEN(fds),
		.out_fd = spec->log_fd,
		.err_fd = spec->log_fd,
		.drop_privileges = !spec->allow_privileges,
		.die_with_parent = true,
		.max_core_bytes = 0, /* a crash is a result here; writing gigabytes about it would disturb the others */
	};
	pid_t pid;
	int pidfd, r = bd_worker_pool_spawn(pool, &sp, &pid, &pidfd, err);
	if (r < 0)
		return r;
	struct bd_worker *w = bd_alloc(sizeof *w);
	w->pid = pid;
	w->pidfd = pidfd;
	w->in_fd = BD_TAKE_FD(from_read);
	w->out_fd = BD_TAKE_FD(to_write);
	w->timeout_ns = spec->start_timeout_ns ? spec->start_timeout_ns : DEFAULT_TIMEOUT_NS;
	w->started_ns = bd_clock_mono_ns();
	bd_doc_init(&bd_worker_ready_doc, &w->ready);
	*ret = w;
	return 0;
}

static int say_hello(struct bd_worker *w, struct bd_error *err)
{
	bd_auto_json cJSON *hello = cJSON_CreateObject();
	cJSON_AddStringToObject(hello, "type", "hello");
	cJSON_AddNumberToObject(hello, "protocol", PROTOCOL);
	return bd_worker_send(w, hello, err);
}

static int await_ready(struct bd_worker *w, struct bd_error *err)
{
	static const char *const types[] = {"ready", NULL};
	bd_auto_json cJSON *j = NULL;
	/* One that answered in time while another was waited for is still to be read. */
	int64_t left = BD_MAX(w->started_ns + w->timeout_ns - bd_clock_mono_ns(), INT64_C(100000000));
	int r = bd_worker_receive(w, types, left, -1, &j, err);
	return r < 0 ? r : take_ready(w, j, err);
}

int bd_worker_start(struct bd_worker_pool *pool, const struct bd_worker_spec *spec, struct bd_worker **ret,
	struct bd_error *err)
{
	struct bd_error own;
	struct bd_worker *w = NULL;
	if (bd_worker_start_all(pool, spec, 1, &w, err ? err : &own) == 0)
		return err ? err->code : own.code;
	*ret = w;
	return 0;
}

size_t bd_worker_start_all(struct bd_worker_pool *pool, const struct bd_worker_spec *specs, size_t n,
	struct bd_worker **rets, struct bd_error *errs)
{
	size_t started = 0;
	for (size_t i = 0; i < n; i++) {
		rets[i] = NULL;
		if (launch(pool, &specs[i], &rets[i], &errs[i]) == 0 && say_hello(rets[i], &errs[i]) < 0)
			bd_worker_free(&rets[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (!rets[i])
			continue;
		if (await_ready(rets[i], &errs[i]) < 0)
			bd_worker_free(&rets[i]);
		else
			started++;
	}
	return started;
}

const struct bd_worker_ready *bd_worker_ready(const struct bd_worker *w)
{
	return &w->ready;
}

pid_t bd_worker_pid(const struct bd_worker *w)
{
	return w->pid;
}

int bd_worker_pidfd(const struct bd_worker *w)
{
	return w->pidfd;
}

bool bd_worker_dead(const struct bd_worker *w)
{
	return w->dead;
}

void bd_worker_free(struct bd_worker **worker)
{
	struct bd_worker *w = BD_TAKE_PTR(*worker);
	if (!w)
		return;
	if (!w->dead)
		bd_spawn_kill(w->pid);
	bd_closep(&w->in_fd);
	bd_closep(&w->out_fd);
	bd_closep(&w->pidfd);
	bd_str_done(&w->in);
	bd_doc_done(&bd_worker_ready_doc, &w->ready);
	free(w);
}
