#include "pythons.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASK_TIMEOUT_NS 30000000000LL
#define OUTPUT_MAX (4u << 20)

extern char **environ;

int python_sources(char **ret, struct bd_error *err)
{
	bd_auto_free char *file = bd_program_file("share/benchd/src/cmake/ask_interpreter.py", NULL);
	if (!file)
		return bd_error_set(err, -ENOENT, "worker-missing",
			"install benchd again, or keep the tree it was built from",
			"the sources of the worker are not beside %s", bd_program_dir());
	*ret = bd_program_file("share/benchd/src", NULL);
	return 0;
}

char *python_which(const char *name)
{
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? bd_strdup(name) : NULL;
	const char *path = getenv("PATH");
	bd_auto_strv struct bd_strv folders = {0};
	bd_strv_split(&folders, path && *path ? path : "/usr/local/bin:/usr/bin:/bin", ':');
	for (size_t i = 0; i < folders.n; i++) {
		bd_auto_free char *file = bd_printf("%s/%s", *folders.v[i] ? folders.v[i] : ".", name);
		struct stat st;
		if (access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode))
			return BD_TAKE_PTR(file);
	}
	return NULL;
}

static int wait_for(pid_t pid, int pidfd, int64_t timeout_ns, const char *name, int *ret_status, struct bd_error *err)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int64_t end = bd_clock_mono_ns() + timeout_ns, left;
	while ((left = end - bd_clock_mono_ns()) > 0) {
		if (poll(&p, 1, (int)(left / 1000000) + 1) < 0 && errno != EINTR)
			break;
		int status;
		if (waitpid(pid, &status, WNOHANG) == pid) {
			*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			return 0;
		}
	}
	bd_spawn_kill(pid);
	return bd_error_set(err, -ETIMEDOUT, "timeout", NULL, "%s does not end within %lld s", name,
		(long long)(timeout_ns / 1000000000));
}

int python_program(const struct bd_strv *argv, bool both, int64_t timeout_ns, struct bd_str *ret_said, int *ret_status,
	struct bd_error *err)
{
	bd_auto_free char *program = python_which(argv->v[0]);
	if (!program)
		return bd_error_set(err, -ENOENT, "no-such-input", NULL, "%s cannot be run", argv->v[0]);
	bd_auto_close int out = memfd_create("said", MFD_CLOEXEC);
	if (out < 0)
		return bd_error_set(err, -errno, "internal", NULL, "memfd_create: %s", strerror(errno));
	bd_auto_free char **words = bd_strv_argv(argv);
	bd_auto_free char *real = program[0] == '/' ? bd_strdup(program) : realpath(program, NULL);
	/* What a user's shell sets for his own Python would be taken for the interpreter's own. */
	bd_auto_strv struct bd_strv env = {0};
	for (char **e = environ; *e; e++)
		if (!bd_starts_with(*e, "PYTHON") && !bd_starts_with(*e, "LD_PRELOAD="))
			bd_strv_add(&env, *e);
	bd_auto_free char **envp = bd_strv_argv(&env);
	const struct bd_spawn spawn = {.program = real ? real : program,
		.argv = words,
		.envp = envp,
		.out_fd = out,
		.err_fd = both ? out : -1,
		.die_with_parent = true,
		.max_core_bytes = 0};
	pid_t pid;
	bd_auto_close int pidfd = -1;
	int r = bd_spawn(&spawn, &pid, &pidfd, err);
	if (r == 0)
		r = wait_for(pid, pidfd, timeout_ns, argv->v[0], ret_status, err);
	if (r < 0)
		return r;
	bd_auto_free char *text = bd_alloc(OUTPUT_MAX + 1);
	ssize_t n = pread(out, text, OUTPUT_MAX, 0);
	text[n > 0 ? n : 0] = '\0';
	bd_str_puts(ret_said, text);
	return 0;
}

/* The last line of what a program said, which is the one that matters when it failed. */
static char *last_line(const struct bd_str *said)
{
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, said->s ? said->s : "", '\n');
	for (size_t i = lines.n; i > 0; i--)
		if (*lines.v[i - 1])
			return bd_strdup(lines.v[i - 1]);
	return bd_strdup("it says nothing");
}

