/* Doubles in somebody's buffer, where they are. */
#include "module.h"

#include <string.h>

static int acquire(PyObject *data, Py_buffer *view, int flags)
{
	if (PyObject_GetBuffer(data, view, flags | PyBUF_FORMAT) < 0)
		return -1;
	const char *format = view->format ? view->format : "B";
	if (*format == '@' || *format == '=' || *format == '<')
		format++;
	if (!strcmp(format, "d") && view->itemsize == sizeof(double) && view->ndim == 1)
		return 0;
	PyErr_Format(PyExc_TypeError, "expected one dimension of doubles, not %d of '%s'", view->ndim,
		view->format ? view->format : "B");
	PyBuffer_Release(view);
	return -1;
}

#define PARAMS_sum_f64(X) X(0, O, data)
BD_CAPI_BODY(sum_f64)
{
	(void)module;
	Py_buffer view;
	if (acquire(data, &view, PyBUF_CONTIG_RO) < 0)
		return NULL;
	double sum = bd_kernel_sum_f64(view.buf, (uint64_t)view.len / sizeof(double));
	PyBuffer_Release(&view);
	return PyFloat_FromDouble(sum);
}
BD_CAPI_FUNCTION_1(sum_f64)

#define PARAMS_sum_f64_strided(X) X(0, O, data)
BD_CAPI_BODY(sum_f64_strided)
{
	(void)module;
	Py_buffer view;
	if (acquire(data, &view, PyBUF_STRIDED_RO) < 0)
		return NULL;
	double sum = bd_kernel_sum_f64_strided(view.buf, (uint64_t)view.shape[0], view.strides[0]);
	PyBuffer_Release(&view);
	return PyFloat_FromDouble(sum);
}
BD_CAPI_FUNCTION_1(sum_f64_strided)

struct bd_capi_function bd_capi_buffers[] = {
	BD_CAPI_ROW_1(sum_f64, "sum of a contiguous buffer of doubles"),
	BD_CAPI_ROW_1(sum_f64_strided, "sum of a buffer of doubles at any distance"),
	BD_CAPI_END,
};
