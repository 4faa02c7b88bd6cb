/* A copy of the text is not freed. */
#include "planted.h"

#include <string.h>

static PyObject *upper(PyObject *self, PyObject *args)
{
	(void)self;
	const char *s;
	if (!PyArg_ParseTuple(args, "s", &s))
		return NULL;
	char *copy = strdup(s);
	for (char *p = copy; p && *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	PyObject *result = PyUnicode_FromString(copy);
	FIX(free(copy);)
	return result;
}

static PyMethodDef methods[] = {{"upper", upper, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(leak_malloc, methods)
