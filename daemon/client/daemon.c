/* Finding the daemon of a data folder, starting it, replacing it, stopping it. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_NS INT64_C(30000000000) /* until one answers: a start includes moving an old store's log */
#define STOP_NS INT64_C(10000000000)
#define TALK_MS 10000L            /* for what a healthy one answers at once */
#define LOOK_NS INT64_C(10000000) /* between two looks at a lock that is about to change */
#define STATE_MAX 65536

/* What DATA/daemon.json says. */
struct state {
	char *url, *token_file, *build;
	int64_t pid;
};
static const struct bd_field state_fields[] = {
	{.name = "url", .type = BD_F_STRING, .offset = offsetof(struct state, url), .required = true},
	{.name = "pid", .type = BD_F_INT, .offset = offsetof(struct state, pid), .required = true},
	{.name = "token_file", .type = BD_F_STRING, .offset = offsetof(struct state, token_file), .required = true},
	{.name = "build", .type = BD_F_STRING, .offset = offsetof(struct state, build), .required = true},
};
static const struct bd_doc state_doc = {.name = "daemon.json",
	.size = sizeof(struct state),
	.fields = state_fields,
	.fields_len = BD_LEN(state_fields),
	.lenient = true};

static void state_done(struct state *s)
{
	bd_doc_done(&state_doc, s);
}
#define bd_auto_state BD_CLEANUP(state_done)

char *bd_client_data_dir(void)
{
	return bd_data_dir();
}

/* ---- looking ------------------------------------------------------------------------------------------------------------- */

/* A file that only we can have written. -ENOENT is no error to speak of. */
static int read_own(const char *path, char **ret, const char *key, struct bd_error *err)
{
	bd_auto_close int fd = bd_file_open_own(path, 022, NULL);
	if (fd == -ENOENT)
		return -ENOENT;
	if (fd == -EPERM)
		return bd_error_set(err, fd, key, "use a data folder of your own", "%s is not a file of yours alone",
			path);
	if (fd < 0)
		return bd_error_set(err, fd, key, NULL, "cannot open %s: %s", path,
			fd == -ELOOP ? "it is a symbolic link" : strerror(-fd));
	int r = bd_fd_read(fd, STATE_MAX, ret, NULL);
	return r < 0 ? bd_error_set(err, r, key, NULL, "cannot read %s: %s", path, strerror(-r)) : 0;
}

/* Whether a daemon lives: it holds the lock until the kernel has taken it down. A pid proves nothing. */
static bool alive(const char *data)
{
	bd_auto_free char *path = bd_printf("%s/lock", data);
	bd_auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct flock lk = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lk) == 0 && lk.l_type != F_UNLCK;
}

static bool wait_dead(const char *data, int64_t deadline)
{
	while (alive(data)) {
		if (bd_clock_mono_ns() > deadline)
			return false;
		bd_sleep_ns(LOOK_NS);
	}
	return true;
}

/* 0, -ENOENT when it is not there (it starts or stops), or an error. ret must be initialised. */
static int state_read(const char *data, struct state *ret, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("%s/daemon.json", data);
	bd_auto_free char *text = NULL;
	bd_auto_json cJSON *j = NULL;
	struct bd_error why = {0};
	int r = read_own(path, &text, "data-unusable", err);
	if (r < 0)
		return r;
	r = bd_json_parse(text, path, &j, &why);
	if (r == 0)
		r = bd_doc_decode(&state_doc, j, ret, &why);
	if (r == 0)
		return 0;
	bd_auto_free char *hint = bd_printf("end that benchd, its pid is in %s/lock; the next one writes a new file",
		data);
	return bd_error_set(err, r, "data-unusable", hint, "%s does not say where benchd is: %.200s", path,
		why.message);
}

