/* numpy's C API, both ways: an ndarray of anybody's in, and one of ours out. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#include "bd_kernels.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY "bdb_arrays.memory"

static int counter(PyObject *o, uint64_t *ret)
{
	*ret = PyLong_AsUnsignedLongLong(o);
	return *ret == (uint64_t)-1 && PyErr_Occurred() ? -1 : 0;
}

static int arguments(PyObject *const *args, Py_ssize_t n, uint64_t *ret_k)
{
	if (n == 2)
		return counter(args[0], ret_k);
	PyErr_SetString(PyExc_TypeError, "expected (k, array)");
	return -1;
}

static PyObject *sum(uint64_t k, PyArrayObject *a)
{
	k = bd_kernel_sum(k, PyArray_DATA(a), (uint64_t)PyArray_NBYTES(a));
	return PyLong_FromUnsignedLongLong(k);
}

/* The array itself, or nothing: no conversion behind anybody's back. */
static PyObject *borrow(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	if (arguments(args, n, &k) < 0)
		return NULL;
	if (!PyArray_Check(args[1]) || !PyArray_ISCARRAY_RO((PyArrayObject *)args[1]) ||
		PyArray_TYPE((PyArrayObject *)args[1]) != NPY_DOUBLE) {
		PyErr_SetString(PyExc_TypeError, "expected a contiguous ndarray of doubles");
		return NULL;
	}
	return sum(k, (PyArrayObject *)args[1]);
}

/* What most extensions do: whatever it is, as a contiguous array of doubles; a copy only if it must be. */
static PyObject *convert(PyObject *args_1, int flags, uint64_t k)
{
	PyObject *a = PyArray_FROM_OTF(args_1, NPY_DOUBLE, flags);
	if (!a)
		return NULL;
	PyObject *result = sum(k, (PyArrayObject *)a);
	Py_DECREF(a);
	return result;
}

static PyObject *from_any(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	return arguments(args, n, &k) < 0 ? NULL : convert(args[1], NPY_ARRAY_CARRAY_RO, k);
}

static PyObject *from_any_copy(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	return arguments(args, n, &k) < 0 ? NULL : convert(args[1], NPY_ARRAY_CARRAY_RO | NPY_ARRAY_ENSURECOPY, k);
}

/* ---- out ------------------------------------------------------------------------------------------------------------ */

static void free_memory(PyObject *capsule)
{
	free(PyCapsule_GetPointer(capsule, MEMORY));
}

/* new(k, n): n bytes filled by the kernel, as an ndarray that owns the very memory it was filled in. */
static PyObject *owned(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	if (arguments(args, n, &k) < 0)
		return NULL;
	npy_intp bytes = PyLong_AsSsize_t(args[1]), count = bytes / (npy_intp)sizeof(double);
	if (bytes < 0)
		return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "not a number of bytes");
	double *memory = malloc(bytes ? (size_t)bytes : 1);
	PyObject *capsule = memory ? PyCapsule_New(memory, MEMORY, free_memory) : PyErr_NoMemory();
	if (!capsule) {
		free(memory);
		return NULL;
	}
	bd_kernel_fill_f64(k, memory, (uint64_t)count);
	PyObject *a = PyArray_SimpleNewFromData(1, &count, NPY_DOUBLE, memory);
	if (!a) {
		Py_DECREF(capsule);
		return NULL;
	}
	if (PyArray_SetBaseObject((PyArrayObject *)a, capsule) < 0) /* takes the capsule, whatever becomes of it */
		Py_CLEAR(a);
	return a;
}

/* The same, filled in memory of ours and copied into an ndarray's own. */
static PyObject *copied(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	if (arguments(args, n, &k) < 0)
		return NULL;
	npy_intp bytes = PyLong_AsSsize_t(args[1]), count = bytes / (npy_intp)sizeof(double);
	if (bytes < 0)
		return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "not a number of bytes");
	double *memory = malloc(bytes ? (size_t)bytes : 1);
	if (!memory)
		return PyErr_NoMemory();
	bd_kernel_fill_f64(k, memory, (uint64_t)count);
	PyObject *a = PyArray_SimpleNew(1, &count, NPY_DOUBLE);
	if (a)
		memcpy(PyArray_DATA((PyArrayObject *)a), memory, (size_t)count * sizeof *memory);
	free(memory);
	return a;
}

#define FUNCTION(NAME, TEXT)                                                  \
	{                                                                     \
#NAME, (PyCFunction)(void (*)(void))NAME, METH_FASTCALL, TEXT \
	}
static PyMethodDef methods[] = {
	FUNCTION(borrow, "borrow(k, array): sum of its words; a contiguous ndarray of doubles, nothing else"),
	FUNCTION(from_any, "from_any(k, data): the same by PyArray_FROM_OTF, which copies what is not such an array"),
	FUNCTION(from_any_copy, "from_any_copy(k, data): the same with NPY_ARRAY_ENSURECOPY"),
	FUNCTION(owned, "owned(k, n): n bytes of doubles from k on, as an ndarray of the memory they were written to"),
	FUNCTION(copied, "copied(k, n): the same as a copy"),
	{NULL, NULL, 0, NULL},
};

static int fill(PyObject *module)
{
	(void)module;
	return PyArray_ImportNumPyAPI();
}

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, fill},
#if PY_VERSION_HEX >= 0x030d0000
	{Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
	{0, NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "bdb_arrays",
	.m_doc = "The kernel library through numpy's C API.",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit_bdb_arrays(void);
PyMODINIT_FUNC PyInit_bdb_arrays(void)
{
	return PyModuleDef_Init(&module);
}
