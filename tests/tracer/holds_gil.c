/* A module of the old kind, which does not say that it can do without a GIL: importing it switches the GIL on. */
#include <Python.h>

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "holds_gil", .m_size = -1};

PyMODINIT_FUNC PyInit_holds_gil(void)
{
	return PyModule_Create(&module);
}