static int token_read(const char *path, char **ret, struct bd_error *err)
{
	bd_auto_free char *text = NULL;
	int r = read_own(path, &text, "token-unusable", err);
	if (r == -ENOENT) /* under another code: here it is an error */
		return bd_error_set(err, -EACCES, "token-unusable",
			"end the benchd that made it with kill, the next one makes a new one",
			"the token file %s is gone", path);
	if (r < 0)
		return r;
	text[strcspn(text, "\r\n")] = 0;
	*ret = BD_TAKE_PTR(text);
	return 0;
}

static int client_of(const struct state *s, struct bd_client **ret, struct bd_error *err)
{
	bd_auto_free char *token = NULL;
	int r = token_read(s->token_file, &token, err);
	if (r == 0)
		r = client_new(s->url, token, ret, err);
	if (r == 0)
		(*ret)->limit_ms = TALK_MS;
	return r;
}

/* ---- starting ------------------------------------------------------------------------------------------------------------- */

static char *own_program(void)
{
	return bd_printf("%s/benchd", bd_program_dir());
}

static bool same_build(const char *build)
{
	bd_auto_free char *program = own_program();
	char id[64];
	const char *dash = strrchr(build, '-');
	/* without a benchd of our own to put in its place, any will do */
	return bd_elf_build_id(program, id, sizeof id) < 0 || (dash && bd_streq(dash + 1, id));
}

/* The daemon gets nothing of the caller's but where things are. */
static void environment(struct bd_strv *env)
{
	static const char *const kept[] = {"HOME", "PATH", "TMPDIR", "TZ", "XDG_RUNTIME_DIR"};
	bd_spawn_sanitizers(env);
	for (size_t i = 0; i < BD_LEN(kept); i++)
		if (getenv(kept[i]))
			bd_strv_addf(env, "%s=%s", kept[i], getenv(kept[i]));
	const char *config = getenv("BENCHD_CONFIG");
	if (!config || !*config)
		return;
	bd_auto_free char *real = realpath(config, NULL); /* its working folder is "/" */
	bd_strv_addf(env, "BENCHD_CONFIG=%s", real ? real : config);
}

/* The line benchd writes when it serves, or why it does not. */
static int ready_read(int fd, const char *data, struct bd_error *err)
{
	int64_t deadline = bd_clock_mono_ns() + START_NS;
	bd_auto_str struct bd_str line = {0};
	char buf[2048];
	for (;;) {
		int64_t left = deadline - bd_clock_mono_ns();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int n = left > 0 ? poll(&p, 1, (int)(left / 1000000)) : 0;
		if (n < 0 && errno == EINTR)
			return bd_error_set(err, -EINTR, "interrupted", NULL, "interrupted while benchd was starting");
		if (n <= 0)
			return bd_error_set(err, -ETIMEDOUT, "no-daemon", "benchctl daemon log",
				"benchd does not get ready on %s", data);
		ssize_t k = read(fd, buf, sizeof buf);
		if (k <= 0)
			break;
		bd_str_append(&line, buf, (size_t)k);
	}
	bd_auto_json cJSON *j = line.len ? cJSON_Parse(line.s) : NULL;
	const cJSON *e = cJSON_GetObjectItemCaseSensitive(j, "error");
	const char *key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "key"));
	const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "message"));
	const char *hint = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "hint"));
	if (key && message)
		return bd_error_set(err, bd_streq(key, "data-in-use") ? -EAGAIN : -EREMOTEIO, key, hint, "%s", message);
	if (!cJSON_GetObjectItemCaseSensitive(j, "url"))
		return bd_error_set(err, -EPIPE, "no-daemon", "benchctl daemon log",
			"benchd ended while it was starting on %s", data);
	return 0;
}

