/* benchctl new: files to begin with. */
#include "../registry.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPLATE_MAX (1 << 20)

/* ---- bench ------------------------------------------------------------------------------------------------------ */

static const struct bd_option bench_options[] = {
	{"plugin", 0, BD_OPT_FLAG, NULL, "a plugin written in C instead of Python functions", false, 0, 0,
		BD_WORDS_NONE},
};

static int check_name(const char *name, struct bd_error *err)
{
	bool good = isalpha((unsigned char)*name) || *name == '_';
	for (const char *p = name; *p; p++)
		good = good && (isalnum((unsigned char)*p) || *p == '_');
	return good ? 0
		    : bd_error_set(err, -EINVAL, "usage", "letters, digits and _, for example sum_of_squares",
			      "NAME becomes part of a file's and a function's name, and '%s' cannot", name);
}

/* The template with the name in every place for it. */
static int fill(const char *template, const char *name, struct bd_str *out, struct bd_error *err)
{
	static const char place[] = "@NAME@";
	bd_auto_free char *in_tree = bd_printf("share/benchd/templates/%s", template);
	bd_auto_free char *file = bd_program_file(in_tree, NULL), *text = NULL;
	int r = file ? bd_file_read(file, TEMPLATE_MAX, &text, NULL) : -ENOENT;
	if (r < 0)
		return bd_error_set(err, r, "internal", "install benchd again", "the template %s is missing: %s",
			template, strerror(-r));
	const char *p = text;
	for (const char *at; (at = strstr(p, place)); p = at + sizeof place - 1)
		bd_str_printf(out, "%.*s%s", (int)(at - p), p, name);
	bd_str_puts(out, p);
	return 0;
}

/* Whole, and only where there is nothing yet. */
static int write_new(const char *file, const struct bd_str *text, struct bd_error *err)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0 && errno == EEXIST)
		return bd_error_set(err, -EEXIST, "usage", "another NAME, or remove it first", "%s is there already",
			file);
	int r = fd < 0 ? -errno : bd_write_all(fd, text->s, text->len);
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		unlink(file);
	return r < 0 ? bd_error_set(err, r, "store-failed", NULL, "cannot write %s: %s", file, strerror(-r)) : 0;
}

static int answer(const struct bd_ctl *ctl, const char *file, const char *next)
{
	bd_auto_json cJSON *json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "file", file);
	cJSON_AddStringToObject(json, "next", next);
	bd_auto_free char *text = bd_printf("wrote %s\n%s\n", file, next);
	return ctl->json ? bd_ctl_answer_json(ctl, json) : bd_ctl_answer(ctl, text);
}

