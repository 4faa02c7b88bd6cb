/* The core as an extension module, which the stock executable of an interpreter imports (host_exe.py): it must not be
 * linked with libpython, of which that executable may have its own copy. */
#include "bd_bench.h"

const char *const bd_host_name = "exe";

const char *bd_host_folder(void)
{
	static char *folder;
	if (!folder) {
		const char *path = bd_object_of((const void *)(uintptr_t)&bd_host_folder);
		folder = path ? realpath(path, NULL) : NULL;
		char *slash = folder ? strrchr(folder, '/') : NULL;
		if (!slash)
			return ".";
		*slash = '\0';
	}
	return folder;
}

static PyObject *serve(PyObject *module, PyObject *none)
{
	(void)module, (void)none;
	bd_bench_serve();
}

static PyMethodDef methods[] = {{"serve", serve, METH_NOARGS, "Serves one conversation with benchd; does not return."},
	{NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
	{Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* else importing it would switch the GIL on */
#endif
	{0, NULL}};

static struct PyModuleDef module = {.m_base = PyModuleDef_HEAD_INIT,
	.m_name = "bench_worker",
	.m_doc = "The core of benchd's worker.",
	.m_methods = methods,
	.m_slots = slots};

PyMODINIT_FUNC PyInit_bench_worker(void);
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit_bench_worker(void)
{
	return PyModuleDef_Init(&module);
}