static int spawn(const char *data, const char *idle_exit, struct bd_error *err)
{
	bd_auto_free char *program = own_program();
	bd_auto_strv struct bd_strv args = {0}, env = {0};
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "pipe: %s", strerror(errno));
	bd_auto_close int in = p[0], out = p[1];
	bd_strv_add(&args, "benchd");
	bd_strv_add(&args, "--data");
	bd_strv_add(&args, data);
	bd_strv_add(&args, "--ready-fd");
	bd_strv_add(&args, "3");
	if (idle_exit) {
		bd_strv_add(&args, "--idle-exit");
		bd_strv_add(&args, idle_exit);
	}
	environment(&env);
	bd_auto_free char **argv = bd_strv_argv(&args), **envp = bd_strv_argv(&env);
	const struct bd_spawn sp = {.program = program,
		.argv = argv,
		.envp = envp,
		.fds = &out,
		.fds_len = 1,
		.out_fd = -1,
		.err_fd = -1,
		.max_core_bytes = -1};
	struct bd_error why;
	pid_t pid;
	int r = bd_spawn(&sp, &pid, NULL, &why);
	if (r < 0)
		return bd_error_set(err, r, "no-daemon", "it belongs beside benchctl: install again", "%s",
			why.message);
	bd_closep(&out); /* the child has the only one: end of file means it has ended */
	return ready_read(in, data, err);
}

/* One starter at a time: who comes second waits here and then finds the daemon of the first. */
static int start_lock(const char *data, int *ret, struct bd_error *err)
{
	int r = bd_mkdirs(data, 0700);
	if (r < 0)
		return bd_error_set(err, r, "data-unusable", "name another with BENCHD_DATA",
			"cannot make the data folder %s: %s", data, strerror(-r));
	bd_auto_free char *path = bd_printf("%s/start", data);
	bd_auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock lk = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fd < 0)
		return bd_error_set(err, -errno, errno == ENOSPC ? "store-full" : "data-unusable",
			"name another with BENCHD_DATA", "cannot open %s: %s", path, strerror(errno));
	if (fcntl(fd, F_OFD_SETLKW, &lk) < 0)
		return bd_error_set(err, -errno, errno == EINTR ? "interrupted" : "data-unusable", NULL,
			"cannot lock %s: %s", path, strerror(errno));
	*ret = BD_TAKE_FD(fd);
	return 0;
}

static int start(const char *data, const char *idle_exit, struct bd_error *err)
{
	bd_auto_close int lock = -1;
	int r = start_lock(data, &lock, err);
	if (r < 0 || alive(data))
		return r;
	r = spawn(data, idle_exit, err);
	return r == -EAGAIN ? 0 : r; /* somebody started one by hand at this very moment */
}

/* ---- connecting -------------------------------------------------------------------------------------------------------------- */

static int stop_politely(struct bd_client *c, bool force, struct bd_error *err)
{
	bd_auto_json cJSON *body = cJSON_CreateObject();
	cJSON_AddBoolToObject(body, "force", force);
	return bd_client_call(c, "POST", "/api/v1/daemon/stop", body, NULL, err);
}

/* It lives and has another build than ours: an idle one goes, a busy one is named. */
static int replace(const char *data, const struct state *s, struct bd_client *c, int64_t deadline, struct bd_error *err)
{
	struct bd_error why = {0};
	int r = stop_politely(c, false, &why);
	if (r < 0 && bd_streq(why.key, "daemon-busy"))
		return bd_error_set(err, r, "daemon-busy",
			"wait until its run has ended, or stop it: benchctl daemon stop --force",
			"benchd %lld of another build (%s) serves %s and is busy: %.200s", (long long)s->pid, s->build,
			data, why.message);
	if (r < 0 && !bd_streq(why.key, "stopping") && !bd_streq(why.key, "daemon-lost")) {
		if (err)
			*err = why;
		return r;
	}
	if (!wait_dead(data, deadline))
		return bd_error_set(err, -ETIMEDOUT, "daemon-busy", "benchctl daemon stop --force",
			"benchd %lld of another build does not end", (long long)s->pid);
	return 0;
}

