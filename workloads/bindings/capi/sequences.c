/* Lists, tuples and dictionaries to native arrays and back.
 *
 * Only seq_i64_in and seq_f64_in run code of somebody else meanwhile (__index__, __float__), which may change the list: they
 * look at its length for every element, and keep nothing of it. The others take nothing but the types themselves. */
#include "module.h"

static PyObject *wrong_type(const char *expected, PyObject *given)
{
	PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(given), "__name__");
	if (name)
		PyErr_Format(PyExc_TypeError, "expected %s, not %U", expected, name);
	Py_XDECREF(name);
	return NULL;
}

/* ---- in: numbers ------------------------------------------------------------------------------------------------ */

static int64_t *array_i64(PyObject *fast, Py_ssize_t *ret_n)
{
	Py_ssize_t n = PySequence_Fast_GET_SIZE(fast), i = 0;
	int64_t *v = PyMem_New(int64_t, (size_t)n);
	if (!v) {
		PyErr_NoMemory();
		return NULL;
	}
	for (; i < n && i < PySequence_Fast_GET_SIZE(fast); i++) {
		v[i] = PyLong_AsLongLong(PySequence_Fast_GET_ITEM(fast, i));
		if (v[i] == -1 && PyErr_Occurred()) {
			PyMem_Free(v);
			return NULL;
		}
	}
	*ret_n = i;
	return v;
}

#define PARAMS_seq_i64_in(X) X(0, I, k) X(1, O, seq)
BD_CAPI_BODY(seq_i64_in)
{
	(void)module;
	Py_ssize_t n = 0;
	int64_t *v;
	PyObject *fast = PySequence_Fast(seq, "expected a list or a tuple of integers");
	if (!fast)
		return NULL;
	Py_BEGIN_CRITICAL_SECTION(fast);
	v = array_i64(fast, &n);
	Py_END_CRITICAL_SECTION();
	Py_DECREF(fast);
	if (!v)
		return NULL;
	uint64_t after = bd_kernel_sum_i64((uint64_t)k, v, (uint64_t)n);
	PyMem_Free(v);
	return PyLong_FromUnsignedLongLong(after);
}
BD_CAPI_FUNCTION(seq_i64_in)

static double *array_f64(PyObject *fast, Py_ssize_t *ret_n)
{
	Py_ssize_t n = PySequence_Fast_GET_SIZE(fast), i = 0;
	double *v = PyMem_New(double, (size_t)n);
	if (!v) {
		PyErr_NoMemory();
		return NULL;
	}
	for (; i < n && i < PySequence_Fast_GET_SIZE(fast); i++) {
		v[i] = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(fast, i));
		if (v[i] == -1.0 && PyErr_Occurred()) {
			PyMem_Free(v);
			return NULL;
		}
	}
	*ret_n = i;
	return v;
}

#define PARAMS_seq_f64_in(X) X(0, O, seq)
BD_CAPI_BODY(seq_f64_in)
{
	(void)module;
	Py_ssize_t n = 0;
	double *v;
	PyObject *fast = PySequence_Fast(seq, "expected a list or a tuple of floats");
	if (!fast)
		return NULL;
	Py_BEGIN_CRITICAL_SECTION(fast);
	v = array_f64(fast, &n);
	Py_END_CRITICAL_SECTION();
	Py_DECREF(fast);
	if (!v)
		return NULL;
	double sum = bd_kernel_sum_f64(v, (uint64_t)n);
	PyMem_Free(v);
	return PyFloat_FromDouble(sum);
}
BD_CAPI_FUNCTION_1(seq_f64_in)

/* ---- in: with texts, which stay the objects' own ------------------------------------------------------------------ */

static PyObject *sum_texts(uint64_t k, PyObject *fast)
{
	Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
	const char **text = PyMem_New(const char *, (size_t)n);
	uint64_t *len = PyMem_New(uint64_t, (size_t)n);
	PyObject *answer = text && len ? NULL : PyErr_NoMemory();
	Py_ssize_t i = text && len ? 0 : n + 1;
	for (; i < n; i++) {
		Py_ssize_t bytes;
		text[i] = PyUnicode_AsUTF8AndSize(PySequence_Fast_GET_ITEM(fast, i), &bytes);
		if (!text[i])
			break;
		len[i] = (uint64_t)bytes;
	}
	if (i == n)
		answer = PyLong_FromUnsignedLongLong(bd_kernel_sum_texts(k, text, len, (uint64_t)n));
	PyMem_Free(text);
	PyMem_Free(len);
	return answer;
}

