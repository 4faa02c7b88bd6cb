/* The module: one function per protocol that adds up what it is given. */
#include "exchange.h"

#include "bd_kernels.h"

#include <stdlib.h>
#include <string.h>

static int counter(PyObject *o, uint64_t *ret)
{
	*ret = PyLong_AsUnsignedLongLong(o);
	return *ret == (uint64_t)-1 && PyErr_Occurred() ? -1 : 0;
}

static int wants(Py_ssize_t n, Py_ssize_t wanted, const char *words)
{
	if (n != wanted)
		PyErr_Format(PyExc_TypeError, "expected %s", words);
	return n == wanted ? 0 : -1;
}

static PyObject *sum(enum bd_protocol protocol, PyObject *const *args, Py_ssize_t n)
{
	uint64_t k;
	struct bd_held held;
	if (wants(n, 2, "(k, data)") < 0 || counter(args[0], &k) < 0 || bd_exchange_take(protocol, args[1], &held) < 0)
		return NULL;
	k = bd_kernel_sum(k, held.data, (uint64_t)held.len);
	bd_exchange_give_back(&held);
	return PyLong_FromUnsignedLongLong(k);
}

#define SUM(NAME, PROTOCOL)                                                          \
	static PyObject *NAME(PyObject *module, PyObject *const *args, Py_ssize_t n) \
	{                                                                            \
		(void)module;                                                        \
		return sum(PROTOCOL, args, n);                                       \
	}
SUM(sum_buffer, BD_BUFFER)
SUM(sum_interface, BD_INTERFACE)
SUM(sum_dlpack, BD_DLPACK)
SUM(sum_dlpack_1, BD_DLPACK_1)
SUM(sum_arrow, BD_ARROW)
#undef SUM

static PyObject *sum_stream(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	if (wants(n, 2, "(k, stream)") < 0 || counter(args[0], &k) < 0 ||
		bd_exchange_stream(args[1], &k, bd_kernel_sum) < 0)
		return NULL;
	return PyLong_FromUnsignedLongLong(k);
}

/* What hand-written converters do: every element, into memory of our own. */
static PyObject *sum_list(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	if (wants(n, 2, "(k, list)") < 0 || counter(args[0], &k) < 0)
		return NULL;
	if (!PyList_Check(args[1])) {
		PyErr_SetString(PyExc_TypeError, "expected a list");
		return NULL;
	}
	Py_ssize_t count;
	double *own;
	bool failed = false;
	Py_BEGIN_CRITICAL_SECTION(args[1]);
	count = PyList_GET_SIZE(args[1]);
	own = malloc((size_t)(count ? count : 1) * sizeof *own);
	for (Py_ssize_t i = 0; own && !failed && i < count;
		i++) { /* no code of anybody's runs: the list stays as it is */
		PyObject *item = PyList_GET_ITEM(args[1], i);
		failed = !PyFloat_Check(item);
		own[i] = failed ? 0 : PyFloat_AS_DOUBLE(item);
	}
	Py_END_CRITICAL_SECTION();
	if (!own)
		return PyErr_NoMemory();
	if (failed)
		PyErr_SetString(PyExc_TypeError, "expected a list of floats");
	if (!failed)
		k = bd_kernel_sum(k, own, (uint64_t)count * sizeof *own);
	free(own);
	return failed ? NULL : PyLong_FromUnsignedLongLong(k);
}

/* Takes the buffer and gives it back; the memory itself is left alone. None: nothing is taken, the call alone. */
static PyObject *acquire(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	if (wants(n, 3, "(k, data, flags)") < 0 || counter(args[0], &k) < 0)
		return NULL;
	long flags = PyLong_AsLong(args[2]);
	if (flags == -1 && PyErr_Occurred())
		return NULL;
	Py_buffer view = {0};
	if (args[1] != Py_None && PyObject_GetBuffer(args[1], &view, (int)flags) < 0)
		return NULL;
	k = bd_kernel_sum(k + (uint64_t)view.len, view.buf, 0);
	bd_kernel_own_slot()->data_len = (uint64_t)view.len;
	if (view.obj)
		PyBuffer_Release(&view);
	return PyLong_FromUnsignedLongLong(k);
}

/* What memory can do: a copy, of which the last word proves that it was made. */
static PyObject *copy(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	uint64_t k;
	Py_buffer to, from;
	if (wants(n, 3, "(k, to, from)") < 0 || counter(args[0], &k) < 0 ||
		PyObject_GetBuffer(args[1], &to, PyBUF_WRITABLE) < 0)
		return NULL;
	PyObject *result = NULL;
	if (PyObject_GetBuffer(args[2], &from, PyBUF_SIMPLE) == 0) {
		if (to.len == from.len && to.len >= BD_KERNEL_WORD) {
			memcpy(to.buf, from.buf, (size_t)to.len);
			k = bd_kernel_sum(k, (char *)to.buf + to.len - BD_KERNEL_WORD, BD_KERNEL_WORD);
			result = PyLong_FromUnsignedLongLong(k);
		} else {
			PyErr_SetString(PyExc_ValueError, "both must have the same length, a word at least");
		}
		PyBuffer_Release(&from);
	}
	PyBuffer_Release(&to);
	return result;
}

/* --------------------------------------------------------------------------------------------------------------------- */

static int fill(PyObject *module)
{
	return bd_exchange_add_block(module);
}

static void free_state(void *module)
{
	struct bd_exchange_state *state = PyModule_GetState(module);
	if (state)
		Py_CLEAR(state->block);
}

#define FUNCTION(NAME, F, TEXT)                                           \
	{                                                                 \
		NAME, (PyCFunction)(void (*)(void))F, METH_FASTCALL, TEXT \
	}
static PyMethodDef methods[] = {
	FUNCTION("sum_buffer", sum_buffer, "sum(k, data) of its words, by the buffer protocol"),
	FUNCTION("sum_interface", sum_interface, "sum(k, data) of its words, by __array_interface__"),
	FUNCTION("sum_dlpack", sum_dlpack, "sum(k, data) of its words, by DLPack before 1.0"),
	FUNCTION("sum_dlpack_1", sum_dlpack_1, "sum(k, data) of its words, by DLPack 1.0"),
	FUNCTION("sum_arrow", sum_arrow, "sum(k, data) of its words, by the Arrow C data interface"),
	FUNCTION("sum_arrow_stream", sum_stream, "sum(k, stream) of the words of every batch: a kernel call for each"),
	FUNCTION("sum_list", sum_list, "sum(k, list) of its floats as words, by a copy"),
	FUNCTION("acquire", acquire, "acquire(k, data, flags): takes a buffer and gives it back, k + its length"),
	FUNCTION("copy", copy, "copy(k, to, from): memcpy, k + the last word"),
	{NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, fill},
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
	.m_name = "bdb_exchange",
	.m_doc = "Both sides of the protocols by which memory is shared.",
	.m_size = sizeof(struct bd_exchange_state),
	.m_methods = methods,
	.m_slots = slots,
	.m_free = free_state,
};

PyMODINIT_FUNC PyInit_bdb_exchange(void);
PyMODINIT_FUNC PyInit_bdb_exchange(void)
{
	return PyModuleDef_Init(&module);
}
