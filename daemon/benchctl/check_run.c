/* Running a check: a program of Python that leads it, in its own session, and what it says line by line. */
#include "check.h"
#include "pythons.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64u << 20)
#define PROGRESS_NS 10000000000LL /* a line per so much time where nothing can be rewritten */
#define DRAW_NS 100000000LL
#define STOP_NS 5000000000LL /* for its last words after a signal */

extern char **environ;

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
	return s ? s : "";
}

/* ---- which interpreter --------------------------------------------------------------------------------------------- */

static char *absolute(const char *path)
{
	bd_auto_free char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	return here ? bd_printf("%s/%s", here, path) : bd_strdup(path); /* a link is what an environment is found by */
}

/* The executable of a virtual environment or of an installed tree; NULL when it has none. */
static char *in_folder(const char *folder)
{
	static const char *const names[] = {"bin/python3", "bin/python"};
	for (size_t i = 0; i < BD_LEN(names); i++) {
		bd_auto_free char *path = bd_printf("%s/%s", folder, names[i]);
		if (access(path, X_OK) == 0)
			return absolute(path);
	}
	return NULL;
}

static char *of_id(const cJSON *pythons, const char *id)
{
	const cJSON *p;
	cJSON_ArrayForEach(p, pythons)
		if (bd_streq(text_of(p, "id"), id))
			return bd_strdup(text_of(p, "executable"));
	return NULL;
}

int check_python(const struct bd_ctl *ctl, const char *word, char **ret, struct bd_error *err)
{
	struct stat st;
	bd_auto_free char *found = NULL;
	const char *active = getenv("VIRTUAL_ENV");
	if (!word && active && *active)
		found = in_folder(active);
	if (!word && !found)
		found = python_which("/usr/bin/python3");
	if (!word && !found)
		found = python_which("python3");
	if (!word && !found)
		return bd_error_set(err, -ENOENT, "no-such-input", "name one with --python", "there is no python3");
	if (word && stat(word, &st) == 0 && S_ISDIR(st.st_mode)) {
		found = in_folder(word);
		if (!found && strchr(word, '/'))
			return bd_error_set(err, -ENOENT, "no-such-input", NULL, "there is no bin/python3 in %s", word);
	}
	if (word && !found)
		found = python_which(word);
	if (!found && !strchr(word, '/')) {
		bd_auto_json cJSON *json = NULL;
		int r = bd_ctl_get(ctl, "/api/v1/pythons", &json, err);
		if (r < 0)
			return r;
		found = of_id(cJSON_GetObjectItemCaseSensitive(json, "pythons"), word);
	}
	if (!found)
		return bd_error_set(err, -ENOENT, "no-such-input", "benchctl python list shows what was found here",
			"there is no interpreter %s", word);
	*ret = absolute(found);
	return 0;
}

/* ---- progress ------------------------------------------------------------------------------------------------------- */

struct progress {
	const struct bd_ctl *ctl;
	int64_t shown_ns;
	bool there; /* a line that is to be taken away */
};

static void clear_line(struct progress *p)
{
	if (p->there)
		bd_write_all(STDERR_FILENO, "\r\033[K", 4);
	p->there = false;
}

static void show(struct progress *p, const cJSON *event)
{
	const cJSON *done = cJSON_GetObjectItemCaseSensitive(event, "done"),
		    *of = cJSON_GetObjectItemCaseSensitive(event, "of");
	int64_t now = bd_clock_mono_ns();
	bool live = p->ctl->err.terminal;
	if (p->ctl->verbosity < 0 || !cJSON_IsNumber(done) || !cJSON_IsNumber(of) ||
		now - p->shown_ns < (live ? DRAW_NS : PROGRESS_NS))
		return;
	bd_auto_free char *text = bd_printf("%s: %.0f of %.0f, %s", text_of(event, "stage"), done->valuedouble,
		of->valuedouble, text_of(event, "about"));
	bd_auto_free char *plain = bd_text_for(&p->ctl->err, text);
	bd_auto_free char *cut = bd_text_cut(plain, p->ctl->err.width - 1, p->ctl->err.utf8);
	bd_auto_free char *line = live ? bd_printf("\r\033[K%s", cut) : bd_printf("%s\n", cut);
	bd_write_all(STDERR_FILENO, line, strlen(line));
	p->shown_ns = now;
	p->there = live;
}

/* ---- the conversation --------------------------------------------------------------------------------------------------- */

struct talk {
	const struct bd_ctl *ctl;
	struct progress progress;
	struct bd_str rest; /* a line that has not ended */
	cJSON *document, *answer;
};

static void talk_done(struct talk *t)
{
	clear_line(&t->progress);
	bd_str_done(&t->rest);
	cJSON_Delete(t->document);
	cJSON_Delete(t->answer);
}

