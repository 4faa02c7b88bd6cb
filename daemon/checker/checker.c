#include "bd_checker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64u << 20)

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
	return s ? s : "";
}

static void add_text(cJSON *o, const char *name, const char *value)
{
	cJSON_AddItemToObject(o, name, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

cJSON *bd_checker_request(const char *module, const char *path, const char *calls, const char *cwd, double seconds)
{
	cJSON *json = cJSON_CreateObject();
	add_text(json, "module", module);
	add_text(json, "path", path);
	add_text(json, "calls", calls);
	add_text(json, "cwd", cwd ? cwd : "/");
	cJSON_AddNumberToObject(json, "seconds", isnan(seconds) ? BD_CHECKER_SECONDS : seconds);
	return json;
}

/* ---- its start ------------------------------------------------------------------------------------------------------- */

static int spawn_here(const struct bd_spawn *sp, pid_t *ret_pid, void *arg, struct bd_error *err)
{
	(void)arg;
	return bd_spawn(sp, ret_pid, NULL, err);
}

int bd_checker_start(struct bd_checker *c, const char *python, const cJSON *request, const struct bd_spawn *how,
	bd_checker_spawn_fn spawn, void *spawn_arg, struct bd_error *err)
{
	bd_auto_free char *program = bd_program_file("lib/benchd/python/benchd_check/main.py", NULL);
	bd_auto_free char *text = bd_json_text(request);
	c->fd = c->said = -1;
	if (!program)
		return bd_error_set(err, -ENOENT, "worker-missing", "install benchd again",
			"the parts of the check are not beside %s", bd_program_dir());
	int p[2];
	bd_auto_close int said = memfd_create("said", MFD_CLOEXEC);
	if (said < 0 || pipe2(p, O_CLOEXEC) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "cannot make a pipe: %s", strerror(errno));
	bd_auto_close int in = p[0], out = p[1];
	char *const argv[] = {(char *)(uintptr_t)python, "-I", "-B", program, "lead", text, NULL};
	struct bd_spawn sp = *how;
	sp.program = python;
	sp.argv = argv;
	sp.fds = &out;
	sp.fds_len = 1;
	sp.out_fd = sp.err_fd = said;
	sp.die_with_parent = true;
	sp.max_core_bytes = 0;
	int r = (spawn ? spawn : spawn_here)(&sp, &c->pid, spawn_arg, err);
	if (r < 0)
		return r;
	c->python = bd_strdup(python);
	c->fd = BD_TAKE_FD(in);
	c->said = BD_TAKE_FD(said);
	return 0;
}

/* ---- what it says ---------------------------------------------------------------------------------------------------- */

static void on_line(struct bd_checker *c, const char *line)
{
	bd_auto_json cJSON *json = cJSON_Parse(line);
	const cJSON *progress = cJSON_GetObjectItemCaseSensitive(json, "progress");
	if (progress && c->on_progress)
		c->on_progress(progress, c->arg);
	if (!cJSON_HasObjectItem(json, "document") && !cJSON_HasObjectItem(json, "unusable"))
		return;
	cJSON_Delete(c->answer);
	c->answer = BD_TAKE_PTR(json);
	cJSON_Delete(c->document);
	c->document = cJSON_DetachItemFromObjectCaseSensitive(c->answer, "document");
}

int bd_checker_read(struct bd_checker *c)
{
	char buffer[1 << 16];
	ssize_t n = read(c->fd, buffer, sizeof buffer);
	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	bd_str_append(&c->rest, buffer, (size_t)n);
	if (c->rest.len > LINE_MAX_BYTES)
		return 0;
	char *start = c->rest.s, *end;
	while ((end = strchr(start, '\n'))) {
		*end = '\0';
		on_line(c, start);
		start = end + 1;
	}
	if (start != c->rest.s) {
		bd_auto_free char *left = bd_strdup(start);
		bd_str_clear(&c->rest);
		bd_str_puts(&c->rest, left);
	}
	return 1;
}

/* ---- its end --------------------------------------------------------------------------------------------------------- */

/* The last line of what it wrote to standard error. */
static char *last_words(int fd)
{
	char text[4096];
	struct stat st;
	off_t from = fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof text ? st.st_size - (off_t)sizeof text : 0;
	ssize_t n = pread(fd, text, sizeof text - 1, from);
	text[n > 0 ? n : 0] = '\0';
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, text, '\n');
	for (size_t i = lines.n; i > 0; i--)
		if (*lines.v[i - 1])
			return bd_strdup(lines.v[i - 1]);
	return bd_strdup("it said nothing");
}

void bd_checker_stop(const struct bd_checker *c)
{
	if (c->pid > 0)
		kill(c->pid, SIGTERM);
}

int bd_checker_end(struct bd_checker *c, cJSON **ret, struct bd_error *err)
{
	bd_spawn_kill(c->pid);
	c->pid = 0;
	if (c->document) {
		*ret = BD_TAKE_PTR(c->document);
		return 0;
	}
	if (*text_of(c->answer, "unusable"))
		return bd_error_set(err, -ENOTSUP, "bad-value", "benchd needs 3.11 or newer", "%s: %s", c->python,
			text_of(c->answer, "unusable"));
	bd_auto_free char *words = last_words(c->said);
	return bd_error_set(err, -EIO, "worker-failed", NULL, "the check under %s ended early: %.200s", c->python,
		words);
}

void bd_checker_done(struct bd_checker *c)
{
	if (!c->python) /* it was never started */
		return;
	bd_spawn_kill(c->pid);
	bd_closep(&c->fd);
	bd_closep(&c->said);
	bd_str_done(&c->rest);
	cJSON_Delete(c->document);
	cJSON_Delete(c->answer);
	free(c->python);
	*c = (struct bd_checker){.fd = -1, .said = -1};
}

int bd_checker_unusable(const cJSON *document, const char *module, const char *python, struct bd_error *err)
{
	const char *reason = text_of(document, "reason");
	if (!bd_streq(text_of(document, "state"), "failed"))
		return 0;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(document, "missing")))
		return bd_error_set(err, -ENOENT, "no-such-input", "--python names the environment that has it",
			"%s has no module %s", python, module);
	return bd_error_set(err, -EIO, "worker-failed", NULL, "%s cannot be imported by %s: %s", module, python,
		*reason ? reason : "it does not say why");
}
