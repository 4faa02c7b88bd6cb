/* What versions and the Limited API have under another name, or not at all: the same sources make both modules. */
#ifndef BD_CAPI_LIMITED_H
#define BD_CAPI_LIMITED_H

#ifdef Py_LIMITED_API
#define BD_CAPI_LIMITED 1
#endif

/* An exception on its way to another thread. */
struct bd_capi_raised {
	PyObject *type, *value, *traceback; /* 3.12: value alone */
};

#if PY_VERSION_HEX >= 0x030c0000 && !defined(BD_CAPI_LIMITED)
static inline void bd_capi_raised_take(struct bd_capi_raised *r)
{
	r->value = PyErr_GetRaisedException();
}

static inline bool bd_capi_raised_give(struct bd_capi_raised *r)
{
	if (!r->value)
		return false;
	PyErr_SetRaisedException(r->value);
	return true;
}
#else
static inline void bd_capi_raised_take(struct bd_capi_raised *r)
{
	PyErr_Fetch(&r->type, &r->value, &r->traceback);
}

static inline bool bd_capi_raised_give(struct bd_capi_raised *r)
{
	if (!r->type)
		return false;
	PyErr_Restore(r->type, r->value, r->traceback);
	return true;
}
#endif

#if PY_VERSION_HEX < 0x030d0000 || defined(BD_CAPI_LIMITED)
/* Only free-threaded builds need them. */
#undef Py_BEGIN_CRITICAL_SECTION
#undef Py_END_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

#ifdef BD_CAPI_LIMITED
static inline PyObject *bd_capi_fast_item(PyObject *fast, Py_ssize_t i)
{
	return PyList_Check(fast) ? PyList_GetItem(fast, i) : PyTuple_GetItem(fast, i);
}

#undef PySequence_Fast_GET_ITEM /* there, but made of macros that are not */
#undef PySequence_Fast_GET_SIZE
#define PySequence_Fast_GET_ITEM bd_capi_fast_item
#define PySequence_Fast_GET_SIZE PySequence_Size
#define PyList_SET_ITEM PyList_SetItem
#define PyTuple_GET_ITEM PyTuple_GetItem
#define PyTuple_GET_SIZE PyTuple_Size
#define PyTuple_SET_ITEM PyTuple_SetItem
#define PyBytes_AS_STRING PyBytes_AsString
#define PyBytes_GET_SIZE PyBytes_Size
#define PyUnicode_GET_LENGTH PyUnicode_GetLength
#define PyFloat_AS_DOUBLE PyFloat_AsDouble
#define PyObject_CallOneArg(f, arg) PyObject_CallFunctionObjArgs(f, arg, NULL)
#define PyObject_CallMethodOneArg(o, name, arg) PyObject_CallMethodObjArgs(o, name, arg, NULL)
#endif

#endif