int python_ask(const char *sources, const char *executable, cJSON **ret, struct bd_error *err)
{
	bd_auto_strv struct bd_strv argv = {0};
	bd_auto_str struct bd_str said = {0};
	int status = 0;
	bd_strv_add(&argv, executable);
	bd_strv_add(&argv, "-I");
	bd_strv_addf(&argv, "%s/cmake/ask_interpreter.py", sources);
	int r = python_program(&argv, true, ASK_TIMEOUT_NS, &said, &status, err);
	if (r < 0)
		return r;
	if (status) {
		bd_auto_free char *line = last_line(&said);
		return bd_error_set(err, -ENOTSUP, "no-such-input", "is it a Python from 3.11 on?",
			"%s does not run (%d): %.200s", executable, status, line);
	}
	bd_auto_json cJSON *json = cJSON_Parse(said.s);
	if (!cJSON_IsObject(json) || !cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "executable")))
		return bd_error_set(err, -ENOTSUP, "no-such-input", "is it a Python from 3.11 on?",
			"%s is not an interpreter of Python", executable);
	*ret = BD_TAKE_PTR(json);
	return 0;
}

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
	return s ? s : "";
}

int python_fits(const cJSON *said, struct bd_error *err)
{
	const cJSON *hex = cJSON_GetObjectItemCaseSensitive(said, "hexversion");
	if (!bd_streq(text_of(said, "implementation"), "cpython"))
		return bd_error_set(err, -ENOTSUP, "bad-value", NULL, "not CPython but %s",
			text_of(said, "implementation"));
	if (!cJSON_IsNumber(hex) || hex->valuedouble < 0x030b0000)
		return bd_error_set(err, -ENOTSUP, "bad-value", "benchd needs 3.11 or newer", "older than 3.11");
	bd_auto_free char *header = bd_printf("%s/Python.h", text_of(said, "include"));
	bd_auto_free char *config = bd_printf("%s/pyconfig.h", text_of(said, "platinclude"));
	if (access(header, R_OK) == 0 && access(config, R_OK) == 0)
		return 0;
	int minor = (int)((int64_t)hex->valuedouble >> 16 & 0xff);
	bd_auto_free char *hint = bd_starts_with(text_of(said, "executable"), "/usr/bin/")
		? bd_printf("apt-get install python3.%d-dev", minor)
		: bd_strdup("it was installed without them; install it again with its headers");
	return bd_error_set(err, -ENOTSUP, "worker-missing", hint, "no headers (%s)", header);
}

/* ---- where they are ------------------------------------------------------------------------------------------------- */

static char *home_file(const char *below)
{
	const char *home = getenv("HOME");
	return bd_printf("%s/%s", home ? home : "", below);
}

/* A word in capitals that a line begins with, as cmake/Interpreters.cmake reads it. */
static char *expand(const char *line)
{
	size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
	if (!n)
		return bd_strdup(line);
	bd_auto_free char *word = bd_strndup(line, n), *folder = NULL;
	const char *moved = getenv(word), *data = getenv("XDG_DATA_HOME"), *cache = getenv("XDG_CACHE_HOME");
	if (bd_streq(word, "BENCHD_CACHE"))
		folder = cache && *cache ? bd_printf("%s/benchd", cache) : home_file(".cache/benchd");
	else if (moved && *moved)
		folder = bd_strdup(moved);
	else if (bd_streq(word, "UV_PYTHON_INSTALL_DIR"))
		folder = data && *data ? bd_printf("%s/uv/python", data) : home_file(".local/share/uv/python");
	else
		folder = home_file(".pyenv");
	return bd_printf("%s%s", folder, line + n);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && bd_streq(s + n - m, end);
}

int python_candidates(const char *sources, struct bd_strv *ret, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("%s/cmake/interpreters.txt", sources), *text = NULL;
	int r = bd_file_read(path, 1 << 16, &text, NULL);
	if (r < 0)
		return bd_error_set(err, r, "worker-missing", "install benchd again", "cannot read %s: %s", path,
			strerror(-r));
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.n; i++) {
		if (!*lines.v[i] || *lines.v[i] == '#')
			continue;
		bd_auto_free char *pattern = expand(lines.v[i]);
		glob_t found;
		if (glob(pattern, 0, NULL, &found) == 0) {
			for (size_t k = 0; k < found.gl_pathc; k++) {
				const char *file = found.gl_pathv[k];
				if (!ends_with(file, "-config") && !ends_with(file, "-dbg") &&
					!ends_with(file, "-gdb.py"))
					bd_strv_add(ret, file);
			}
			globfree(&found);
		}
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	remove(path);
	return 0;
}

void python_remove_tree(const char *path)
{
	nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}
