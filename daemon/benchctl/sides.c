/* The sides of `ab`: places where code lies, and settings. */
#include "registry.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_MAX (1 << 20)

static const char *const side_axes[] = {"allocator", "objalloc", "python", "gc", "switch_interval"};

/* ---- manifests ---------------------------------------------------------------------------------------------------- */

struct object {
	char *path, *build_id;
};
struct manifest {
	struct object *objects;
	size_t objects_len;
};
static const struct bd_field object_fields[] = {
	{.name = "path", .type = BD_F_STRING, .offset = offsetof(struct object, path), .required = true},
	{.name = "build_id", .type = BD_F_STRING, .offset = offsetof(struct object, build_id), .required = true},
};
static const struct bd_doc object_doc = {.name = "object",
	.size = sizeof(struct object),
	.fields = object_fields,
	.fields_len = BD_LEN(object_fields)};
static const struct bd_field manifest_fields[] = {
	{.name = "objects",
		.type = BD_F_ARRAY,
		.offset = offsetof(struct manifest, objects),
		.doc = &object_doc,
		.required = true},
};
static const struct bd_doc manifest_doc = {.name = "manifest",
	.size = sizeof(struct manifest),
	.fields = manifest_fields,
	.fields_len = BD_LEN(manifest_fields)};

static void add_object(cJSON *list, const char *path, const char *build_id)
{
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "path", path);
	cJSON_AddStringToObject(o, "build_id", build_id);
	cJSON_AddItemToArray(list, o);
}

int manifest_read(const char *folder, cJSON **ret, struct bd_error *err)
{
	bd_auto_free char *file = bd_printf("%s/" MANIFEST_FILE, folder);
	bd_auto_free char *text = NULL;
	int r = bd_file_read(file, MANIFEST_MAX, &text, NULL);
	if (r == -ENOENT) {
		*ret = NULL;
		return 0;
	}
	if (r < 0)
		return bd_error_set(err, r, "no-such-input", NULL, "cannot read %s: %s", file, strerror(-r));
	struct manifest m;
	bd_auto_json cJSON *json = NULL;
	bd_doc_init(&manifest_doc, &m);
	r = bd_json_parse(text, file, &json, err);
	struct bd_error inner;
	if (r == 0 && bd_doc_decode(&manifest_doc, json, &m, &inner) < 0)
		r = bd_error_set(err, -EINVAL, "usage", "benchctl new manifest FOLDER writes one", "%s: %s", file,
			inner.message);
	cJSON *list = r == 0 ? cJSON_CreateArray() : NULL;
	for (size_t i = 0; i < m.objects_len; i++) {
		bd_auto_free char *path = m.objects[i].path[0] == '/' ? bd_strdup(m.objects[i].path)
								      : bd_printf("%s/%s", folder, m.objects[i].path);
		add_object(list, path, m.objects[i].build_id);
	}
	bd_doc_done(&manifest_doc, &m);
	if (r == 0)
		*ret = list;
	return r;
}

/* ---- places --------------------------------------------------------------------------------------------------------- */

