/* What people name on the command line, and a daemon may only start because its own user wrote it down. */
#include "registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- writing it down -------------------------------------------------------------------------------------------- */

int registry_check(const struct bd_ctl *ctl, const char *what, struct bd_error *err)
{
	const char *url = ctl->server ? ctl->server : getenv("BENCHD_URL");
	if (!url || !*url)
		return 0;
	bd_auto_free char *data = bd_client_data_dir();
	bd_auto_json cJSON *status = NULL;
	if (bd_client_daemon_status(data, &status, NULL) == 0) {
		const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(status, "url"));
		size_t len = own ? strlen(own) : 0;
		if (len && strncmp(own, url, len) == 0 && (!url[len] || bd_streq(url + len, "/")))
			return 0;
	}
	return bd_error_set(err, -EINVAL, "usage", "leave --server out, and your own benchd measures it",
		"%s is of this machine, and the benchd at %s may not be told to start it", what, url);
}

int registry_add(struct registry *g, const struct bd_registered *what, char ret_id[BD_ULID_LEN], struct bd_error *err)
{
	bd_auto_free char *data = bd_client_data_dir();
	if (!g->dir)
		g->dir = bd_printf("%s/registered", data);
	char id[BD_ULID_LEN];
	bd_ulid(id);
	bd_auto_free char *path = bd_printf("%s/%s.json", g->dir, id);
	bd_auto_json cJSON *json = bd_doc_encode(&bd_registered_doc, what);
	bd_auto_free char *text = bd_json_text(json);
	int r = bd_mkdirs(g->dir, 0700);
	if (r == 0)
		r = bd_file_write(path, text, strlen(text), 0600);
	if (r < 0)
		return bd_error_set(err, r, r == -ENOSPC ? "store-full" : "data-unusable", NULL, "cannot write %s: %s",
			path, strerror(-r));
	bd_strv_add(&g->files, path);
	memcpy(ret_id, id, sizeof id);
	return 0;
}

void registry_done(struct registry *g)
{
	for (size_t i = 0; i < g->files.n && !g->keep; i++)
		unlink(g->files.v[i]);
	bd_strv_done(&g->files);
	free(g->dir);
	*g = (struct registry){0};
}

/* ---- paths ------------------------------------------------------------------------------------------------------ */

static char *joined(const char *word, const char *folder)
{
	char cwd[PATH_MAX];
	if (word[0] == '/')
		return bd_strdup(word);
	if (!folder)
		folder = getcwd(cwd, sizeof cwd) ? cwd : "";
	return bd_printf("%s/%s", folder, word);
}

int path_find(const char *word, const char *folder, char **ret)
{
	bd_auto_free char *path = joined(word, folder);
	char *real = realpath(path, NULL);
	if (!real)
		return -errno;
	*ret = real;
	return 0;
}

char *path_name(const char *path)
{
	size_t end = strlen(path);
	while (end > 1 && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start && path[start - 1] != '/')
		start--;
	return bd_strndup(path + start, end - start);
}

int path_missing(const char *what, const char *word, const char *folder, int code, struct bd_error *err)
{
	bd_auto_free char *path = joined(word, folder);
	bd_auto_free char *name = path_name(path);
	const char *typed = strrchr(word, '/');
	int head = typed ? (int)(typed + 1 - word) : 0;
	char *slash = strrchr(path, '/');
	bd_auto_strv struct bd_strv names = {0};
	if (slash && code == -ENOENT) {
		*slash = 0;
		DIR *d = opendir(*path ? path : "/");
		for (struct dirent *e; d && (e = readdir(d));)
			if (e->d_name[0] != '.')
				bd_strv_add(&names, e->d_name);
		if (d)
			closedir(d);
	}
	const char *near = bd_nearest(name, (const char *const *)names.v, names.n);
	bd_auto_free char *hint = near ? bd_printf("did you mean %.*s%s?", head, word, near) : NULL;
	if (code != -ENOENT && code != -ENOTDIR)
		return bd_error_set(err, code, "no-such-input", NULL, "%s %s: %s", what, word, strerror(-code));
	return bd_error_set(err, -ENOENT, "no-such-input", hint, "%s %s%s%s", what, word, folder ? " in " : "",
		folder ? folder : "");
}

/* ---- targets ------------------------------------------------------------------------------------------------------ */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);
	return n > k && bd_streq(s + n - k, end);
}

