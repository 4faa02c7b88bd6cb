/* Extension modules with one mistake each, and their twins without it: every file is built twice, the second time with CLEAN.
 * MODULE(name, methods) makes the module planted_NAME or clean_NAME. */
#ifndef PLANTED_H
#define PLANTED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifdef CLEAN
#define BUG(...)
#define FIX(...) __VA_ARGS__
#define PLANTED_NAME(name) "clean_" #name
#define PLANTED_INIT(name) PyInit_clean_##name
#else
#define BUG(...) __VA_ARGS__
#define FIX(...)
#define PLANTED_NAME(name) "planted_" #name
#define PLANTED_INIT(name) PyInit_planted_##name
#endif

#ifdef Py_GIL_DISABLED
#define PLANTED_WITHOUT_GIL(m) PyUnstable_Module_SetGIL(m, Py_MOD_GIL_NOT_USED)
#else
#define PLANTED_WITHOUT_GIL(m) 0
#endif

#define MODULE(name, methods, ...)                                                                                \
	static struct PyModuleDef planted_module = {PyModuleDef_HEAD_INIT, PLANTED_NAME(name), NULL, -1, methods, \
		NULL, NULL, NULL, NULL};                                                                          \
	PyMODINIT_FUNC PLANTED_INIT(name)(void);                                                                  \
	PyMODINIT_FUNC PLANTED_INIT(name)(void)                                                                   \
	{                                                                                                         \
		PyObject *m = PyModule_Create(&planted_module);                                                   \
		if (!m || PLANTED_WITHOUT_GIL(m) < 0)                                                             \
			return NULL;                                                                              \
		__VA_ARGS__;                                                                                      \
		return m;                                                                                         \
	}

#endif