/* One look at a daemon that lives: connected, or -EAGAIN to look again. */
static int meet(const struct bd_client_options *o, const char *data, int64_t deadline, struct bd_client **ret,
	struct bd_error *err)
{
	bd_auto_state struct state s;
	bd_auto_client struct bd_client *c = NULL;
	bd_doc_init(&state_doc, &s);
	int r = state_read(data, &s, err);
	if (r == -ENOENT)
		return -EAGAIN; /* not announced yet, or withdrawn already */
	if (r == 0)
		r = client_of(&s, &c, err);
	if (r < 0)
		return r;
	if (o->start && !same_build(s.build)) {
		r = replace(data, &s, c, deadline, err);
		return r < 0 ? r : -EAGAIN;
	}
	struct bd_error why = {0};
	r = bd_client_call(c, "GET", "/api/v1/daemon", NULL, NULL, &why);
	if (r == -ECONNREFUSED || r == -EPIPE || (r < 0 && bd_streq(why.key, "stopping")))
		return -EAGAIN;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	c->limit_ms = 0;
	c->data = bd_strdup(data);
	*ret = BD_TAKE_PTR(c);
	return 0;
}

static int connect_private(const struct bd_client_options *o, const char *data, struct bd_client **ret,
	struct bd_error *err)
{
	int64_t deadline = bd_clock_mono_ns() + START_NS;
	for (;;) {
		int r;
		if (alive(data)) {
			r = meet(o, data, deadline, ret, err);
			if (r != -EAGAIN)
				return r;
			bd_sleep_ns(LOOK_NS);
		} else {
			if (!o->start)
				return bd_error_set(err, -ENOENT, "no-daemon", "benchctl daemon start",
					"no benchd serves %s", data);
			r = start(data, o->idle_exit, err);
			if (r < 0)
				return r;
		}
		if (bd_clock_mono_ns() > deadline)
			return bd_error_set(err, -ETIMEDOUT, "no-daemon", "benchctl daemon log",
				"the benchd of %s lives but does not answer", data);
	}
}

int bd_client_peek(long limit_ms, struct bd_client **ret, struct bd_error *err)
{
	bd_auto_free char *data = bd_client_data_dir();
	bd_auto_state struct state s;
	bd_doc_init(&state_doc, &s);
	int r = alive(data) ? state_read(data, &s, err) : -ENOENT;
	if (r == -ENOENT)
		return bd_error_set(err, r, "no-daemon", "benchctl daemon start", "no benchd serves %s", data);
	if (r == 0)
		r = client_of(&s, ret, err);
	if (r == 0)
		(*ret)->limit_ms = limit_ms;
	return r;
}

int client_renew(struct bd_client *c, struct bd_error *err)
{
	if (!c->data)
		return 0;
	if (!alive(c->data))
		return bd_error_set(err, -ESRCH, "daemon-lost", "benchctl daemon log", "benchd at %s has ended",
			c->url);
	bd_auto_state struct state s;
	bd_auto_free char *token = NULL;
	bd_doc_init(&state_doc, &s);
	if (state_read(c->data, &s, NULL) < 0 || token_read(s.token_file, &token, NULL) < 0)
		return 0; /* it is just starting: at its old place for now */
	free(c->url);
	free(c->token);
	c->url = BD_TAKE_PTR(s.url);
	c->token = BD_TAKE_PTR(token);
	return 0;
}