static void on_line(struct talk *t, const char *line)
{
	bd_auto_json cJSON *json = cJSON_Parse(line);
	const cJSON *progress = cJSON_GetObjectItemCaseSensitive(json, "progress");
	if (progress)
		show(&t->progress, progress);
	if (!cJSON_HasObjectItem(json, "document") && !cJSON_HasObjectItem(json, "unusable"))
		return;
	cJSON_Delete(t->answer);
	t->answer = BD_TAKE_PTR(json);
	cJSON_Delete(t->document);
	t->document = cJSON_DetachItemFromObjectCaseSensitive(t->answer, "document");
}

/* What is there to read; 0 at its end. */
static ssize_t read_some(struct talk *t, int fd)
{
	char buffer[1 << 16];
	ssize_t n = read(fd, buffer, sizeof buffer);
	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN) ? 1 : 0;
	bd_str_append(&t->rest, buffer, (size_t)n);
	if (t->rest.len > LINE_MAX_BYTES)
		return 0;
	char *start = t->rest.s, *end;
	while ((end = strchr(start, '\n'))) {
		*end = '\0';
		on_line(t, start);
		start = end + 1;
	}
	if (start != t->rest.s) {
		bd_auto_free char *left = bd_strdup(start);
		bd_str_clear(&t->rest);
		bd_str_puts(&t->rest, left);
	}
	return n;
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

/* To the end; the signal that asked for it, or 0. Signals are let through while this waits and at no other time, so that none is missed between a look and the wait. */
static int follow(struct talk *t, int fd, pid_t pid, const sigset_t *open)
{
	int64_t end = 0;
	int told = 0;
	for (;;) {
		struct timespec wait = {.tv_sec = 1};
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = ppoll(&p, 1, &wait, open);
		if (caught && !told) {
			told = caught;
			end = bd_clock_mono_ns() + STOP_NS;
			kill(pid, SIGTERM);
			caught = 0;
		}
		if (told && (caught || bd_clock_mono_ns() > end)) /* asked twice, or it does not end */
			return told;
		if (ready > 0 && read_some(t, fd) == 0)
			return told;
	}
}

/* The last line of what the program wrote to standard error. */
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

static int start(const char *python, const cJSON *request, int out, int said, pid_t *ret, struct bd_error *err)
{
	bd_auto_free char *program = bd_program_file("lib/benchd/python/benchd_check/main.py", NULL);
	if (!program)
		return bd_error_set(err, -ENOENT, "worker-missing", "install benchd again",
			"the parts of the check are not beside %s", bd_program_dir());
	bd_auto_free char *text = bd_json_text(request);
	bd_auto_free char *here = getcwd(NULL, 0);
	char *const argv[] = {(char *)python, "-I", "-B", program, "lead", text, NULL};
	const struct bd_spawn spawn = {.program = python,
		.argv = argv,
		.envp = environ,
		.cwd = here,
		.fds = &out,
		.fds_len = 1,
		.out_fd = said,
		.err_fd = said,
		.die_with_parent = true,
		.max_core_bytes = 0};
	return bd_spawn(&spawn, ret, NULL, err);
}

int check_run(const struct bd_ctl *ctl, const char *python, const cJSON *request, cJSON **ret_document,
	struct bd_error *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	BD_CLEANUP(talk_done) struct talk t = {.ctl = ctl, .progress = {.ctl = ctl, .shown_ns = bd_clock_mono_ns()}};
	int p[2];
	bd_auto_close int said = memfd_create("said", MFD_CLOEXEC);
	if (said < 0 || pipe2(p, O_CLOEXEC) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "cannot make a pipe: %s", strerror(errno));
	bd_auto_close int in = p[0], out = p[1];
	sigset_t mask, before;
	sigemptyset(&mask);
	const struct sigaction sa = {.sa_handler = on_signal};
	struct sigaction kept[BD_LEN(signals)];
	for (size_t i = 0; i < BD_LEN(signals); i++)
		sigaddset(&mask, signals[i]);
	sigprocmask(SIG_BLOCK, &mask, &before);
	for (size_t i = 0; i < BD_LEN(signals); i++)
		sigaction(signals[i], &sa, &kept[i]);
	pid_t pid = 0;
	int number = 0, r = start(python, request, out, said, &pid, err);
	bd_closep(&out);
	out = -1;
	if (r == 0) {
		number = follow(&t, in, pid, &before);
		bd_spawn_kill(pid);
	}
	for (size_t i = 0; i < BD_LEN(signals); i++)
		sigaction(signals[i], &kept[i], NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;
	if (t.document) {
		*ret_document = BD_TAKE_PTR(t.document);
		return 0;
	}
	if (number)
		return bd_error_set(err, -EINTR, "interrupted", NULL, "interrupted before anything was found out");
	if (*text_of(t.answer, "unusable"))
		return bd_error_set(err, -ENOTSUP, "bad-value", "benchd needs 3.11 or newer", "%s: %s", python,
			text_of(t.answer, "unusable"));
	bd_auto_free char *words = last_words(said);
	return bd_error_set(err, -EIO, "worker-failed", NULL, "the check under %s ended early: %.200s", python, words);
}