#define PARAMS_seq_str_in(X) X(0, I, k) X(1, O, seq)
BD_CAPI_BODY(seq_str_in)
{
	(void)module;
	PyObject *answer, *fast = PySequence_Fast(seq, "expected a list or a tuple of strings");
	if (!fast)
		return NULL;
	Py_BEGIN_CRITICAL_SECTION(fast);
	answer = sum_texts((uint64_t)k, fast);
	Py_END_CRITICAL_SECTION();
	Py_DECREF(fast);
	return answer;
}
BD_CAPI_FUNCTION(seq_str_in)

static int take_text(PyObject *o, const char **ret_text, uint64_t *ret_len)
{
	Py_ssize_t bytes;
	*ret_text = PyUnicode_AsUTF8AndSize(o, &bytes);
	if (!*ret_text)
		return -1;
	*ret_len = (uint64_t)bytes;
	return 0;
}

static int take_int(PyObject *o, int64_t *ret)
{
	if (!PyLong_Check(o)) {
		wrong_type("int", o);
		return -1;
	}
	*ret = PyLong_AsLongLong(o);
	return *ret == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *sum_pairs(uint64_t k, PyObject *map)
{
	struct bd_kernel_pair *v = PyMem_New(struct bd_kernel_pair, (size_t)PyDict_Size(map));
	if (!v)
		return PyErr_NoMemory();
	PyObject *key, *value, *answer = NULL;
	Py_ssize_t at = 0, n = 0;
	while (PyDict_Next(map, &at, &key, &value)) {
		if (take_text(key, &v[n].key, &v[n].key_len) < 0 || take_int(value, &v[n].value) < 0)
			break;
		n++;
	}
	if (!PyErr_Occurred())
		answer = PyLong_FromUnsignedLongLong(bd_kernel_sum_pairs(k, v, (uint64_t)n));
	PyMem_Free(v);
	return answer;
}

#define PARAMS_map_in(X) X(0, I, k) X(1, O, map)
BD_CAPI_BODY(map_in)
{
	(void)module;
	PyObject *answer;
	if (!PyDict_Check(map))
		return wrong_type("dict", map);
	Py_BEGIN_CRITICAL_SECTION(map);
	answer = sum_pairs((uint64_t)k, map);
	Py_END_CRITICAL_SECTION();
	return answer;
}
BD_CAPI_FUNCTION(map_in)

static int take_row(PyObject *o, struct bd_kernel_row *row)
{
	if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) != 3) {
		wrong_type("(int, float, str)", o);
		return -1;
	}
	PyObject *weight = PyTuple_GET_ITEM(o, 1);
	if (!PyFloat_Check(weight) && !PyLong_Check(weight)) {
		wrong_type("float", weight);
		return -1;
	}
	row->weight = PyFloat_AsDouble(weight);
	if (row->weight == -1.0 && PyErr_Occurred())
		return -1;
	if (take_int(PyTuple_GET_ITEM(o, 0), &row->id) < 0)
		return -1;
	return take_text(PyTuple_GET_ITEM(o, 2), &row->name, &row->name_len);
}

static PyObject *sum_rows(uint64_t k, PyObject *fast)
{
	Py_ssize_t n = PySequence_Fast_GET_SIZE(fast), i = 0;
	struct bd_kernel_row *v = PyMem_New(struct bd_kernel_row, (size_t)n);
	if (!v)
		return PyErr_NoMemory();
	while (i < n && take_row(PySequence_Fast_GET_ITEM(fast, i), &v[i]) == 0)
		i++;
	PyObject *answer = NULL;
	if (i == n)
		answer = PyLong_FromUnsignedLongLong(bd_kernel_sum_rows(k, v, (uint64_t)n));
	PyMem_Free(v);
	return answer;
}

#define PARAMS_rows_in(X) X(0, I, k) X(1, O, rows)
BD_CAPI_BODY(rows_in)
{
	(void)module;
	PyObject *answer, *fast = PySequence_Fast(rows, "expected a list of tuples");
	if (!fast)
		return NULL;
	Py_BEGIN_CRITICAL_SECTION(fast);
	answer = sum_rows((uint64_t)k, fast);
	Py_END_CRITICAL_SECTION();
	Py_DECREF(fast);
	return answer;
}
BD_CAPI_FUNCTION(rows_in)

/* ---- out -------------------------------------------------------------------------------------------------------- */

#define PARAMS_seq_i64_out(X) X(0, I, k) X(1, N, n)
BD_CAPI_BODY(seq_i64_out)
{
	(void)module;
	int64_t *v = PyMem_New(int64_t, (size_t)n);
	if (!v)
		return PyErr_NoMemory();
	bd_kernel_fill_i64((uint64_t)k, v, (uint64_t)n);
	PyObject *list = PyList_New(n);
	for (Py_ssize_t i = 0; list && i < n; i++) {
		PyObject *item = PyLong_FromLongLong(v[i]);
		if (item)
			PyList_SET_ITEM(list, i, item);
		else
			Py_CLEAR(list);
	}
	PyMem_Free(v);
	return list;
}
BD_CAPI_FUNCTION(seq_i64_out)

