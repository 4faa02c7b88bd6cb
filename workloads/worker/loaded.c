/* What a cell brought along: shared objects and Python files that were not there at `ready`. */
#include "bd_bench.h"

static struct bd_strv objects_before;
static PyObject *modules_before;

void bd_loaded_remember(const struct bd_worker_object *objects, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bd_strv_add(&objects_before, objects[i].path);
	modules_before = PySet_New(PySys_GetObject("modules"));
	PyErr_Clear();
}

static struct bd_worker_object *found;
static size_t found_len;

static void add(const char *path, const char *id)
{
	struct bd_worker_object *o = BD_PUSH(found, found_len);
	*o = (struct bd_worker_object){bd_strdup(path), bd_strdup(id)};
}

static void find(void)
{
	struct bd_worker_object *objects;
	size_t n;
	bd_objects_loaded(&objects, &n);
	for (size_t i = 0; i < n; i++)
		if (!bd_strv_has(&objects_before, objects[i].path))
			add(objects[i].path, objects[i].build_id);
	bd_objects_free(&objects, &n);
	bd_auto_py PyObject *list = modules_before ? bd_userfile_loaded(modules_before) : NULL;
	for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) {
		const char *path, *hash;
		if (PyArg_ParseTuple(PyList_GET_ITEM(list, i), "sz", &path, &hash)) /* else a name that is no UTF-8 */
			add(path, hash);
	}
	PyErr_Clear();
}

void bd_loaded_since(struct bd_worker_object **ret, size_t *ret_n)
{
	if (!found_len) /* once, in the end: it reads all of these files, and many cells may ask */
		find();
	for (size_t i = 0; i < found_len; i++) {
		struct bd_worker_object *o = BD_PUSH(*ret, *ret_n);
		*o = (struct bd_worker_object){bd_strdup(found[i].path), bd_strdup(found[i].build_id)};
	}
}
