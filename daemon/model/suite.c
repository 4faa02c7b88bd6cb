/* Suites: what `benchctl run NAME` runs, one JSON file each. */
#include "bd_model.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int bd_suite_names(const char *dir, struct bd_strv *ret)
{
	DIR *d = opendir(dir);
	if (!d)
		return -errno;
	struct dirent *e;
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);
		if (n > 5 && bd_streq(e->d_name + n - 5, ".json") && !bd_streq(e->d_name, "suite.schema.json"))
			bd_strv_addf(ret, "%.*s", (int)(n - 5), e->d_name);
	}
	closedir(d);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof *ret->v, by_name);
	return 0;
}

static int unknown(const char *dir, const char *name, struct bd_error *err)
{
	bd_auto_strv struct bd_strv names = {0};
	bd_suite_names(dir, &names);
	const char *near = bd_nearest(name, (const char *const *)names.v, names.n);
	bd_auto_free char *hint = near ? bd_printf("did you mean '%s'?", near)
				       : bd_strdup("`benchctl suites` lists them");
	return bd_error_set(err, -ENOENT, "unknown-target", hint, "there is no suite '%s'", name);
}

/* The path in a decoding error is its first word after "unknown field", else its first word. */
static int bad(const char *file, const char *text, const struct bd_error *inner, struct bd_error *err)
{
	static const char prefix[] = "unknown field ";
	const char *path = bd_starts_with(inner->message, prefix) ? inner->message + sizeof prefix - 1 : inner->message;
	bd_auto_free char *word = bd_strndup(path, strcspn(path, " "));
	int line = bd_json_line(text, word);
	if (line)
		return bd_error_set(err, -EINVAL, "bad-suite", inner->hint, "%s:%d: %s", file, line, inner->message);
	return bd_error_set(err, -EINVAL, "bad-suite", inner->hint, "%s: %s", file, inner->message);
}

int bd_suite_load(const char *dir, const char *name, struct bd_suite *ret, struct bd_error *err)
{
	if (!name[0] || name[0] == '.' || strchr(name, '/'))
		return unknown(dir, name, err);
	bd_auto_free char *file = bd_printf("%s/%s.json", dir, name);
	bd_auto_free char *text = NULL;
	size_t len;
	int r = bd_file_read(file, 1 << 20, &text, &len);
	if (r == -ENOENT || r == -ENAMETOOLONG)
		return unknown(dir, name, err);
	if (r < 0)
		return bd_error_set(err, r, "bad-suite", NULL, "cannot read %s: %s", file, strerror(-r));
	if (strlen(text) != len) /* what follows would be left out silently */
		return bd_error_set(err, -EINVAL, "bad-suite", NULL, "%s has a NUL byte", file);
	bd_auto_json cJSON *json = NULL;
	r = bd_json_parse(text, file, &json, err);
	if (r < 0)
		return r;
	struct bd_suite suite;
	bd_doc_init(&bd_suite_doc, &suite);
	struct bd_error inner;
	r = bd_doc_decode(&bd_suite_doc, json, &suite, &inner);
	if (r < 0)
		return bad(file, text, &inner, err);
	free(suite.name);
	suite.name = bd_strdup(name);
	*ret = suite;
	return 0;
}