#define PARAMS_seq_f64_out(X) X(0, I, k) X(1, N, n)
BD_CAPI_BODY(seq_f64_out)
{
	(void)module;
	double *v = PyMem_New(double, (size_t)n);
	if (!v)
		return PyErr_NoMemory();
	bd_kernel_fill_f64((uint64_t)k, v, (uint64_t)n);
	PyObject *list = PyList_New(n);
	for (Py_ssize_t i = 0; list && i < n; i++) {
		PyObject *item = PyFloat_FromDouble(v[i]);
		if (item)
			PyList_SET_ITEM(list, i, item);
		else
			Py_CLEAR(list);
	}
	PyMem_Free(v);
	return list;
}
BD_CAPI_FUNCTION(seq_f64_out)

static PyObject *make_text(long long k, Py_ssize_t i)
{
	char text[BD_KERNEL_TEXT];
	uint64_t len = bd_kernel_text((uint64_t)k, (uint64_t)i, text);
	return PyUnicode_FromStringAndSize(text, (Py_ssize_t)len);
}

static PyObject *make_int(long long k, Py_ssize_t i)
{
	return PyLong_FromUnsignedLongLong(((uint64_t)k + (uint64_t)i) & BD_KERNEL_MASK);
}

#define PARAMS_seq_str_out(X) X(0, I, k) X(1, N, n)
BD_CAPI_BODY(seq_str_out)
{
	(void)module;
	bd_kernel_fail(0);
	PyObject *list = PyList_New(n);
	for (Py_ssize_t i = 0; list && i < n; i++) {
		PyObject *item = make_text(k, i);
		if (item)
			PyList_SET_ITEM(list, i, item);
		else
			Py_CLEAR(list);
	}
	return list;
}
BD_CAPI_FUNCTION(seq_str_out)

#define PARAMS_map_out(X) X(0, I, k) X(1, N, n)
BD_CAPI_BODY(map_out)
{
	(void)module;
	bd_kernel_fail(0);
	PyObject *map = PyDict_New();
	for (Py_ssize_t i = 0; map && i < n; i++) {
		PyObject *key = make_text(k, i), *value = make_int(k, i);
		if (!key || !value || PyDict_SetItem(map, key, value) < 0)
			Py_CLEAR(map);
		Py_XDECREF(key);
		Py_XDECREF(value);
	}
	return map;
}
BD_CAPI_FUNCTION(map_out)

static PyObject *make_row(long long k, Py_ssize_t i)
{
	PyObject *id = make_int(k, i), *name = make_text(k, i), *row = PyTuple_New(3);
	PyObject *weight = PyFloat_FromDouble((double)(((uint64_t)k + (uint64_t)i) & BD_KERNEL_MASK));
	if (!id || !name || !row || !weight) {
		Py_XDECREF(id);
		Py_XDECREF(name);
		Py_XDECREF(row);
		Py_XDECREF(weight);
		return NULL;
	}
	PyTuple_SET_ITEM(row, 0, id);
	PyTuple_SET_ITEM(row, 1, weight);
	PyTuple_SET_ITEM(row, 2, name);
	return row;
}

#define PARAMS_rows_out(X) X(0, I, k) X(1, N, n)
BD_CAPI_BODY(rows_out)
{
	(void)module;
	bd_kernel_fail(0);
	PyObject *list = PyList_New(n);
	for (Py_ssize_t i = 0; list && i < n; i++) {
		PyObject *row = make_row(k, i);
		if (row)
			PyList_SET_ITEM(list, i, row);
		else
			Py_CLEAR(list);
	}
	return list;
}
BD_CAPI_FUNCTION(rows_out)

struct bd_capi_function bd_capi_sequences[] = {
	BD_CAPI_ROW(seq_i64_in, "k and the sum of a list or tuple of integers"),
	BD_CAPI_ROW_1(seq_f64_in, "sum of a list or tuple of floats"),
	BD_CAPI_ROW(seq_str_in, "k, the lengths and the first bytes of a list or tuple of strings"),
	BD_CAPI_ROW(map_in, "k and the same of a dictionary of strings and integers"),
	BD_CAPI_ROW(rows_in, "k and the same of tuples (int, float, str)"),
	BD_CAPI_ROW(seq_i64_out, "n integers from k"),
	BD_CAPI_ROW(seq_f64_out, "n floats from k"),
	BD_CAPI_ROW(seq_str_out, "n strings from k"),
	BD_CAPI_ROW(map_out, "n strings from k, each with its integer"),
	BD_CAPI_ROW(rows_out, "n tuples (int, float, str) from k"),
	BD_CAPI_END,
};
