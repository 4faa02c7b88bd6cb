/* How arguments arrive that nobody parses for us: keywords of METH_FASTCALL, and a type that is called by vectorcall. */
#include "module.h"

PyObject *bd_capi_wrong_count(const char *function, Py_ssize_t want, Py_ssize_t given)
{
	return PyErr_Format(PyExc_TypeError, "%s() takes exactly %zd argument%s (%zd given)", function, want,
		want == 1 ? "" : "s", given);
}

PyObject *bd_capi_no_keywords(const char *function)
{
	return PyErr_Format(PyExc_TypeError, "%s() takes no keyword arguments", function);
}

PyObject *bd_capi_negative(const char *parameter)
{
	return PyErr_Format(PyExc_ValueError, "%s is negative", parameter);
}

/* Callers' names are interned, as ours: those that are not are compared in a second walk. */
static Py_ssize_t find(PyObject *const *known, const unsigned char *names, Py_ssize_t names_len, PyObject *word)
{
	for (Py_ssize_t i = 0; i < names_len; i++)
		if (known[names[i]] == word)
			return i;
	for (Py_ssize_t i = 0; i < names_len; i++) {
		int order = PyUnicode_Compare(known[names[i]], word);
		if (order == 0)
			return i;
		if (order == -1 && PyErr_Occurred())
			return -2;
	}
	return -1;
}

int bd_capi_bind(PyObject *module, const char *function, const unsigned char *names, Py_ssize_t names_len,
	Py_ssize_t required, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, PyObject **ret_values)
{
	PyObject *const *known = bd_capi_state(module)->names;
	Py_ssize_t words = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
	if (n > names_len) {
		bd_capi_wrong_count(function, names_len, n + words);
		return -1;
	}
	for (Py_ssize_t i = 0; i < names_len; i++)
		ret_values[i] = i < n ? args[i] : NULL;
	for (Py_ssize_t i = 0; i < words; i++) {
		PyObject *word = PyTuple_GET_ITEM(kwnames, i);
		Py_ssize_t at = find(known, names, names_len, word);
		if (at == -1)
			PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", function, word);
		else if (at >= 0 && ret_values[at])
			PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", function, word);
		if (PyErr_Occurred())
			return -1;
		ret_values[at] = args[n + i];
	}
	for (Py_ssize_t i = 0; i < required; i++)
		if (!ret_values[i]) {
			PyErr_Format(PyExc_TypeError, "%s() is missing the argument '%U'", function, known[names[i]]);
			return -1;
		}
	return 0;
}

#ifndef BD_CAPI_LIMITED
#include <stddef.h>

#include "structmember.h"

static int traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((struct bd_capi_callable *)self)->module);
	return 0;
}

static int clear(PyObject *self)
{
	(void)self; /* what runs needs its module until it ends; the module lets go of its functions */
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	PyObject_GC_UnTrack(self);
	Py_DECREF(((struct bd_capi_callable *)self)->module);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef members[] = {
	{"__vectorcalloffset__", T_PYSSIZET, offsetof(struct bd_capi_callable, call), READONLY, NULL},
	{"__name__", T_STRING, offsetof(struct bd_capi_callable, name), READONLY, NULL},
	{NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
	{Py_tp_doc, "a function that is called by vectorcall"},
	{Py_tp_call, PyVectorcall_Call},
	{Py_tp_members, members},
	{Py_tp_traverse, traverse},
	{Py_tp_clear, clear},
	{Py_tp_dealloc, dealloc},
	{0, NULL},
};

static PyType_Spec spec = {
	.name = BD_CAPI_MODULE ".Function",
	.basicsize = sizeof(struct bd_capi_callable),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE |
		Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = slots,
};

PyTypeObject *bd_capi_function_type(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}

PyObject *bd_capi_function_new(PyObject *module, PyTypeObject *type, const char *name, vectorcallfunc call)
{
	struct bd_capi_callable *made = (struct bd_capi_callable *)type->tp_alloc(type, 0);
	if (!made)
		return NULL;
	made->call = call;
	made->module = Py_NewRef(module);
	made->name = name;
	return (PyObject *)made;
}
#endif