static int bench(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bool plugin = bd_words_flag(w, "plugin");
	bd_auto_free char *name = bd_strdup(w->operands.v[0]);
	/* who names the file means it */
	size_t len = strlen(name);
	const char *end = plugin ? ".c" : ".py";
	if (len > strlen(end) && bd_streq(name + len - strlen(end), end))
		name[len - strlen(end)] = 0;
	const char *bare = bd_starts_with(name, "bench_") && name[6] ? name + 6 : name;
	bd_auto_free char *file = bd_printf("bench_%s%s", bare, end);
	bd_auto_str struct bd_str text = {0};
	if (check_name(bare, &err) < 0 || fill(plugin ? "bench.c" : "bench.py", bare, &text, &err) < 0 ||
		write_new(file, &text, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (!plugin) {
		bd_auto_free char *next = bd_printf("benchctl run %s", file);
		return answer(ctl, file, next);
	}
	bd_auto_free char *include = bd_program_file("include", "include");
	bd_auto_free char *next = bd_printf("cc -O2 -fPIC -shared -I%s -o bench_%s.so %s && benchctl run bench_%s.so",
		include ? include : "/usr/include", bare, file, bare);
	return answer(ctl, file, next);
}

/* ---- manifest --------------------------------------------------------------------------------------------------------- */

/* nftw() has no argument for its callback. */
static struct bd_strv *found;

static int on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	const char *base = path + ftw->base, *so = strstr(base, ".so");
	if (type == FTW_D && ftw->level > 0 && base[0] == '.')
		return FTW_SKIP_SUBTREE;
	if (type == FTW_F && so && (!so[3] || so[3] == '.')) /* libx.so.1.2 too */
		bd_strv_add(found, path);
	return FTW_CONTINUE;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_objects(const struct bd_ctl *ctl, const char *folder, cJSON *ret, struct bd_error *err)
{
	bd_auto_strv struct bd_strv paths = {0};
	found = &paths;
	int r = nftw(folder, on_file, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	if (r < 0)
		return bd_error_set(err, -errno, "no-such-input", NULL, "cannot look through %s: %s", folder,
			strerror(errno));
	if (paths.n)
		qsort(paths.v, paths.n, sizeof *paths.v, by_text);
	for (size_t i = 0; i < paths.n; i++) {
		char id[64];
		const char *path = paths.v[i] + strlen(folder) + 1;
		if (bd_elf_build_id(paths.v[i], id, sizeof id) < 0) {
			bd_ctl_note(ctl, "%s has no build id and is left out (link it with -Wl,--build-id)", path);
			continue;
		}
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "path", path);
		cJSON_AddStringToObject(o, "build_id", id);
		cJSON_AddItemToArray(ret, o);
	}
	return cJSON_GetArraySize(ret) ? 0
				       : bd_error_set(err, -ENOENT, "no-such-input", "build it first",
						 "%s has no shared object with a build id", folder);
}

static int manifest(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_free char *folder = NULL;
	int r = path_find(w->operands.v[0], NULL, &folder);
	if (r < 0) {
		path_missing("there is no folder", w->operands.v[0], NULL, r, &err);
		return bd_ctl_fail(ctl, &err);
	}
	bd_auto_json cJSON *json = cJSON_CreateObject();
	if (list_objects(ctl, folder, cJSON_AddArrayToObject(json, "objects"), &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_auto_free char *file = bd_printf("%s/" MANIFEST_FILE, folder), *text = bd_json_pretty(json);
	bd_auto_free char *whole = bd_printf("%s\n", text);
	/* it is made anew after every build */
	r = bd_file_write(file, whole, strlen(whole), 0644);
	if (r < 0) {
		bd_error_set(&err, r, "store-failed", NULL, "cannot write %s: %s", file, strerror(-r));
		return bd_ctl_fail(ctl, &err);
	}
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "objects"));
	bd_auto_free char *line = bd_printf("wrote %s: %d shared object%s\n", file, n, n == 1 ? "" : "s");
	return bd_ctl_answer(ctl, line);
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static const struct bd_command verbs[] = {
	{
		.name = "bench",
		.summary = "write a benchmark to begin with, one that works",
		.operands = "NAME",
		.operands_min = 1,
		.operands_max = 1,
		.details =
			"Writes bench_NAME.py, or with --plugin bench_NAME.c, into this folder, and says what measures it. A file that is "
			"there is never overwritten.",
		.options = bench_options,
		.options_len = BD_LEN(bench_options),
		.example = "benchctl new bench sum_of_squares",
		.run = bench,
	},
	{
		.name = "manifest",
		.summary = "write down the build ids of a folder's shared objects",
		.operands = "FOLDER",
		.words = BD_WORDS_FILE,
		.operands_min = 1,
		.operands_max = 1,
		.details =
			"Writes FOLDER/" MANIFEST_FILE
			", to be made anew after every build. benchctl ab then proves that what each side "
			"loaded is what was built there: a cell that loaded something else is invalid (V7) and has no figure.",
		.example = "benchctl new manifest build",
		.run = manifest,
	},
};

const struct bd_command bd_command_new = {
	.name = "new",
	.summary = "write a benchmark to begin with, or a build's manifest",
	.example = "benchctl new bench sum_of_squares",
	.verbs = verbs,
	.verbs_len = BD_LEN(verbs),
};
