#include "bd_bench.h"

#include <stdio.h>
#include <unistd.h>

const char *bd_self_folder(void)
{
	return bd_host_folder();
}

const char *bd_self_executable(void)
{
	const char *python = getenv("BENCHD_PYTHON");
	return python && *python == '/' ? python : bd_interpreter.executable;
}

static char *status_field(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	if (!at)
		return NULL;
	at += strlen(key);
	at += strspn(at, " \t");
	return bd_strndup(at, strcspn(at, "\n"));
}

bool bd_self_gil_enabled(void)
{
	PyObject *ask = PySys_GetObject("_is_gil_enabled"); /* 3.13; before it there is no other way to be */
	if (!ask)
		return true;
	bd_auto_py PyObject *answer = PyObject_CallNoArgs(ask);
	if (!answer)
		PyErr_Clear();
	return !answer || PyObject_IsTrue(answer) == 1;
}

static bool gil_at_start;

bool bd_self_gil_at_start(void)
{
	return gil_at_start;
}

void bd_self_report(struct bd_worker_ready *r)
{
	bd_doc_init(&bd_worker_ready_doc, r);
	r->protocol = 1;
	r->pid = getpid();
	const char *version = Py_GetVersion();
	r->python = bd_strndup(version, strcspn(version, " "));
	PyObject *flags = PySys_GetObject("abiflags");
	const char *abiflags = flags ? PyUnicode_AsUTF8(flags) : NULL;
	r->abiflags = bd_strdup(abiflags ? abiflags : "");
#ifdef Py_GIL_DISABLED
	r->free_threaded = true;
#endif
	r->gil_enabled = gil_at_start = bd_self_gil_enabled();
	r->executable = bd_strdup(bd_self_executable());
	r->host = bd_strdup(bd_host_name);
	const char *library = bd_object_of((const void *)(uintptr_t)&Py_GetVersion);
	r->libpython = library ? realpath(library, NULL) : NULL;
	r->compiler = bd_strdup(Py_GetCompiler() + strspn(Py_GetCompiler(), " \n"));
	r->build_flags = bd_strdup(bd_interpreter.flags);
	bd_self_runtime(&r->runtime, &r->runtime_size);
	struct bd_worker_gil *gil = BD_PUSH(r->gils, r->gils_len);
	bd_self_gil(gil);
	bd_auto_free char *status = NULL;
	if (bd_file_read("/proc/self/status", 1 << 16, &status, NULL) == 0) {
		r->cap_eff = status_field(status, "CapEff:");
		bd_auto_free char *privs = status_field(status, "NoNewPrivs:");
		if (privs)
			r->no_new_privs = atoi(privs);
	}
	bd_objects_loaded(&r->objects, &r->objects_len);
	const struct bd_malloc_info *info = bd_malloc_identify();
	bd_malloc_prove(NULL); /* finds objalloc; what it proves is told cell by cell */
	r->malloc_name = bd_strdup(info->name);
	r->malloc_version = bd_strdup(info->version);
	r->objalloc = bd_strdup(info->objalloc);
}
