#include "bd_bench.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>

static PyObject *loader; /* namespace of loader.py */
static struct bd_case **python_cases;
static size_t python_cases_len;

struct loaded { /* a binding's functions, or why there are none */
	char *name;
	PyObject *functions;
	struct bd_error err;
};
static struct loaded *loaded;
static size_t loaded_len;

/* NULL with an exception. Steals nothing. */
static PyObject *call(const char *function, const char *format, ...)
{
	PyObject *f = PyDict_GetItemString(loader, function);
	if (!f) {
		PyErr_Format(PyExc_LookupError, "loader.py has no %s()", function);
		return NULL;
	}
	va_list ap;
	va_start(ap, format);
	bd_auto_py PyObject *args = Py_VaBuildValue(format, ap);
	va_end(ap);
	return args ? PyObject_Call(f, args, NULL) : NULL;
}

static char *python_folder(void)
{
	return bd_printf("%s/../../python", bd_self_folder());
}

int bd_library_open(struct bd_error *err)
{
	bd_auto_free char *python = python_folder();
	bd_auto_free char *path = bd_printf("%s/loader.py", python), *text = NULL;
	int r = bd_file_read(path, 1 << 20, &text, NULL);
	if (r < 0)
		return bd_error_set(err, r, "worker-missing", "install benchd again", "cannot read %s", path);
	bd_auto_py PyObject *code = Py_CompileString(text, path, Py_file_input);
	loader = PyDict_New();
	(void)bd_py_said(); /* made here: later several threads, or another interpreter, may be the first to ask */
	bd_auto_py PyObject *name = PyUnicode_FromString("benchd_loader");
	if (!code || !loader || !name || PyDict_SetItemString(loader, "__builtins__", PyEval_GetBuiltins()) < 0 ||
		PyDict_SetItemString(loader, "__name__", name) < 0)
		return bd_py_error_set(err, "internal");
	bd_auto_py PyObject *none = PyEval_EvalCode(code, loader, loader);
	bd_auto_py PyObject *checks = bd_checks_module();
	if (!checks || PyDict_SetItemString(loader, "checks", checks) < 0)
		return bd_py_error_set(err, "internal");
	bd_auto_free char *kernels = bd_strdup(
		bd_object_of((const void *)(uintptr_t)dlsym(RTLD_DEFAULT, "bd_kernel_call")));
	bd_auto_py PyObject *opened = none ? call("open_library", "(sss)", bd_self_folder(), python, kernels) : NULL;
	if (!opened)
		return bd_py_error_set(err, "internal");
	bd_auto_free char *cases = bd_printf("%s/cases", python);
	return bd_library_add_cases(cases, err);
}

/* ---- cases ------------------------------------------------------------------------------------------------- */

static void add_case(PyObject *path)
{
	const char *file = PyUnicode_AsUTF8(path);
	if (!file) {
		PyErr_Clear();
		file = "a file whose name is no UTF-8";
	}
	bd_auto_py PyObject *module = call("case", "(O)", path);
	struct bd_error err = {0};
	struct bd_case *c = NULL;
	if (!module)
		bd_py_error_set(&err, "bad-case");
	else
		bd_pycase_new(module, &c, &err);
	if (c && bd_library_case(c->name))
		bd_error_set(&err, -EEXIST, "bad-case", "", "there is a case %s already", c->name);
	if (err.code) {
		bd_wire_log_nogil("warn", "%s: not a usable case: %s", file, err.message);
		return;
	}
	struct bd_case **row = BD_PUSH(python_cases, python_cases_len);
	*row = c;
}

int bd_library_add_cases(const char *folder, struct bd_error *err)
{
	DIR *d = opendir(folder);
	if (!d)
		return errno == ENOENT && strstr(folder, "/python/cases")
			? 0
			: bd_error_set(err, -errno, "no-such-input", "", "no folder of cases at %s", folder);
	closedir(d);
	bd_auto_py PyObject *files = call("case_files", "(s)", folder);
	if (!files)
		return bd_py_error_set(err, "no-such-input");
	for (Py_ssize_t i = 0; i < PyList_Size(files); i++)
		add_case(PyList_GetItem(files, i));
	return 0;
}

