/* What was built for which interpreter, and what a worker of it offers. */
#include "engine_internal.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#define F(T, m)                                                                         \
	{                                                                               \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct interpreter, m) \
	}
static const struct bd_field fields[] =
	{{.name = "id", .type = BD_F_STRING, .offset = offsetof(struct interpreter, id), .required = true},
		F(STRING, host), F(STRING, executable), F(STRING, libpython), F(STRING, version), F(STRING, abiflags),
		F(STRING, build_id), F(STRING, full_version), F(STRING, compiler), F(STRING, flags),
		F(BOOL, free_threaded), F(BOOL, debug), F(JSON, manifest), F(STRING, program), F(STRINGS, args),
		{.name = "default", .type = BD_F_BOOL, .offset = offsetof(struct interpreter, is_default)}};
static const struct bd_doc interpreter_doc = {.name = "interpreter",
	.size = sizeof(struct interpreter),
	.fields = fields,
	.fields_len = BD_LEN(fields),
	.lenient = true};

void catalogue_free(struct bd_catalogue *c)
{
	if (c)
		bd_doc_done(&bd_catalogue_doc, c);
	free(c);
}

static void interpreter_free(struct interpreter *i)
{
	if (!i)
		return;
	catalogue_free(i->catalogue);
	for (size_t k = 0; k < i->outdated_len; k++)
		catalogue_free(i->outdated[k]);
	free(i->outdated);
	free(i->environment);
	free(i->folder);
	bd_reason_free(i->unusable);
	free(i->argv);
	bd_doc_done(&interpreter_doc, i);
	free(i);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

/* Words that begin with a dot name files of ours, relative to the interpreter's folder: a tree may be moved. */
static char *resolved(const char *folder, const char *word)
{
	return word[0] == '.' && word[1] == '/' ? bd_printf("%s/%s", folder, word + 2) : bd_strdup(word);
}

static void resolve_paths(struct interpreter *i, const char *folder)
{
	char *program = resolved(folder, i->program && *i->program ? i->program : "./bench-worker");
	free(i->program);
	i->program = program;
	for (size_t k = 0; k < i->args.n; k++) {
		char *word = resolved(folder, i->args.v[k]);
		free(i->args.v[k]);
		i->args.v[k] = word;
	}
	cJSON *object;
	cJSON_ArrayForEach(object, i->manifest) {
		cJSON *file = cJSON_GetObjectItemCaseSensitive(object, "path");
		if (!cJSON_IsString(file) || file->valuestring[0] == '/')
			continue;
		bd_auto_free char *joined = bd_printf("%s/%s", folder, file->valuestring);
		bd_auto_free char *real = realpath(joined, NULL);
		cJSON_SetValuestring(file, real ? real : joined);
	}
}

/* Tells a worker that was built again from the one before it. */
static int64_t stamp_of(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return 0;
	return (int64_t)((uint64_t)st.st_ino * 1000003U ^
		((uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec));
}

/* Of a worker and of the cases and bindings beside it. */
static int64_t folder_stamp(const char *folder)
{
	bd_auto_free char *path = bd_printf("%s/interpreter.json", folder),
			  *sources = bd_printf("%s/../../worker.id", folder);
	return (int64_t)((uint64_t)stamp_of(path) * 31 + (uint64_t)stamp_of(sources));
}

static int load_one(const char *folder, struct interpreter **ret, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("%s/interpreter.json", folder);
	bd_auto_free char *text = NULL;
	int64_t stamp = folder_stamp(folder);
	int r = bd_file_read(path, 1 << 20, &text, NULL);
	if (r < 0)
		return bd_error_set(err, r, "worker-missing", NULL, "cannot read %s: %s", path, strerror(-r));
	bd_auto_json cJSON *json = NULL;
	r = bd_json_parse(text, path, &json, err);
	if (r < 0)
		return r;
	struct interpreter *i = bd_alloc(sizeof *i);
	bd_doc_init(&interpreter_doc, i);
	r = bd_doc_decode(&interpreter_doc, json, i, err);
	if (r < 0) {
		free(i);
		return r;
	}
	if (!i->host || !*i->host) {
		free(i->host);
		i->host = bd_strdup("embedded");
	}
	i->stamp = stamp;
	i->folder = bd_strdup(folder);
	bd_auto_free char *base = bd_strndup(i->id, strcspn(i->id, "+"));
	i->environment = bd_printf("%s/../../environments/%s", folder, base);
	resolve_paths(i, folder);
	i->argv = bd_strv_argv(&i->args);
	*ret = i;
	return 0;
}

struct list {
	struct interpreter **v;
	size_t n;
};

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct interpreter *const *)a)->id, (*(struct interpreter *const *)b)->id);
}

