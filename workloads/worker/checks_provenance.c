/* V7: what is loaded is what was built and promised, on the side it belongs to. */
#include "bd_bench.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- the manifest ------------------------------------------------------------------------------------------ */

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

#define RECENT_S 600 /* what runs now had begun, or was about to, when the file came */

/* The likely reason for another file than was promised is that somebody builds: what was promised is written down after the file
 * is, and this process may be older than both. Else `otherwise`. */
static const char *hint_of(const char *path, const char *otherwise, char *text, size_t size)
{
	struct stat st;
	int64_t now_s = bd_clock_real_ns() / 1000000000;
	if (stat(path, &st) < 0 || st.st_mtim.tv_sec > now_s || st.st_mtim.tv_sec < now_s - RECENT_S)
		return otherwise;
	snprintf(text, size,
		"the file was replaced %lld s ago, after its build-id was read or before it was written down: run again when "
		"nothing builds it any more",
		(long long)(now_s - st.st_mtim.tv_sec));
	return text;
}

static bool object_is_promised(struct bd_bench_cell *c, const cJSON *manifest, const char *what, const char *path,
	const char *id)
{
	const char *want = promised(manifest, path);
	char hint[256];
	if (!want)
		return bd_check_fail(c, "V7", "not-in-manifest",
			hint_of(path, "another file was loaded in its place", hint, sizeof hint),
			"%s is in %s, which is not part of this build", what, path);
	if (*want && !bd_streq(want, id)) /* a linker need not give one */
		return bd_check_fail(c, "V7", "build-id-differs",
			hint_of(path, "build again, or find out who replaced the file", hint, sizeof hint),
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
	return bd_check_fail(c, "V7", "not-in-manifest", "", "%s is in no loaded file", what);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool ours(const char *path)
{
	const char *base = base_name(path);
	return bd_starts_with(base, "bdb_") || bd_starts_with(base, "libbdkernels.") ||
		bd_streq(base, "bench-worker") || bd_starts_with(base, "bench_worker.");
}

static bool files_are_promised(struct bd_bench_cell *c, const cJSON *manifest, const struct bd_worker_object *objects,
	size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *want = promised(manifest, objects[i].path);
		if (!want && !ours(objects[i].path))
			continue; /* the system's */
		if (!object_is_promised(c, manifest, "a part of benchd", objects[i].path, objects[i].build_id))
			return false;
	}
	return true;
}

/* fast.so and fast.cpython-311-x86_64-linux-gnu.so are the same to whoever imports fast. */
static bool same_module(const char *a, const char *b)
{
	a = base_name(a);
	b = base_name(b);
	size_t n = strcspn(a, ".");
	return n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

/* A file of the manifest that nobody loaded, while another one of its name was: found first on some path. Only in the end,
 * for until then the right one may still come. */
static bool none_took_its_place(struct bd_bench_cell *c, const cJSON *manifest, const struct bd_worker_object *objects,
	size_t n)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, manifest) {
		const char *p = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "path"));
		if (!p || *p != '/') /* those of this installation were looked up by name */
			continue;
		bd_auto_free char *path = manifest_path(p);
		const char *other = NULL;
		bool loaded = false;
		for (size_t i = 0; i < n; i++) {
			if (bd_streq(objects[i].path, path))
				loaded = true;
			else if (same_module(objects[i].path, path) && !promised(manifest, objects[i].path))
				other = objects[i].path;
		}
		if (!loaded && other)
			return bd_check_fail(c, "V7", "not-in-manifest", "another file was loaded in its place",
				"%s is from %s, the manifest has it in %s", base_name(path), other, path);
	}
	return true;
}

/* The shared object a side is: a benchmark that never imports it compares something else. */
static bool side_is_loaded(struct bd_bench_cell *c, const struct bd_worker_object *objects, size_t n)
{
	const char *side = getenv("BENCHD_SIDE_OBJECT");
	bd_auto_free char *path = side && *side ? realpath(side, NULL) : NULL;
	for (size_t i = 0; path && i < n; i++)
		if (bd_streq(objects[i].path, path))
			return true;
	return !side || !*side ||
		bd_check_fail(c, "V7", "not-loaded", "is it the module the benchmark imports?", "%s was never loaded",
			side);
}

/* The code that really runs: an interposed symbol is in no file of ours. */
static bool functions_are_promised(struct bd_bench_cell *c, const cJSON *manifest,
	const struct bd_worker_object *objects, size_t n)
{
	bool ok = code_is_promised(c, manifest, "bd_kernel_call", dlsym(RTLD_DEFAULT, "bd_kernel_call"), objects, n);
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
	return ok;
}

/* ---- the other side ---------------------------------------------------------------------------------------- */

static bool within(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	while (n && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Where this side has its own files; the caller frees. */
static char *own_place(const char *variable)
{
	const char *value = getenv(variable);
	if (!value)
		return NULL;
	bd_auto_free char *path = bd_strdup(value);
	for (int up = bd_streq(variable, "BENCHD_PYTHON") ? 2 : 0; up;
		up--) { /* FOLDER/bin/python, a link that leads out */
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	return realpath(path, NULL);
}

/* What is this side's own is not the other's, though it lies below the other's folder. */
static bool own_within(const char *path, const char *foreign)
{
	static const char *const variables[] = {"BENCHD_SIDE_PATH", "BENCHD_SIDE_OBJECT", "BENCHD_PYTHON"};
	for (size_t i = 0; i < BD_LEN(variables); i++) {
		bd_auto_free char *own = own_place(variables[i]);
		if (own && within(own, foreign) && within(path, own))
			return true;
	}
	return false;
}

static bool is_at_home(struct bd_bench_cell *c, const cJSON *foreign, const char *path)
{
	const cJSON *folder;
	cJSON_ArrayForEach(folder, foreign) {
		const char *p = cJSON_GetStringValue(folder);
		bd_auto_free char *real = p ? realpath(p, NULL) : NULL;
		if (real && within(path, real) && !own_within(path, real))
			return bd_check_fail(c, "V7", "foreign-file",
				"a path in the environment or in the code leads there",
				"%s was loaded, which is the other side's", path);
	}
	return true;
}

static bool all_at_home(struct bd_bench_cell *c, const cJSON *foreign, const struct bd_worker_object *objects, size_t n)
{
	if (cJSON_GetArraySize(foreign) == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (!is_at_home(c, foreign, objects[i].path))
			return false;
	bd_auto_py PyObject *modules = PyDict_Values(PyImport_GetModuleDict());
	for (Py_ssize_t i = 0; modules && i < PyList_GET_SIZE(modules); i++) {
		bd_auto_py PyObject *file = PyObject_GetAttrString(PyList_GET_ITEM(modules, i), "__file__");
		const char *name = file && PyUnicode_Check(file) ? PyUnicode_AsUTF8(file) : NULL;
		PyErr_Clear(); /* built in, or a stand-in that is no module */
		bd_auto_free char *path = name ? realpath(name, NULL) : NULL;
		if (path && !is_at_home(c, foreign, path))
			return false;
	}
	return true;
}

bool bd_check_provenance(struct bd_bench_cell *c, const struct bd_promise *promise, bool last)
{
	struct bd_worker_object *objects;
	size_t n;
	bd_objects_loaded(&objects, &n);
	bool ok = files_are_promised(c, promise->manifest, objects, n) &&
		functions_are_promised(c, promise->manifest, objects, n) &&
		(!last || (none_took_its_place(c, promise->manifest, objects, n) && side_is_loaded(c, objects, n))) &&
		all_at_home(c, promise->foreign, objects, n);
	bd_objects_free(&objects, &n);
	return ok;
}