const struct bd_case *bd_library_case(const char *name)
{
	for (size_t i = 0; i < bd_case_table_len; i++)
		if (bd_streq(bd_case_table[i]->name, name))
			return bd_case_table[i];
	for (size_t i = 0; i < python_cases_len; i++)
		if (bd_streq(python_cases[i]->name, name))
			return python_cases[i];
	return NULL;
}

PyObject *bd_library_call(const char *function, PyObject *args)
{
	return PyObject_Call(PyDict_GetItemString(loader, function), args, NULL);
}

/* ---- bindings ---------------------------------------------------------------------------------------------- */

static char *attribute(PyObject *o, const char *name)
{
	bd_auto_py PyObject *value = PyObject_GetAttrString(o, name);
	const char *text = value && PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : NULL;
	PyErr_Clear();
	return bd_strdup(text ? text : "");
}

int bd_library_error_set(struct bd_error *err, const char *key)
{
	PyObject *unsupported = PyDict_GetItemString(loader, "Unsupported");
	if (!unsupported || !PyErr_ExceptionMatches(unsupported))
		return bd_py_error_set(err, key);
	PyObject *type, *value, *trace;
	PyErr_Fetch(&type, &value, &trace);
	PyErr_NormalizeException(&type, &value, &trace);
	bd_auto_free char *reason = attribute(value, "reason"), *hint = attribute(value, "hint");
	bd_auto_free char *own_key = attribute(value, "key");
	static const char *const keys[] = {"no-such-function", "binding-unusable"};
	bd_error_set(err, -ENOTSUP, bd_streq(own_key, keys[0]) ? keys[0] : keys[1], hint, "%s", reason);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return -ENOTSUP;
}

bool bd_library_counted(PyObject *functions)
{
	bd_auto_py PyObject *counted = functions ? PyObject_GetAttrString(functions, "counted") : NULL;
	PyErr_Clear();
	return counted != Py_False;
}

int bd_work_function(const struct bd_work *w, const char *name, PyObject **ret, struct bd_error *err)
{
	bd_auto_py PyObject *key = PyUnicode_FromString(name);
	bd_auto_py PyObject *f = key && w->functions ? PyObject_GetItem(w->functions, key) : NULL;
	if (!f)
		return bd_library_error_set(err, "no-such-function");
	*ret = f; /* the dict holds it */
	return 0;
}

int bd_library_binding(const char *name, PyObject **ret, struct bd_error *err)
{
	struct loaded *l = NULL;
	for (size_t i = 0; i < loaded_len && !l; i++)
		if (bd_streq(loaded[i].name, name))
			l = &loaded[i];
	if (!l) {
		l = BD_PUSH(loaded, loaded_len);
		l->name = bd_strdup(name);
		const char *colon = strchr(name, ':');
		bd_auto_free char *binding = bd_strndup(name, colon ? (size_t)(colon - name) : strlen(name));
		l->functions = call("functions", "(ss)", binding, colon ? colon + 1 : "");
		if (!l->functions) {
			bd_library_error_set(&l->err, "binding-unusable");
			l->err.code = -ENOTSUP;
		}
	}
	if (!l->functions) {
		if (err)
			*err = l->err;
		return l->err.code;
	}
	*ret = l->functions;
	return 0;
}

/* ---- the catalogue ----------------------------------------------------------------------------------------- */

void bd_library_describe(const struct bd_case *c, struct bd_case_info *info)
{
	info->name = bd_strdup(c->name);
	info->summary = bd_strdup(c->summary);
	info->shape = bd_strdup(c->shape == BD_SHAPE_CONTENDED ? "contended" : "iterations");
	info->plain = bd_strdup(c->plain);
	info->target = BD_NULL_INT;
	info->timeout_s = NAN;
	info->process = c->process;
	info->measures_memory = c->measures_memory;
	for (size_t i = 0; i < c->needs_len; i++)
		bd_strv_add(&info->needs, c->needs[i]);
	for (size_t i = 0; i < c->params_len; i++) {
		struct bd_case_param *p = BD_PUSH(info->params, info->params_len);
		p->name = bd_strdup(c->params[i].name);
		p->summary = bd_strdup(c->params[i].summary);
		for (size_t v = 0; v < c->params[i].values_len; v++)
			bd_strv_add(&p->values, c->params[i].values[v]);
	}
}