static bool is_file(const char *folder, const char *name)
{
	bd_auto_free char *path = bd_printf("%s/%s", folder, name);
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int venv(const char *option, const char *word, const char *folder, struct bd_registered *ret,
	struct bd_error *err)
{
	bd_auto_free char *python = bd_printf("%s/bin/python", folder);
	if (access(python, X_OK) < 0)
		return bd_error_set(err, -errno, "no-such-input", "make it again: python3 -m venv FOLDER",
			"--%s: the virtual environment %s has no bin/python that works", option, word);
	ret->kind = bd_strdup("venv");
	ret->path = bd_strdup(folder);
	return 0;
}

static int file(const char *option, const char *word, const char *path, struct bd_registered *ret, struct bd_error *err)
{
	char id[64];
	/* bin/python of a virtual environment is a link, and means that environment */
	bd_auto_free char *folder = bd_strndup(word,
		strlen(word) - strlen(strrchr(word, '/') ? strrchr(word, '/') : word));
	bd_auto_free char *above = bd_printf("%s%s..", folder, *folder ? "/" : "./");
	bd_auto_free char *home = NULL;
	bd_auto_free char *name = path_name(word);
	if (bd_starts_with(name, "python") && path_find(above, NULL, &home) == 0 && is_file(home, "pyvenv.cfg"))
		return venv(option, word, home, ret, err);
	int r = bd_elf_build_id(path, id, sizeof id);
	if (r == -ENOEXEC || bd_starts_with(name, "python"))
		return bd_error_set(err, -EINVAL, "usage",
			bd_starts_with(name, "python")
				? "--a python=ID chooses an interpreter; benchctl python list"
				: "a folder, a virtual environment, a shared object, or NAME=VALUE",
			"--%s: %s is nothing that can be a side", option, word);
	ret->kind = bd_strdup("object");
	ret->path = bd_strdup(path);
	if (r == 0) {
		ret->manifest = cJSON_CreateArray();
		add_object(ret->manifest, path, id);
	}
	return 0;
}

static int place(const char *option, const char *word, struct bd_registered *ret, struct bd_error *err)
{
	bd_auto_free char *path = NULL;
	struct stat st;
	int r = path_find(word, NULL, &path);
	if (r == 0 && stat(path, &st) < 0)
		r = -errno;
	if (r < 0) {
		bd_auto_free char *what = bd_printf("--%s: there is no file or folder", option);
		return path_missing(what, word, NULL, r, err);
	}
	if (S_ISREG(st.st_mode))
		r = file(option, word, path, ret, err);
	else if (!S_ISDIR(st.st_mode))
		r = bd_error_set(err, -EINVAL, "usage", NULL, "--%s: %s is neither a file nor a folder", option, word);
	else if (is_file(path, "pyvenv.cfg"))
		r = venv(option, word, path, ret, err);
	else
		r = manifest_read(path, &ret->manifest, err);
	if (r == 0 && !ret->kind) {
		ret->kind = bd_strdup("folder");
		ret->path = bd_strdup(path);
	}
	if (r == 0) {
		ret->name = path_name(ret->path);
		ret->cwd = bd_strdup(bd_streq(ret->kind, "folder") ? ret->path : NULL);
	}
	return r;
}

/* ---- settings ----------------------------------------------------------------------------------------------------------- */

/* Length of NAME when the text is NAME=…, else 0. */
static size_t name_len(const char *text)
{
	size_t n = 0;
	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n && !isdigit((unsigned char)*text) && text[n] == '=' ? n : 0;
}

static int set(const char *option, const char *text, struct side *ret, struct bd_error *err)
{
	bd_auto_free char *name = bd_strndup(text, name_len(text));
	const char *value = text + strlen(name) + 1;
	for (size_t i = 0; i < BD_LEN(side_axes); i++)
		if (bd_streq(name, side_axes[i])) {
			if (!*value)
				return bd_error_set(err, -EINVAL, "usage", NULL, "--%s: %s has no value", option, name);
			bd_map_set(&ret->axes, name, value);
			return 0;
		}
	/* names of variables are in capitals by custom; a word that is nearly an axis is meant to be one */
	const char *near = bd_nearest(name, side_axes, BD_LEN(side_axes));
	if (near && strlen(name) > 3 && strcspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(name)) {
		bd_auto_free char *hint = bd_printf("did you mean %s?", near);
		return bd_error_set(err, -EINVAL, "usage", hint, "--%s: there is no axis '%s'", option, name);
	}
	bd_map_set(&ret->env, name, value);
	return 0;
}

/* NAME=VALUE,NAME=VALUE: a comma that no name follows belongs to the value. */
static int settings(const char *option, const char *text, struct side *ret, struct bd_error *err)
{
	bd_auto_strv struct bd_strv parts = {0};
	bd_auto_str struct bd_str one = {0};
	bd_strv_split(&parts, text, ',');
	int r = 0;
	for (size_t i = 0; i < parts.n && r == 0; i++) {
		bd_str_printf(&one, "%s%s", one.len ? "," : "", parts.v[i]);
		if (i + 1 < parts.n && !name_len(parts.v[i + 1]))
			continue;
		r = set(option, one.s, ret, err);
		bd_str_clear(&one);
	}
	return r;
}

int side_parse(const struct bd_words *w, const char *option, struct side *ret, struct bd_error *err)
{
	struct side s = {0};
	bd_doc_init(&bd_registered_doc, &s.place);
	bd_auto_str struct bd_str label = {0};
	int r = 0;
	for (size_t i = 0; i < w->n && r == 0; i++) {
		if (!bd_streq(w->v[i].option->name, option))
			continue;
		const char *word = w->v[i].value;
		bd_str_printf(&label, "%s%s", label.len ? " " : "", word);
		if (name_len(word) && access(word, F_OK) < 0)
			r = settings(option, word, &s, err);
		else if (s.place.kind)
			r = bd_error_set(err, -EINVAL, "usage", "further ones are NAME=VALUE",
				"--%s names two places, %s and %s", option, s.word, word);
		else if ((r = place(option, word, &s.place, err)) == 0)
			s.word = bd_strdup(word);
	}
	s.label = bd_str_take(&label);
	if (r < 0)
		side_done(&s);
	else
		*ret = s;
	return r;
}

static const char *kind_name(const struct side *s)
{
	return !s->place.kind                       ? "only settings"
		: bd_streq(s->place.kind, "venv")   ? "a virtual environment"
		: bd_streq(s->place.kind, "object") ? "a shared object"
						    : "a folder";
}

static bool same_map(const struct bd_map *a, const struct bd_map *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!bd_streq(a->v[i].value, bd_map_get(b, a->v[i].key)))
			return false;
	return a->n == b->n;
}

int side_check(const struct side *a, const struct side *b, bool *ret_same, struct bd_error *err)
{
	if (!bd_streq(a->place.kind, b->place.kind)) {
		const struct side *placed = a->place.kind ? a : b;
		bd_auto_free char *hint = a->place.kind && b->place.kind
			? bd_strdup("two of a kind can be compared")
			: bd_printf("--a %s --b %s --b NAME=VALUE changes a setting only", placed->word, placed->word);
		return bd_error_set(err, -EINVAL, "usage", hint, "--a is %s and --b is %s", kind_name(a), kind_name(b));
	}
	*ret_same = bd_streq(a->place.path, b->place.path) && same_map(&a->axes, &b->axes) &&
		same_map(&a->env, &b->env);
	return 0;
}

const char *side_folder(const struct side *s)
{
	return bd_streq(s->place.kind, "folder") ? s->place.path : NULL;
}

void side_done(struct side *s)
{
	free(s->label);
	free(s->word);
	bd_doc_done(&bd_registered_doc, &s->place);
	bd_map_done(&s->axes);
	bd_map_done(&s->env);
	*s = (struct side){0};
}
