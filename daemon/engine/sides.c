/* What a run measures that is not ours: targets that benchctl registered, and the two sides of a comparison. */
#include "engine_internal.h"

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIBE_TIMEOUT_NS 40000000000LL /* a worker gives a file 10 s and all of them 30 s */
#define MAX_FILES 1000

/* ---- files of a folder ------------------------------------------------------------------------------------------ */

/* nftw() has no argument for its callback; one thread plans at a time per call. */
static _Thread_local struct bd_strv *found;

static bool is_bench_file(const char *base)
{
	return bd_glob("bench_*.py", base) || bd_glob("*_bench.py", base) || bd_streq(base, "bench.py");
}

static int on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	const char *base = path + ftw->base;
	bd_auto_free char *venv = type == FTW_D ? bd_printf("%s/pyvenv.cfg", path) : NULL;
	if (type == FTW_D && ftw->level > 0 &&
		(base[0] == '.' || bd_streq(base, "__pycache__") || access(venv, F_OK) == 0))
		return FTW_SKIP_SUBTREE;
	if (type == FTW_F && is_bench_file(base)) {
		bd_strv_add(found, path);
		if (found->n > MAX_FILES)
			return FTW_STOP;
	}
	return FTW_CONTINUE;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_files(const struct bd_registered *t, struct bd_strv *ret, struct bd_error *err)
{
	struct stat st;
	if (stat(t->path, &st) < 0)
		return bd_error_set(err, -errno, "no-such-input", NULL, "%s: %s", t->path, strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		bd_strv_add(ret, t->path);
		return 0;
	}
	found = ret;
	nftw(t->path, on_file, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	found = NULL;
	if (ret->n > MAX_FILES)
		return bd_error_set(err, -E2BIG, "bad-request", "name a folder below it",
			"%s has more than %d files of benchmarks", t->path, MAX_FILES);
	if (!ret->n)
		return bd_error_set(err, -ENOENT, "no-such-input",
			"benchctl new bench NAME writes one; files are found by the names bench_*.py, *_bench.py and bench.py",
			"%s has no file of benchmarks", t->path);
	qsort(ret->v, ret->n, sizeof *ret->v, by_text);
	return 0;
}

/* ---- targets, as a worker is told ------------------------------------------------------------------------------ */

static void add_text(cJSON *o, const char *name, const char *value)
{
	if (value)
		cJSON_AddStringToObject(o, name, value);
	else
		cJSON_AddNullToObject(o, name);
}

static cJSON *target_json(const struct bd_registered *t, const char *path)
{
	cJSON *o = cJSON_CreateObject(), *argv = cJSON_AddArrayToObject(o, "argv"), *env;
	add_text(o, "kind", t->kind);
	add_text(o, "path", path);
	add_text(o, "root", path && t->path && !bd_streq(path, t->path) ? t->path : NULL);
	add_text(o, "cwd", t->cwd);
	add_text(o, "name", t->name);
	for (size_t i = 0; i < t->argv.n; i++)
		cJSON_AddItemToArray(argv, cJSON_CreateString(t->argv.v[i]));
	env = cJSON_AddObjectToObject(o, "env");
	for (size_t i = 0; i < t->env.n; i++)
		cJSON_AddStringToObject(env, t->env.v[i].key, t->env.v[i].value);
	return o;
}

static int make_targets(struct side *s, struct bd_error *err)
{
	s->targets = cJSON_CreateArray();
	if (!bd_streq(s->target.kind, "python")) {
		cJSON_AddItemToArray(s->targets, target_json(&s->target, s->target.path));
		return 0;
	}
	bd_auto_strv struct bd_strv files = {0};
	int r = list_files(&s->target, &files, err);
	for (size_t i = 0; r == 0 && i < files.n; i++)
		cJSON_AddItemToArray(s->targets, target_json(&s->target, files.v[i]));
	return r;
}

/* ---- loading ------------------------------------------------------------------------------------------------------ */

/* The interpreter a virtual environment was made from: its python is a link to it. */
static int find_venv_interpreter(struct bd_engine *e, struct side *s, struct bd_error *err)
{
	bd_auto_free char *python = bd_printf("%s/bin/python", s->what.path), *real = realpath(python, NULL);
	if (!real)
		return bd_error_set(err, -errno, "no-such-input", "make it again: python3 -m venv", "%s: %s", python,
			strerror(errno));
	const struct interpreter *match = NULL;
	bd_auto_free const struct interpreter **all = NULL;
	for (size_t i = 0, n = interpreters_all(e, &all); i < n; i++) {
		bd_auto_free char *own = realpath(all[i]->executable, NULL);
		/* its program of ours if there is one, as elsewhere */
		if (own && bd_streq(own, real) && (!match || bd_streq(all[i]->host, "embedded")))
			match = all[i];
	}
	if (!match) {
		bd_auto_free char *hint = bd_printf("benchctl python add %s", real);
		return bd_error_set(err, -ENOENT, "unknown-value", hint,
			"there is no worker for %s, which the virtual environment %s uses", real, s->what.path);
	}
	s->interpreter = bd_strdup(match->id);
	s->python = BD_TAKE_PTR(python);
	return 0;
}

int side_load(struct bd_engine *e, const struct bd_request *request, const char *name, struct side *ret,
	struct bd_error *err)
{
	struct side *s = ret;
	*s = (struct side){.name = name};
	bd_doc_init(&bd_registered_doc, &s->what);
	bd_doc_init(&bd_registered_doc, &s->target);
	if (name)
		s->asked = name[0] == 'a' ? &request->sides->a : &request->sides->b;
	const char *target = s->asked && s->asked->target ? s->asked->target
		: request->target[0] == '@'               ? request->target + 1
							  : NULL;
	int r = 0;
	if (s->asked && s->asked->registered) {
		r = registered_load(e->data, s->asked->registered, &s->what, err);
		if (r == 0 && registered_is_target(&s->what))
			r = bd_error_set(err, -EINVAL, "bad-registered", NULL,
				"side %s is a %s, not a folder, a virtual environment or a shared object", name,
				s->what.kind);
		if (r == 0 && bd_streq(s->what.kind, "venv"))
			r = find_venv_interpreter(e, s, err);
	}
	if (r == 0 && target) {
		r = registered_load(e->data, target, &s->target, err);
		if (r == 0 && !registered_is_target(&s->target))
			r = bd_error_set(err, -EINVAL, "bad-registered", NULL, "a %s cannot be measured itself",
				s->target.kind);
		if (r == 0)
			r = make_targets(s, err);
		s->has_target = r == 0;
	}
	return r;
}

void side_done(struct side *s)
{
	bd_doc_done(&bd_registered_doc, &s->what);
	bd_doc_done(&bd_registered_doc, &s->target);
	cJSON_Delete(s->targets);
	free(s->interpreter);
	free(s->python);
	*s = (struct side){0};
}

/* ---- its processes ---------------------------------------------------------------------------------------------- */

static void add_all(struct bd_map *env, const struct bd_map *more)
{
	for (size_t i = 0; i < more->n; i++)
		bd_map_set(env, more->v[i].key, more->v[i].value);
}

void side_environment(const struct side *s, struct bd_map *env)
{
	if (s->has_target && !bd_streq(s->target.kind, "command")) /* a command's are its own, not its worker's */
		add_all(env, &s->target.env);
	if (bd_streq(s->what.kind, "folder"))
		bd_map_set(env, "BENCHD_SIDE_PATH", s->what.path);
	if (bd_streq(s->what.kind, "object"))
		bd_map_set(env, "BENCHD_SIDE_OBJECT", s->what.path);
	if (s->python) {
		bd_map_set(env, "BENCHD_PYTHON", s->python);
		bd_map_set(env, "VIRTUAL_ENV", s->what.path);
	}
	if (s->asked)
		add_all(env, &s->asked->env);
}

const char *side_cwd(const struct side *s)
{
	return bd_streq(s->what.kind, "folder") ? s->what.path : s->has_target ? s->target.cwd : NULL;
}

/* ---- what it offers ---------------------------------------------------------------------------------------------- */

static int describe(struct bd_engine *e, const struct side *s, const struct interpreter *python,
	const struct bd_map *request_env, const cJSON *targets, struct bd_catalogue **ret, struct bd_error *err)
{
	struct bd_map env = {0};
	struct bd_axes axes = {0};
	worker_environment(&env, &axes, request_env, 0, 0);
	side_environment(s, &env);
	struct bd_worker *w = NULL;
	struct bd_worker_spec spec = {.env = &env, .cwd = side_cwd(s), .log_fd = e->config.worker_log_fd};
	interpreter_start(python, s->python, &spec);
	int r = bd_worker_start(e->pool, &spec, &w, err);
	bd_auto_json cJSON *ask = cJSON_CreateObject(), *answer = NULL;
	cJSON_AddStringToObject(ask, "type", "describe");
	cJSON_AddItemToObject(ask, "targets", cJSON_Duplicate(targets, true));
	if (r == 0)
		r = bd_worker_send(w, ask, err);
	if (r == 0)
		r = bd_worker_receive(w, (const char *const[]){"catalogue", NULL}, DESCRIBE_TIMEOUT_NS, -1, &answer,
			err);
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

static const char *file_of(const cJSON *target)
{
	const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(target, "path"));
	const char *base = path ? strrchr(path, '/') : NULL;
	return base ? base + 1 : path ? path : "target";
}

/* The case that stands for a file whose benchmarks cannot be known. */
static void add_broken(struct bd_catalogue *c, const cJSON *target, const struct bd_error *why)
{
	const char *file = file_of(target), *dot = strrchr(file, '.');
	struct bd_case_info *info = BD_PUSH(c->cases, c->cases_len);
	*info = (struct bd_case_info){.name = bd_strndup(file, dot ? (size_t)(dot - file) : strlen(file)),
		.summary = bd_strdup("a file that cannot be imported"),
		.shape = bd_strdup("iterations"),
		.plain = bd_strdup("plain"),
		.target = 0,
		.timeout_s = (double)NAN};
	info->reason = bd_reason_new(NULL, why->key, why->hint[0] ? why->hint : NULL, "importing %s: %s", file,
		why->message);
}

/* One worker for each file, so that those that can be imported are known. */
static int describe_one_by_one(struct bd_engine *e, struct side *s, const struct interpreter *python,
	const struct bd_map *request_env, struct bd_catalogue **ret, struct bd_error *err)
{
	cJSON *good = cJSON_CreateArray();
	bd_auto_json cJSON *none = cJSON_CreateArray();
	struct bd_catalogue broken;
	bd_doc_init(&bd_catalogue_doc, &broken);
	const cJSON *target;
	cJSON_ArrayForEach(target, s->targets) {
		bd_auto_json cJSON *alone = cJSON_CreateArray();
		cJSON_AddItemToArray(alone, cJSON_Duplicate(target, true));
		struct bd_catalogue *one = NULL;
		struct bd_error why;
		if (describe(e, s, python, request_env, alone, &one, &why) == 0)
			cJSON_AddItemToArray(good, cJSON_Duplicate(target, true));
		else
			add_broken(&broken, target, &why);
		catalogue_free(one);
	}
	cJSON_Delete(s->targets);
	s->targets = good;
	int r = describe(e, s, python, request_env, cJSON_GetArraySize(good) ? good : none, ret, err);
	for (size_t i = 0; r == 0 && i < broken.cases_len; i++)
		*BD_PUSH((*ret)->cases, (*ret)->cases_len) = broken.cases[i];
	if (r == 0)
		broken.cases_len = 0; /* they are the catalogue's now */
	bd_doc_done(&bd_catalogue_doc, &broken);
	return r;
}

static bool killed(const struct bd_error *err)
{
	static const char *const keys[] = {"signal", "exit", "timeout", "protocol"};
	for (size_t i = 0; i < BD_LEN(keys); i++)
		if (bd_streq(err->key, keys[i]))
			return true;
	return false;
}

int side_catalogue(struct bd_engine *e, struct side *s, const char *python, const struct bd_map *request_env,
	const struct bd_catalogue **ret, bool *ret_owned, struct bd_error *err)
{
	bool plain = !s->has_target && !s->what.kind && !(s->asked && s->asked->env.n);
	int r = catalogue_get(e, python, plain ? request_env : NULL, ret, ret_owned, err);
	if (r < 0 || plain)
		return r;
	const struct interpreter *i = interpreter_find(e, python);
	struct bd_catalogue *c = NULL;
	struct bd_error why = {0};
	bd_auto_json cJSON *none = cJSON_CreateArray();
	r = describe(e, s, i, request_env, s->targets ? s->targets : none, &c, &why);
	if (r < 0 && killed(&why) && s->targets)
		r = describe_one_by_one(e, s, i, request_env, &c, &why);
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	*ret = c;
	*ret_owned = true;
	return 0;
}