/* Every sub-folder that has an interpreter.json; 0, or -errno when the folder cannot be read. */
static int load_folder(const char *dir, struct list *list)
{
	DIR *d = opendir(dir);
	if (!d)
		return -errno;
	struct dirent *e;
	while ((e = readdir(d))) {
		struct interpreter *one = NULL;
		struct bd_error why;
		if (e->d_name[0] == '.')
			continue;
		bd_auto_free char *folder = bd_printf("%s/%s", dir, e->d_name);
		if (load_one(folder, &one, &why) < 0)
			bd_log(BD_LOG_WARN, "%s", why.message);
		else
			*BD_PUSH(list->v, list->n) = one;
	}
	closedir(d);
	if (list->n)
		qsort(list->v, list->n, sizeof *list->v, by_id);
	return 0;
}

int interpreters_load(struct bd_engine *e)
{
	const char *dir = e->interpreters_dir;
	struct list list = {0};
	pthread_mutex_init(&e->interpreters_lock, NULL);
	e->added_dir = bd_printf("%s/interpreters", e->data);
	int r = load_folder(dir, &list);
	e->interpreters = list.v;
	e->interpreters_len = list.n;
	if (r < 0)
		return bd_error_set(&e->interpreters_error, r, "worker-missing", "build it: ./dev build",
			"no workers in %s: %s", dir, strerror(-r));
	if (!list.n)
		return bd_error_set(&e->interpreters_error, -ENOENT, "worker-missing", "build it: ./dev build",
			"no worker was built for any interpreter in %s", dir);
	return 0;
}

void interpreters_free(struct bd_engine *e)
{
	for (size_t i = 0; i < e->interpreters_len; i++)
		interpreter_free(e->interpreters[i]);
	free(e->interpreters);
	free(e->added_dir);
}

/* ---- those that `benchctl python add` built -------------------------------------------------------------------------- */

/* The sources the workers of a tree were built from, "" where none are named. */
static char *worker_sources(const char *home)
{
	bd_auto_free char *path = bd_printf("%s/worker.id", home);
	char *text = NULL;
	return bd_file_read(path, 256, &text, NULL) == 0 ? text : bd_strdup("");
}

static struct interpreter *known(const struct bd_engine *e, const struct interpreter *one)
{
	for (size_t i = 0; i < e->interpreters_len; i++) {
		struct interpreter *k = e->interpreters[i];
		if (k->added && bd_streq(k->id, one->id) && k->stamp == one->stamp &&
			bd_streq(k->program, one->program))
			return k;
	}
	return NULL;
}

static void take_added(struct bd_engine *e, const char *home, const char *sources)
{
	struct list list = {0};
	bd_auto_free char *dir = bd_printf("%s/lib/benchd/interpreters", home);
	bd_auto_free char *mine = bd_printf("%s/lib/benchd", home), *from = worker_sources(mine);
	if (load_folder(dir, &list) < 0)
		return;
	for (size_t i = 0; i < list.n; i++) {
		struct interpreter *one = list.v[i], *k = known(e, one);
		if (k) {
			k->gone = false;
			interpreter_free(one);
			continue;
		}
		one->added = true;
		one->is_default = false;
		if (!bd_streq(from, sources)) {
			bd_auto_free char *hint = bd_printf("benchctl python add %s", one->executable);
			one->unusable = bd_reason_new(NULL, "worker-missing", hint,
				"the worker of %s was built by another version of benchd", one->id);
		}
		*BD_PUSH(e->interpreters, e->interpreters_len) = one;
	}
	free(list.v);
}