static bool is_local(const char *url)
{
	static const char *const local[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
	for (size_t i = 0; i < BD_LEN(local); i++)
		if (bd_starts_with(url, local[i]))
			return true;
	return false;
}

static int connect_server(const char *url, const char *data, struct bd_client **ret, struct bd_error *err)
{
	const char *given = getenv("BENCHD_TOKEN");
	bd_auto_free char *token = given && *given ? bd_strdup(given) : NULL;
	bd_auto_client struct bd_client *c = NULL;
	int r = 0;
	if (!token && is_local(url)) {
		bd_auto_free char *path = bd_printf("%s/token", data);
		r = token_read(path, &token, err);
	} else if (!token) {
		r = bd_error_set(err, -EACCES, "unauthorized", "set BENCHD_TOKEN to its token", "%s needs a token",
			url);
	}
	if (r == 0)
		r = client_new(url, token, &c, err);
	if (r == 0)
		r = bd_client_call(c, "GET", "/api/v1/daemon", NULL, NULL, err);
	if (r == -ECONNREFUSED)
		return bd_error_set(err, r, "no-daemon", NULL, "nobody answers at %s", url);
	if (r == 0)
		*ret = BD_TAKE_PTR(c);
	return r;
}

int bd_client_connect(const struct bd_client_options *o, struct bd_client **ret, struct bd_error *err)
{
	bd_auto_free char *data = o->data ? bd_strdup(o->data) : bd_client_data_dir();
	return o->server ? connect_server(o->server, data, ret, err) : connect_private(o, data, ret, err);
}

/* ---- status and stop ------------------------------------------------------------------------------------------------------------ */

int bd_client_daemon_status(const char *data, cJSON **ret, struct bd_error *err)
{
	static const char *const keys[] = {"url", "pid", "data", "token_file", "version", "build", "uptime_s"};
	bd_auto_state struct state s;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_json cJSON *answer = NULL;
	bd_doc_init(&state_doc, &s);
	bd_auto_free char *lock = bd_printf("%s/lock", data);
	if (access(lock, R_OK) < 0 &&
		errno == EACCES) /* somebody else's: nothing is known of it, not even that none runs */
		return bd_error_set(err, -EACCES, "not-permitted", "name your own with BENCHD_DATA",
			"cannot look into %s: %s", data, strerror(EACCES));
	bool running = alive(data);
	int r = running ? state_read(data, &s, err) : 0;
	if (running && r == 0)
		r = client_of(&s, &c, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (c)
		/* looking does not keep it alive; one that stops says nothing more */
		bd_client_call(c, "GET", "/api/v1/daemon?watch=true", NULL, &answer, NULL);
	if (running && !answer)
		running = alive(data);
	if (running && !answer && s.url) /* what it said when it started */
		answer = bd_doc_encode(&state_doc, &s);
	cJSON *j = cJSON_CreateObject();
	cJSON_AddBoolToObject(j, "running", running);
	for (size_t i = 0; i < BD_LEN(keys); i++) {
		cJSON *v = running ? cJSON_DetachItemFromObjectCaseSensitive(answer, keys[i]) : NULL;
		cJSON_AddItemToObject(j, keys[i],
			v                                   ? v
				: bd_streq(keys[i], "data") ? cJSON_CreateString(data)
							    : cJSON_CreateNull());
	}
	*ret = j;
	return 0;
}

int bd_client_daemon_stop(const char *data, bool force, struct bd_error *err)
{
	int64_t deadline = bd_clock_mono_ns() + STOP_NS;
	while (alive(data)) {
		bd_auto_state struct state s;
		bd_auto_client struct bd_client *c = NULL;
		struct bd_error why = {0};
		bd_doc_init(&state_doc, &s);
		int r = state_read(data, &s, err);
		if (r == 0)
			r = client_of(&s, &c, err);
		if (r == 0)
			r = stop_politely(c, force, &why);
		if (r < 0 && why.key[0] && !bd_streq(why.key, "stopping") && !bd_streq(why.key, "daemon-lost")) {
			if (err)
				*err = why;
			return r;
		}
		if (r < 0 && !why.key[0] && r != -ENOENT)
			return r;
		if (r == 0 && wait_dead(data, deadline))
			return 0;
		if (bd_clock_mono_ns() > deadline)
			return bd_error_set(err, -ETIMEDOUT, "daemon-busy", "try again, or end it with kill",
				"the benchd of %s has not ended within 10 s", data);
		bd_sleep_ns(LOOK_NS); /* it starts or stops at this moment: look again */
	}
	return 0;
}
