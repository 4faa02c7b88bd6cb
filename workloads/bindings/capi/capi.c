/* The raw C API: a module as its author would write it by hand, one function per calling convention and GIL habit. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "bd_kernels.h"

static PyObject *spin(PyObject *k_object, PyObject *steps_object, int release)
{
	uint64_t k = PyLong_AsUnsignedLongLong(k_object);
	if (k == (uint64_t)-1 && PyErr_Occurred())
		return NULL;
	uint64_t steps = PyLong_AsUnsignedLongLong(steps_object);
	if (steps == (uint64_t)-1 && PyErr_Occurred())
		return NULL;
	if (release) {
		Py_BEGIN_ALLOW_THREADS k = bd_kernel_call(k, steps);
		Py_END_ALLOW_THREADS
	} else {
		k = bd_kernel_call(k, steps);
	}
	return PyLong_FromUnsignedLongLong(k);
}

static PyObject *wrong_count(void)
{
	PyErr_SetString(PyExc_TypeError, "expected (k, steps)");
	return NULL;
}

static PyObject *fastcall_hold(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	return n == 2 ? spin(args[0], args[1], 0) : wrong_count();
}

static PyObject *fastcall_release(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	return n == 2 ? spin(args[0], args[1], 1) : wrong_count();
}

static PyObject *varargs(PyObject *args, int release)
{
	unsigned long long k, steps;
	if (!PyArg_ParseTuple(args, "KK", &k, &steps))
		return NULL;
	if (release) {
		Py_BEGIN_ALLOW_THREADS k = bd_kernel_call(k, steps);
		Py_END_ALLOW_THREADS
	} else {
		k = bd_kernel_call(k, steps);
	}
	return PyLong_FromUnsignedLongLong(k);
}

static PyObject *varargs_hold(PyObject *module, PyObject *args)
{
	(void)module;
	return varargs(args, 0);
}

static PyObject *varargs_release(PyObject *module, PyObject *args)
{
	(void)module;
	return varargs(args, 1);
}

static PyObject *sum(PyObject *k_object, PyObject *data)
{
	uint64_t k = PyLong_AsUnsignedLongLong(k_object);
	if (k == (uint64_t)-1 && PyErr_Occurred())
		return NULL;
	Py_buffer view;
	if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0)
		return NULL;
	k = bd_kernel_sum(k, view.buf, (uint64_t)view.len);
	PyBuffer_Release(&view);
	return PyLong_FromUnsignedLongLong(k);
}

static PyObject *fastcall_sum(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	if (n == 2)
		return sum(args[0], args[1]);
	PyErr_SetString(PyExc_TypeError, "expected (k, data)");
	return NULL;
}

static PyObject *varargs_sum(PyObject *module, PyObject *args)
{
	(void)module;
	unsigned long long k;
	Py_buffer view;
	if (!PyArg_ParseTuple(args, "Ky*", &k, &view))
		return NULL;
	k = bd_kernel_sum(k, view.buf, (uint64_t)view.len);
	PyBuffer_Release(&view);
	return PyLong_FromUnsignedLongLong(k);
}

static PyMethodDef methods[] = {
	{"fastcall_hold", (PyCFunction)(void (*)(void))fastcall_hold, METH_FASTCALL, "spin(k, steps), GIL held"},
	{"fastcall_release", (PyCFunction)(void (*)(void))fastcall_release, METH_FASTCALL,
		"spin(k, steps), GIL released"},
	{"varargs_hold", varargs_hold, METH_VARARGS, "spin(k, steps), GIL held"},
	{"varargs_release", varargs_release, METH_VARARGS, "spin(k, steps), GIL released"},
	{"fastcall_sum", (PyCFunction)(void (*)(void))fastcall_sum, METH_FASTCALL,
		"sum(k, data) of its bytes, GIL held"},
	{"varargs_sum", varargs_sum, METH_VARARGS, "sum(k, data) of its bytes, GIL held"},
	{NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030c0000
	{Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000
	{Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
	{0, NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "bdb_capi",
	.m_doc = "The kernel library through the raw C API.",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit_bdb_capi(void);
PyMODINIT_FUNC PyInit_bdb_capi(void)
{
	return PyModuleDef_Init(&module);
}
