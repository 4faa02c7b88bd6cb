/* What was built for which interpreter, and what a worker of it offers. */
#include "engine_internal.h"

#include <dirent.h>
#include <errno.h>

#define F(T, m)                                                                         \
	{                                                                               \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct interpreter, m) \
	}
static const struct bd_field fields[] =
	{{.name = "id", .type = BD_F_STRING, .offset = offsetof(struct interpreter, id), .required = true},
		F(STRING, executable), F(STRING, libpython), F(STRING, version), F(STRING, abiflags),
		F(STRING, build_id), F(STRING, compiler), F(STRING, flags), F(BOOL, free_threaded), F(JSON, manifest),
		{.name = "default", .type = BD_F_BOOL, .offset = offsetof(struct interpreter, is_default)}};
static const struct bd_doc interpreter_doc = {.name = "interpreter",
	.size = sizeof(struct interpreter),
	.fields = fields,
	.fields_len = BD_LEN(fields),
	.lenient = true};

static int load_one(const char *dir, const char *name, struct interpreter *ret, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("%s/%s/interpreter.json", dir, name);
	bd_auto_free char *text = NULL;
	int r = bd_file_read(path, 1 << 20, &text, NULL);
	if (r < 0)
		return bd_error_set(err, r, "worker-missing", NULL, "cannot read %s: %s", path, strerror(-r));
	bd_auto_json cJSON *json = NULL;
	r = bd_json_parse(text, path, &json, err);
	if (r < 0)
		return r;
	struct interpreter i;
	bd_doc_init(&interpreter_doc, &i);
	r = bd_doc_decode(&interpreter_doc, json, &i, err);
	if (r < 0)
		return r;
	/* A tree that was moved: our own files are written relative to the interpreter's folder. */
	cJSON *object;
	cJSON_ArrayForEach(object, i.manifest) {
		cJSON *file = cJSON_GetObjectItemCaseSensitive(object, "path");
		if (!cJSON_IsString(file) || file->valuestring[0] == '/')
			continue;
		bd_auto_free char *joined = bd_printf("%s/%s/%s", dir, name, file->valuestring);
		bd_auto_free char *real = realpath(joined, NULL);
		cJSON_SetValuestring(file, real ? real : joined);
	}
	i.worker = bd_printf("%s/%s/bench-worker", dir, name);
	*ret = i;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct interpreter *)a)->id, ((const struct interpreter *)b)->id);
}

int interpreters_load(const char *dir, struct interpreter **ret, size_t *ret_len, struct bd_error *err)
{
	DIR *d = opendir(dir);
	if (!d)
		return bd_error_set(err, -errno, "worker-missing", "build it: ./dev build", "no workers in %s: %s", dir,
			strerror(errno));
	struct interpreter *v = NULL;
	size_t n = 0;
	struct dirent *e;
	while ((e = readdir(d))) {
		struct interpreter one;
		struct bd_error why;
		if (e->d_name[0] == '.')
			continue;
		if (load_one(dir, e->d_name, &one, &why) < 0)
			bd_log(BD_LOG_WARN, "%s", why.message);
		else
			*BD_PUSH(v, n) = one;
	}
	closedir(d);
	if (!n)
		return bd_error_set(err, -ENOENT, "worker-missing", "build it: ./dev build",
			"no worker was built for any interpreter in %s", dir);
	qsort(v, n, sizeof *v, by_id);
	*ret = v;
	*ret_len = n;
	return 0;
}

void catalogue_free(struct bd_catalogue *c)
{
	if (c)
		bd_doc_done(&bd_catalogue_doc, c);
	free(c);
}

void interpreters_free(struct interpreter *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		catalogue_free(v[i].catalogue);
		free(v[i].worker);
		bd_doc_done(&interpreter_doc, &v[i]);
	}
	free(v);
}

const struct interpreter *interpreter_find(const struct bd_engine *e, const char *id)
{
	for (size_t i = 0; i < e->interpreters_len; i++)
		if (id ? bd_streq(e->interpreters[i].id, id) : e->interpreters[i].is_default)
			return &e->interpreters[i];
	return id || !e->interpreters_len ? NULL : &e->interpreters[0];
}

static int describe(struct bd_engine *e, const struct interpreter *python, const struct bd_map *request_env,
	struct bd_catalogue **ret, struct bd_error *err)
{
	struct bd_map env = {0};
	struct bd_axes axes = {0};
	worker_environment(&env, &axes, request_env, 0, 0);
	struct bd_worker *w = NULL;
	struct bd_worker_spec spec = {.program = python->worker, .env = &env, .log_fd = e->config.worker_log_fd};
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

int catalogue_get(struct bd_engine *e, const char *python, const struct bd_map *env, const struct bd_catalogue **ret,
	bool *ret_owned, struct bd_error *err)
{
	struct interpreter *i = (struct interpreter *)(uintptr_t)interpreter_find(e, python);
	if (!i) {
		if (!e->interpreters_len) {
			if (err)
				*err = e->interpreters_error;
			return -ENOENT;
		}
		const char *ids[64];
		size_t n = BD_MIN(e->interpreters_len, BD_LEN(ids));
		bd_auto_str struct bd_str all = {0};
		for (size_t k = 0; k < n; k++) {
			ids[k] = e->interpreters[k].id;
			bd_str_printf(&all, "%s%s", k ? ", " : "there are: ", ids[k]);
		}
		const char *near = bd_nearest(python, ids, n);
		bd_auto_free char *hint = near ? bd_printf("did you mean '%s'?", near) : bd_strdup(all.s);
		return bd_error_set(err, -EINVAL, "unknown-value", hint, "there is no interpreter '%s'", python);
	}
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
	if (!i->catalogue)
		r = describe(e, i, NULL, &i->catalogue, err);
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
	if (!e->interpreters_len) {
		if (err)
			*err = e->interpreters_error;
		return -ENOENT;
	}
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < e->interpreters_len; i++)
		cJSON_AddItemToArray(list, bd_doc_encode(&interpreter_doc, &e->interpreters[i]));
	*ret = list;
	return 0;
}
