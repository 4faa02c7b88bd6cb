/* Text and bytes: borrowed, copied, made. */
#include "module.h"

#include <string.h>

#define PARAMS_text(X) X(0, I, k) X(1, S, s)
BD_CAPI_BODY(text)
{
	(void)module;
	return PyLong_FromUnsignedLongLong(bd_kernel_sum((uint64_t)k, s, (uint64_t)s_len));
}
BD_CAPI_FUNCTION(text)

#define PARAMS_text_copy(X) X(0, I, k) X(1, O, s)
BD_CAPI_BODY(text_copy)
{
	(void)module;
	PyObject *utf8 = PyUnicode_AsUTF8String(s);
	if (!utf8)
		return NULL;
	uint64_t after = bd_kernel_sum((uint64_t)k, PyBytes_AS_STRING(utf8), (uint64_t)PyBytes_GET_SIZE(utf8));
	Py_DECREF(utf8);
	return PyLong_FromUnsignedLongLong(after);
}
BD_CAPI_FUNCTION(text_copy)

#define PARAMS_bytes_copy(X) X(0, I, k) X(1, Y, data)
BD_CAPI_BODY(bytes_copy)
{
	(void)module;
	void *own = PyMem_Malloc((size_t)data->len);
	if (!own) {
		PyBuffer_Release(data);
		return PyErr_NoMemory();
	}
	memcpy(own, data->buf, (size_t)data->len);
	uint64_t after = bd_kernel_sum((uint64_t)k, own, (uint64_t)data->len);
	PyMem_Free(own);
	PyBuffer_Release(data);
	return PyLong_FromUnsignedLongLong(after);
}
BD_CAPI_FUNCTION(bytes_copy)

#define PARAMS_bytes_out(X) X(0, I, k) X(1, N, n)
BD_CAPI_BODY(bytes_out)
{
	(void)module;
	PyObject *made = PyBytes_FromStringAndSize(NULL, n);
	if (made)
		bd_kernel_fill((uint64_t)k, PyBytes_AS_STRING(made), (uint64_t)n);
	return made;
}
BD_CAPI_FUNCTION(bytes_out)

struct bd_capi_function bd_capi_texts[] = {
	BD_CAPI_ROW(text, "sum(k, s) of its UTF-8, which the string keeps"),
	BD_CAPI_ROW(text_copy, "sum(k, s) of its UTF-8, in a bytes object of its own"),
	BD_CAPI_ROW(bytes_copy, "sum(k, data) of a copy"),
	BD_CAPI_ROW(bytes_out, "n bytes that are k modulo 256"),
	BD_CAPI_END,
};