/* Those of this build, when they were built again since. */
static void refresh_own(struct bd_engine *e)
{
	size_t n = e->interpreters_len;
	for (size_t i = 0; i < n; i++) {
		struct interpreter *old = e->interpreters[i], *one = NULL;
		if (old->added || old->gone || folder_stamp(old->folder) == old->stamp ||
			load_one(old->folder, &one, &(struct bd_error){0}) < 0) /* it is being written */
			continue;
		old->gone = true;
		*BD_PUSH(e->interpreters, e->interpreters_len) = one;
	}
}

/* Sees what was built again, added and removed since. What is gone stays in memory: a run may be using it. Holds the lock. */
static void refresh(struct bd_engine *e)
{
	refresh_own(e);
	int64_t stamp = stamp_of(e->added_dir);
	if (stamp == e->added_stamp)
		return;
	e->added_stamp = stamp;
	for (size_t i = 0; i < e->interpreters_len; i++)
		e->interpreters[i]->gone |= e->interpreters[i]->added;
	bd_auto_free char *home = bd_printf("%s/..", e->interpreters_dir), *sources = worker_sources(home);
	DIR *d = opendir(e->added_dir);
	struct dirent *entry;
	while (d && (entry = readdir(d))) {
		bd_auto_free char *folder = bd_printf("%s/%s", e->added_dir, entry->d_name);
		if (entry->d_name[0] != '.')
			take_added(e, folder, sources);
	}
	if (d)
		closedir(d);
}

size_t interpreters_all(struct bd_engine *e, const struct interpreter ***ret)
{
	struct list all = {0};
	pthread_mutex_lock(&e->interpreters_lock);
	refresh(e);
	for (size_t i = 0; i < e->interpreters_len; i++)
		if (!e->interpreters[i]->gone)
			*BD_PUSH(all.v, all.n) = e->interpreters[i];
	pthread_mutex_unlock(&e->interpreters_lock);
	*ret = (const struct interpreter **)(uintptr_t)all.v;
	return all.n;
}

static struct interpreter *find(struct bd_engine *e, const char *id, bool also_gone)
{
	struct interpreter *found = NULL, *any = NULL;
	pthread_mutex_lock(&e->interpreters_lock);
	refresh(e);
	for (size_t i = 0; i < e->interpreters_len; i++) {
		struct interpreter *k = e->interpreters[i];
		if (k->gone && !also_gone)
			continue;
		if (!any || (any->gone && !k->gone))
			any = k;
		if ((id ? bd_streq(k->id, id) : k->is_default) && (!found || found->gone))
			found = k;
	}
	pthread_mutex_unlock(&e->interpreters_lock);
	return found || id ? found : any;
}

const struct interpreter *interpreter_find(struct bd_engine *e, const char *id)
{
	return find(e, id, true);
}

void interpreter_start(const struct interpreter *i, const char *python, struct bd_worker_spec *ret)
{
	ret->program = python && bd_streq(i->host, "exe") ? python : i->program;
	ret->args = i->argv;
}