bool target_is_suite(const char *word)
{
	bd_auto_free char *folder = bd_program_file("share/benchd/suites", "share/benchd/suites");
	bd_auto_strv struct bd_strv names = {0};
	return folder && bd_suite_names(folder, &names) == 0 && bd_strv_has(&names, word);
}

bool target_is_path(const char *word, const char *const *folders, size_t n, bool here)
{
	if (strchr(word, '/') || ends_with(word, ".py") || ends_with(word, ".so") || bd_streq(word, ".") ||
		bd_streq(word, ".."))
		return true;
	if (!here || target_is_suite(word))
		return false;
	for (size_t i = 0; i <= n; i++) {
		bd_auto_free char *found = NULL;
		if ((i == n || folders[i]) && path_find(word, i < n ? folders[i] : NULL, &found) == 0)
			return true;
	}
	return false;
}

static char *current_folder(const char *folder)
{
	char cwd[PATH_MAX];
	return bd_strdup(folder ? folder : getcwd(cwd, sizeof cwd) ? cwd : "/");
}

int target_path(const char *word, const char *folder, struct bd_registered *ret, struct bd_error *err)
{
	bd_auto_free char *path = NULL;
	struct stat st;
	int r = path_find(word, folder, &path);
	if (r == 0 && stat(path, &st) < 0)
		r = -errno;
	if (r < 0)
		return path_missing("there is no file", word, folder, r, err);
	const char *kind = S_ISDIR(st.st_mode) || ends_with(path, ".py") ? "python"
		: ends_with(path, ".so")                                 ? "plugin"
									 : NULL;
	if (!kind || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))) {
		bd_auto_free char *hint = S_ISREG(st.st_mode) && access(path, X_OK) == 0
			? bd_printf("to time it as a process: -- %s%s", strchr(word, '/') ? "" : "./", word)
			: NULL;
		return bd_error_set(err, -EINVAL, "usage", hint,
			"%s is no Python file (.py), no folder of them and no plugin (.so)", word);
	}
	ret->kind = bd_strdup(kind);
	ret->name = path_name(path);
	ret->path = BD_TAKE_PTR(path);
	ret->cwd = current_folder(folder);
	return 0;
}

/* A program of that name in a list of folders separated by colons; NULL when there is none. */
static char *program_in(const char *folders, const char *name)
{
	bd_auto_strv struct bd_strv parts = {0};
	bd_strv_split(&parts, folders, ':');
	for (size_t i = 0; i < parts.n; i++) {
		bd_auto_free char *path = bd_printf("%s/%s", parts.v[i], name);
		struct stat st;
		if (parts.v[i][0] == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
			return BD_TAKE_PTR(path);
	}
	return NULL;
}

int target_command(const struct bd_strv *argv, const char *folder, const char *bin, struct bd_registered *ret,
	struct bd_error *err)
{
	const char *word = argv->v[0], *paths = getenv("PATH");
	bd_auto_free char *path = NULL;
	if (strchr(word, '/')) {
		struct stat st;
		path = joined(word, folder); /* links are what programs like busybox go by */
		if (stat(path, &st) < 0)
			return path_missing("there is no program", word, folder, -errno, err);
		if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
			return bd_error_set(err, -EACCES, "no-such-input", NULL,
				"%s is not a program that can be started", word);
	} else {
		path = bin ? program_in(bin, word) : NULL;
		if (!path)
			path = program_in(paths && *paths ? paths : "/usr/local/bin:/usr/bin:/bin", word);
		struct stat st;
		bd_auto_free char *local = joined(word, folder);
		bd_auto_free char *hint = stat(local, &st) == 0 ? bd_printf("did you mean ./%s?", word) : NULL;
		if (!path)
			return bd_error_set(err, -ENOENT, "no-such-input", hint, "there is no program '%s' in PATH",
				word);
	}
	ret->kind = bd_strdup("command");
	ret->name = path_name(word);
	for (size_t i = 0; i < argv->n; i++)
		bd_strv_add(&ret->argv, i ? argv->v[i] : path);
	ret->cwd = current_folder(folder);
	if (bin) {
		bd_auto_free char *path_of = bd_printf("%s:/usr/local/bin:/usr/bin:/bin", bin);
		bd_map_set(&ret->env, "PATH", path_of);
	}
	return 0;
}
