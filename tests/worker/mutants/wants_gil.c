/* An extension module that does not say that it can do without a GIL: a free-threaded interpreter switches it on, and V4 must
 * say so. */
#include <Python.h>

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "wants_gil", .m_size = -1};

PyMODINIT_FUNC PyInit_wants_gil(void);
PyMODINIT_FUNC PyInit_wants_gil(void)
{
	return PyModule_Create(&module);
}
