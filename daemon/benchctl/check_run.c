/* Running a check: a program of Python that leads it, in its own session, and what it says line by line. */
#include "check.h"
#include "pythons.h"

#include "bd_checker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_NS 10000000000LL /* a line per so much time where nothing can be rewritten */
#define DRAW_NS 100000000LL

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

/* ---- to its end -------------------------------------------------------------------------------------------------------- */

static void on_progress(const cJSON *event, void *arg)
{
	show(arg, event);
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

/* To the end; the signal that asked for it, or 0. Signals are let through while this waits and at no other time, so that none is missed between a look and the wait. */
static int follow(struct bd_checker *c, const sigset_t *open)
{
	int64_t end = 0;
	int told = 0;
	for (;;) {
		struct timespec wait = {.tv_sec = 1};
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int ready = ppoll(&p, 1, &wait, open);
		if (caught && !told) {
			told = caught;
			end = bd_clock_mono_ns() + BD_CHECKER_STOP_NS;
			bd_checker_stop(c);
			caught = 0;
		}
		if (told && (caught || bd_clock_mono_ns() > end)) /* asked twice, or it does not end */
			return told;
		if (ready > 0 && bd_checker_read(c) == 0)
			return told;
	}
}

int check_run(const struct bd_ctl *ctl, const char *python, const cJSON *request, cJSON **ret_document,
	struct bd_error *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct progress progress = {.ctl = ctl, .shown_ns = bd_clock_mono_ns()};
	bd_auto_checker struct bd_checker c = {.on_progress = on_progress, .arg = &progress};
	bd_auto_free char *here = getcwd(NULL, 0);
	const struct bd_spawn how = {.envp = environ, .cwd = here};
	sigset_t mask, before;
	sigemptyset(&mask);
	const struct sigaction sa = {.sa_handler = on_signal};
	struct sigaction kept[BD_LEN(signals)];
	for (size_t i = 0; i < BD_LEN(signals); i++)
		sigaddset(&mask, signals[i]);
	sigprocmask(SIG_BLOCK, &mask, &before);
	for (size_t i = 0; i < BD_LEN(signals); i++)
		sigaction(signals[i], &sa, &kept[i]);
	int number = 0, r = bd_checker_start(&c, python, request, &how, NULL, NULL, err);
	if (r == 0) {
		number = follow(&c, &before);
		r = bd_checker_end(&c, ret_document, err);
	}
	for (size_t i = 0; i < BD_LEN(signals); i++)
		sigaction(signals[i], &kept[i], NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	clear_line(&progress);
	if (r < 0 && number)
		return bd_error_set(err, -EINTR, "interrupted", NULL, "interrupted before anything was found out");
	return r;
}