static int describe(struct bd_engine *e, const struct interpreter *python, const struct bd_map *request_env,
	struct bd_catalogue **ret, struct bd_error *err)
{
	struct bd_map env = {0};
	struct bd_axes axes = {0};
	worker_environment(&env, &axes, request_env, 0, 0);
	struct bd_worker *w = NULL;
	struct bd_worker_spec spec = {.env = &env, .log_fd = e->config.worker_log_fd};
	interpreter_start(python, NULL, &spec);
	int r = bd_worker_start(e->pool, &spec, &w, err);
	bd_auto_json cJSON *ask = cJSON_CreateObject(), *answer = NULL;
	cJSON_AddStringToObject(ask, "type", "describe");
	cJSON_AddArrayToObject(ask, "targets");
	if (r == 0)
		r = bd_worker_send(w, ask, err);
	if (r == 0)
		r = bd_worker_receive(w, (const char *const[]){"catalogue", NULL}, 20000000000LL, -1, &answer, err);
	struct bd_catalogue *c = bd_alloc(sizeof *c);
	bd_doc_init(&bd_catalogue_doc, c);
	if (r == 0)
		r = bd_doc_decode(&bd_catalogue_doc, answer, c, err);
	bd_worker_free(&w);
	bd_map_done(&env);
	if (r < 0) {
		catalogue_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int no_interpreter(struct bd_engine *e, const char *python, struct bd_error *err)
{
	bd_auto_free const struct interpreter **all = NULL;
	size_t n = interpreters_all(e, &all);
	if (!n) {
		if (err)
			*err = e->interpreters_error;
		return -ENOENT;
	}
	bd_auto_free const char **ids = bd_alloc(n * sizeof *ids);
	bd_auto_str struct bd_str list = {0};
	for (size_t k = 0; k < n; k++) {
		ids[k] = all[k]->id;
		bd_str_printf(&list, "%s%s", k ? ", " : "there are: ", ids[k]);
	}
	const char *near = bd_nearest(python, ids, n);
	bd_auto_free char *hint = near ? bd_printf("did you mean '%s'?", near) : bd_strdup(list.s);
	return bd_error_set(err, -EINVAL, "unknown-value", hint, "there is no interpreter '%s'", python);
}

int catalogue_get(struct bd_engine *e, const char *python, const struct bd_map *env, const struct bd_catalogue **ret,
	bool *ret_owned, struct bd_error *err)
{
	struct interpreter *i = find(e, python, false);
	if (!i)
		return no_interpreter(e, python, err);
	if (i->unusable)
		return bd_error_set(err, -ENOENT, i->unusable->key, i->unusable->hint, "%s", i->unusable->message);
	struct bd_catalogue *c = NULL;
	if (env && env->n) {
		int r = describe(e, i, env, &c, err);
		if (r < 0)
			return r;
		*ret_owned = true;
		*ret = c;
		return 0;
	}
	int r = 0;
	pthread_mutex_lock(&e->catalogue_lock);
	int64_t stamp = built_stamp(i);
	if (!i->catalogue || i->catalogue_stamp != stamp)
		r = describe(e, i, NULL, &c, err);
	if (c) {
		if (i->catalogue)
			*BD_PUSH(i->outdated, i->outdated_len) = i->catalogue;
		i->catalogue = c;
		i->catalogue_stamp = stamp;
	}
	c = i->catalogue;
	pthread_mutex_unlock(&e->catalogue_lock);
	if (r < 0)
		return r;
	*ret_owned = false;
	*ret = c;
	return 0;
}

int bd_engine_catalogue(struct bd_engine *e, const char *python, const struct bd_catalogue **ret, struct bd_error *err)
{
	bool owned;
	return catalogue_get(e, python, NULL, ret, &owned, err);
}

int bd_engine_pythons(struct bd_engine *e, cJSON **ret, struct bd_error *err)
{
	bd_auto_free const struct interpreter **all = NULL;
	size_t n = interpreters_all(e, &all);
	if (!n) {
		if (err)
			*err = e->interpreters_error;
		return -ENOENT;
	}
	qsort(all, n, sizeof *all, by_id);
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < n; i++) {
		cJSON *o = bd_doc_encode(&interpreter_doc, all[i]);
		cJSON_AddBoolToObject(o, "added", all[i]->added);
		cJSON_AddItemToObject(o, "reason",
			all[i]->unusable ? bd_doc_encode(&bd_reason_doc, all[i]->unusable) : cJSON_CreateNull());
		cJSON_AddItemToArray(list, o);
	}
	*ret = list;
	return 0;
}
