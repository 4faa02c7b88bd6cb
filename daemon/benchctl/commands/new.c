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

/* The template with the name, and the folder of benchd/benchd_plugin.h, in every place for them. */
static int fill(const char *template, const char *name, struct bd_str *out, struct bd_error *err)
{
	bd_auto_free char *include = bd_program_file("include", "include");
	const char *const places[][2] = {{"@NAME@", name}, {"@INCLUDE@", include ? include : "/usr/include"}};
	bd_auto_free char *in_tree = bd_printf("share/benchd/templates/%s", template);
	bd_auto_free char *file = bd_program_file(in_tree, NULL), *text = NULL;
	int r = file ? bd_file_read(file, TEMPLATE_MAX, &text, NULL) : -ENOENT;
	if (r < 0)
		return bd_error_set(err, r, "internal", "install benchd again", "the template %s is missing: %s",
			template, strerror(-r));
	for (const char *p = text; *p;) {
		size_t i = 0;
		while (i < BD_LEN(places) && !bd_starts_with(p, places[i][0]))
			i++;
		if (i < BD_LEN(places))
			bd_str_puts(out, places[i][1]);
		else
			bd_str_append(out, p, 1);
		p += i < BD_LEN(places) ? strlen(places[i][0]) : 1;
	}
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

static int write_template(const char *template, const char *name, const char *file, struct bd_error *err)
{
	bd_auto_str struct bd_str text = {0};
	int r = fill(template, name, &text, err);
	return r < 0 ? r : write_new(file, &text, err);
}

static int answer(const struct bd_ctl *ctl, const struct bd_strv *files, const char *next)
{
	bd_auto_json cJSON *json = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(json, "files");
	bd_auto_str struct bd_str text = {0};
	for (size_t i = 0; i < files->n; i++) {
		cJSON_AddItemToArray(list, cJSON_CreateString(files->v[i]));
		bd_str_printf(&text, "wrote %s\n", files->v[i]);
	}
	cJSON_AddStringToObject(json, "next", next);
	bd_str_printf(&text, "%s\n", next);
	return ctl->json ? bd_ctl_answer_json(ctl, json) : bd_ctl_answer(ctl, text.s);
}

static int python(const char *name, struct bd_strv *ret_files, char **ret_next, struct bd_error *err)
{
	bd_auto_free char *file = bd_printf("bench_%s.py", name);
	int r = write_template("bench.py", name, file, err);
	bd_strv_add(ret_files, file);
	*ret_next = bd_printf("benchctl run %s", file);
	return r;
}

/* With what builds it: a Makefile, or a file beside the one that is there already. */
static int plugin(const char *name, struct bd_strv *ret_files, char **ret_next, struct bd_error *err)
{
	bd_auto_free char *file = bd_printf("%s.c", name), *beside = bd_printf("%s.mk", name);
	bool free_here = access("Makefile", F_OK) < 0 && access("GNUmakefile", F_OK) < 0 &&
		access("makefile", F_OK) < 0;
	int r = write_template("plugin.c", name, file, err);
	if (r < 0)
		return r;
	bd_strv_add(ret_files, file);
	bd_strv_add(ret_files, free_here ? "Makefile" : beside);
	r = write_template("plugin.mk", name, ret_files->v[1], err);
	if (r < 0)
		unlink(file);
	*ret_next = bd_printf("make %s%s%s && benchctl run %s.so", free_here ? "" : "-f ", free_here ? name : beside,
		free_here ? ".so" : "", name);
	return r;
}

static int bench(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bool is_plugin = bd_words_flag(w, "plugin");
	const char *end = is_plugin ? ".c" : ".py";
	bd_auto_free char *name = bd_strdup(w->operands.v[0]), *next = NULL;
	bd_auto_strv struct bd_strv files = {0};
	/* who names the file means it */
	size_t len = strlen(name);
	if (len > strlen(end) && bd_streq(name + len - strlen(end), end))
		name[len - strlen(end)] = 0;
	const char *bare = !is_plugin && bd_starts_with(name, "bench_") && name[6] ? name + 6 : name;
	int r = check_name(bare, &err);
	if (r == 0)
		r = is_plugin ? plugin(bare, &files, &next, &err) : python(bare, &files, &next, &err);
	return r < 0 ? bd_ctl_fail(ctl, &err) : answer(ctl, &files, next);
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
			"Writes bench_NAME.py into this folder, or with --plugin NAME.c and the Makefile that builds it, and says what "
			"measures it. A file that is there is never overwritten.",
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
