/* The bindings that were built in an interpreter's environment, which both of its hosts share: workloads/bindings/build.py
 * leaves a NAME.json of each there. Read whenever it is asked for: they may be built again while the daemon runs. */
#include "engine_internal.h"

#include <dirent.h>
#include <sys/stat.h>

int64_t built_stamp(const struct interpreter *i)
{
	struct stat st;
	if (stat(i->environment, &st) < 0)
		return 0;
	/* each NAME.json is replaced by a new file, which the folder shows */
	return (int64_t)((uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec);
}

static void promise(const char *folder, const cJSON *record, cJSON *manifest)
{
	const cJSON *file;
	cJSON_ArrayForEach(file, cJSON_GetObjectItemCaseSensitive(record, "files")) {
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "path"));
		const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "build_id"));
		if (!name || !id)
			continue;
		bd_auto_free char *path = *name == '/' ? bd_strdup(name) : bd_printf("%s/%s", folder, name);
		bd_auto_free char *real = realpath(path, NULL);
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "path", real ? real : path);
		cJSON_AddStringToObject(o, "build_id", id);
		cJSON_AddItemToArray(manifest, o);
	}
}

void built_promise(const struct interpreter *i, cJSON *manifest)
{
	DIR *d = opendir(i->environment);
	struct dirent *e;
	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);
		if (n < 6 || !bd_streq(e->d_name + n - 5, ".json"))
			continue;
		bd_auto_free char *path = bd_printf("%s/%s", i->environment, e->d_name), *text = NULL;
		bd_auto_json cJSON *record = NULL;
		struct bd_error err;
		if (bd_file_read(path, 1 << 20, &text, NULL) < 0 || bd_json_parse(text, path, &record, &err) < 0)
			bd_log(BD_LOG_WARN, "%s cannot be read: what it names is promised to nobody", path);
		else
			promise(i->environment, record, manifest);
	}
	if (d)
		closedir(d);
}
