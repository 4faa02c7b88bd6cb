/* The loop that somebody would write by hand to time a call from C: what caller=c is held against. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* loop(function, k, a, n): k = function(k, a), n times. */
static PyObject *loop(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
	(void)module;
	Py_ssize_t n = given == 4 ? PyLong_AsSsize_t(args[3]) : -1;
	if (n < 0)
		return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "loop(function, k, a, n)");
	PyObject *function = args[0], *room[3] = {NULL, args[1], args[2]}, **call = room + 1;
	Py_INCREF(call[0]);
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *k = PyObject_Vectorcall(function, call, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
		Py_DECREF(call[0]);
		if (!k)
			return NULL;
		call[0] = k;
	}
	return call[0];
}

static PyMethodDef methods[] = {
	{"loop", (PyCFunction)(void (*)(void))loop, METH_FASTCALL, "calls a function so many times"},
	{NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "hand", .m_methods = methods, .m_size = 0};

PyMODINIT_FUNC PyInit_hand(void);
PyMODINIT_FUNC PyInit_hand(void)
{
	return PyModule_Create(&module);
}
