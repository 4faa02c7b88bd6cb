/* Stored runs as the command line names them: by filters, by the beginning of an id, as latest. */
#include "bd_benchctl.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static void query(char **path, const char *name, const char *value)
{
	char *longer = bd_ctl_path(*path, name, value);
	free(*path);
	*path = longer;
}

static int list(struct bd_client *c, const struct bd_words *w, const char *label, size_t limit, cJSON **ret,
	struct bd_error *err)
{
	bd_auto_free char *path = bd_strdup("/api/v1/runs");
	query(&path, "suite", w ? bd_words_text(w, "suite") : NULL);
	query(&path, "state", w ? bd_words_text(w, "state") : NULL);
	query(&path, "label", label);
	return bd_ctl_rows(c, path, "runs", limit, ret, err);
}

int bd_ctl_runs(struct bd_client *c, const struct bd_words *w, size_t limit, cJSON **ret, struct bd_error *err)
{
	return list(c, w, w ? bd_words_text(w, "label") : NULL, limit, ret, err);
}

int bd_ctl_run_id(struct bd_client *c, const char *word, char **ret, struct bd_error *err)
{
	const char *label = strchr(word, '=') ? word : NULL; /* no id has one in it */
	bool latest = bd_streq(word, "latest") || label;
	if (!latest && strlen(word) == BD_ULID_LEN - 1) {
		*ret = bd_strdup(word);
		return 0;
	}
	bd_auto_json cJSON *json = NULL;
	int r = list(c, NULL, label, latest ? 1 : SIZE_MAX, &json, err);
	if (r < 0)
		return r;
	const char *found = NULL;
	size_t matches = bd_ctl_row_of(cJSON_GetObjectItemCaseSensitive(json, "runs"), latest ? "" : word, &found);
	if (matches > 1)
		return bd_error_set(err, -EINVAL, "usage", "give more of its id", "%zu runs begin with '%s'", matches,
			word);
	if (!found && label)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl runs list shows what there is",
			"no run has the label %s", label);
	if (!found && latest)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl run gil-contention makes one",
			"there is no run yet");
	if (!found)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl runs list shows what there is",
			"no run begins with '%s'", word);
	*ret = bd_strdup(found);
	return 0;
}

char *bd_ctl_run_path(const char *id, const char *tail)
{
	struct bd_str path = {0};
	bd_str_puts(&path, "/api/v1/runs/");
	for (const char *p = id; *p; p++)
		bd_str_append(&path, isalnum((unsigned char)*p) ? p : "_", 1); /* no id has other characters */
	bd_str_puts(&path, tail);
	return bd_str_take(&path);
}