/* Fills a document from the JSON text that a function of loader.py gives; false with an exception. */
static bool told(PyObject *text, const struct bd_doc *doc, void *ret)
{
	const char *s = text ? PyUnicode_AsUTF8(text) : NULL;
	struct bd_error err = {0};
	bd_auto_json cJSON *json = s ? cJSON_Parse(s) : NULL;
	if (s && (!json || bd_doc_decode(doc, json, ret, &err) < 0))
		PyErr_Format(PyExc_ValueError, "loader.py: %s", json ? err.message : "no JSON");
	return s && !PyErr_Occurred();
}

static void describe_variant(const char *binding, const char *name, struct bd_variant_info *info)
{
	bd_auto_py PyObject *about = call("variant", "(ss)", binding, name);
	struct bd_error err = {0};
	if (told(about, &bd_variant_info_doc, info))
		return;
	bd_library_error_set(&err, "binding-unusable");
	info->name = bd_strdup(name);
	info->unsupported = bd_reason_from_error(&err);
}

static void describe_binding(const char *name, struct bd_binding_info *info)
{
	bd_auto_py PyObject *about = call("binding", "(s)", name);
	struct bd_error err = {0};
	if (!told(about, &bd_binding_info_doc, info)) {
		bd_py_error_set(&err, "binding-unusable");
		info->name = bd_strdup(name);
		info->unsupported = bd_reason_from_error(&err);
		info->summary = bd_strdup("");
		return;
	}
	bool usable = false;
	for (size_t i = 0; i < info->variants.n; i++) {
		struct bd_variant_info *v = BD_PUSH(info->variant_info, info->variant_info_len);
		bd_doc_init(&bd_variant_info_doc, v);
		describe_variant(name, info->variants.v[i], v);
		usable = usable || !v->unsupported;
	}
	if (!usable && info->variant_info_len)
		info->unsupported = bd_reason_copy(info->variant_info[0].unsupported);
}

static bool has_all(const struct bd_variant_info *v, const struct bd_strv *needs)
{
	for (size_t i = 0; i < needs->n; i++)
		if (!bd_strv_has(&v->functions, needs->v[i]))
			return false;
	return !v->unsupported;
}

static void add_bindings(const struct bd_catalogue *all, struct bd_case_info *info)
{
	for (size_t i = 0; i < all->bindings_len; i++)
		for (size_t k = 0; k < all->bindings[i].variant_info_len; k++) {
			const struct bd_variant_info *v = &all->bindings[i].variant_info[k];
			bd_auto_free char *full = bd_printf("%s:%s", all->bindings[i].name, v->name);
			if (has_all(v, &info->needs))
				bd_strv_add(&info->bindings, full);
		}
}

void bd_library_catalogue(struct bd_catalogue *ret)
{
	bd_doc_init(&bd_catalogue_doc, ret);
	for (size_t i = 0; i < bd_case_table_len; i++)
		bd_library_describe(bd_case_table[i], BD_PUSH(ret->cases, ret->cases_len));
	for (size_t i = 0; i < python_cases_len; i++)
		bd_library_describe(python_cases[i], BD_PUSH(ret->cases, ret->cases_len));
	bd_auto_strv struct bd_strv names = {0};
	bd_strv_split(&names, bd_interpreter.bindings, ',');
	for (size_t i = 0; i < names.n; i++)
		describe_binding(names.v[i], BD_PUSH(ret->bindings, ret->bindings_len));
	for (size_t i = 0; i < ret->cases_len; i++)
		if (!ret->cases[i].plain)
			add_bindings(ret, &ret->cases[i]);
}
