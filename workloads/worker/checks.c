/* The checks a cell passes before and after it is timed (measurement.md, section 5). A failed one makes the cell invalid
 * with its reason, never a number. */
#include "bd_bench.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>

void bd_verdict_set(struct bd_verdict *v, const char *check, enum bd_cell_status status, const struct bd_error *err)
{
	v->check = check;
	v->status = status;
	v->err = *err;
}

#define FAIL(c, check, key, hint, ...)                                      \
	({                                                                  \
		struct bd_error e_ = {0};                                   \
		bd_error_set(&e_, -EBADMSG, key, hint, __VA_ARGS__);        \
		bd_verdict_set(&(c)->verdict, check, BD_CELL_INVALID, &e_); \
		false;                                                      \
	})

/* ---- V1 ---------------------------------------------------------------------------------------------------- */

bool bd_check_counter(struct bd_bench_cell *c)
{
	for (unsigned i = 0; i < c->team->n; i++) {
		const struct bd_lane *l = &c->team->lanes[i];
		uint64_t want = (l->ops + l->straddled) * c->work.native_calls;
		if (l->native_calls != want)
			return FAIL(c, "V1", "count-differs", "the native code was not called as often as it was timed",
				"thread %u called the native code %llu times, its operations need %llu", i,
				(unsigned long long)l->native_calls, (unsigned long long)want);
	}
	if (c->team->stray_calls)
		return FAIL(c, "V1", "count-differs", "the case hands its work to threads of its own",
			"%llu native calls came from threads that are not the cell's",
			(unsigned long long)c->team->stray_calls);
	return true;
}

/* ---- V2 ---------------------------------------------------------------------------------------------------- */

bool bd_check_result(struct bd_bench_cell *c)
{
	for (unsigned i = 0; i < c->team->n; i++) {
		const struct bd_lane *l = &c->team->lanes[i];
		struct bd_error err = {0};
		int r = c->work.desc->verify(&c->work, l->start, l->ops + l->straddled, l->result, &err);
		if (r < 0) {
			bd_verdict_set(&c->verdict, "V2", BD_CELL_INVALID, &err);
			return false;
		}
	}
	return true;
}

/* ---- V5 ---------------------------------------------------------------------------------------------------- */

bool bd_check_malloc(struct bd_bench_cell *c)
{
	const struct bd_malloc_info *info = bd_malloc_identify();
	const char *raw = bd_map_get(&c->axes, "allocator"), *object = bd_map_get(&c->axes, "objalloc");
	if (!raw)
		raw = "glibc";
	if (!object)
		object = "pymalloc";
	if (!bd_streq(raw, info->name))
		return FAIL(c, "V5", "allocator-not-loaded", "is the library installed, and may it be preloaded?",
			"malloc is served by %s %s (%s), wanted %s", info->name, info->version, info->path, raw);
	struct bd_error err = {0};
	if (bd_malloc_prove(&err) < 0) {
		bd_verdict_set(&c->verdict, "V5", BD_CELL_INVALID, &err);
		return false;
	}
	if (!bd_streq(object, info->objalloc))
		return FAIL(c, "V5", "object-allocator-differs", "PYTHONMALLOC chooses it when the interpreter starts",
			"small objects come from %s, wanted %s", info->objalloc, object);
	return true;
}

/* ---- V7 ---------------------------------------------------------------------------------------------------- */

static char *manifest_path(const char *path)
{
	bd_auto_free char *full = *path == '/' ? bd_strdup(path) : bd_printf("%s/%s", bd_self_folder(), path);
	char *real = realpath(full, NULL);
	return real ? real : BD_TAKE_PTR(full);
}

/* The build-id the manifest promises for this file; NULL when it does not list it. */
static const char *promised(const cJSON *manifest, const char *path)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, manifest) {
		const char *p = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "path"));
		if (!p)
			continue;
		bd_auto_free char *full = manifest_path(p);
		if (bd_streq(full, path)) {
			const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "build_id"));
			return id ? id : "";
		}
	}
	return NULL;
}

static bool object_is_promised(struct bd_bench_cell *c, const cJSON *manifest, const char *what, const char *path,
	const char *id)
{
	const char *want = promised(manifest, path);
	if (!want)
		return FAIL(c, "V7", "not-in-manifest", "another file was loaded in its place",
			"%s is in %s, which is not part of this build", what, path);
	if (!id || !bd_streq(want, id))
		return FAIL(c, "V7", "build-id-differs", "build again, or find out who replaced the file",
			"%s has build-id %s, the build made %s", path, id ? id : "none", want);
	return true;
}

static bool code_is_promised(struct bd_bench_cell *c, const cJSON *manifest, const char *what, const void *code,
	const struct bd_worker_object *objects, size_t n)
{
	const char *name = bd_object_of(code);
	bd_auto_free char *path = name ? realpath(name, NULL) : NULL;
	for (size_t i = 0; path && i < n; i++)
		if (bd_streq(objects[i].path, path))
			return object_is_promised(c, manifest, what, path, objects[i].build_id);
	return FAIL(c, "V7", "not-in-manifest", "", "%s is in no loaded file", what);
}

static bool ours(const char *path)
{
	const char *base = strrchr(path, '/');
	base = base ? base + 1 : path;
	return bd_starts_with(base, "bdb_") || bd_starts_with(base, "libbdkernels.");
}

bool bd_check_provenance(struct bd_bench_cell *c, const cJSON *manifest)
{
	struct bd_worker_object *objects;
	size_t n;
	bd_objects_loaded(&objects, &n);
	bool ok = true;
	/* everything of ours that is loaded … */
	for (size_t i = 0; i < n && ok; i++)
		if (ours(objects[i].path))
			ok = object_is_promised(c, manifest, "a binding or the kernel library", objects[i].path,
				objects[i].build_id);
	/* … and the code that really runs: an interposed symbol is in no file of ours */
	if (ok)
		ok = code_is_promised(c, manifest, "bd_kernel_call", dlsym(RTLD_DEFAULT, "bd_kernel_call"), objects, n);
	PyObject *key, *value;
	Py_ssize_t at = 0;
	while (ok && c->work.functions && PyDict_Next(c->work.functions, &at, &key, &value)) {
		if (PyCFunction_Check(value)) {
			ok = code_is_promised(c, manifest, PyUnicode_AsUTF8(key),
				(const void *)(uintptr_t)PyCFunction_GetFunction(value), objects, n);
		} else if (PyList_Check(value)) { /* `native`: addresses the binding calls */
			for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(value); i++)
				ok = code_is_promised(c, manifest, "what the binding calls",
					PyLong_AsVoidPtr(PyList_GET_ITEM(value, i)), objects, n);
		}
	}
	bd_objects_free(&objects, &n);
	return ok;
}
