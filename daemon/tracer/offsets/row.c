/* Prints one row of ../offsets.c for the headers it is compiled with; see generate.py. With an argument: the row of
 * _Py_DebugOffsets. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include "internal/pycore_code.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_gil.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_debug_offsets.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_stackref.h"
#endif

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#ifdef Py_GIL_DISABLED
#define T "t"
#else
#define T ""
#endif
#ifdef Py_DEBUG
#define D "d"
#else
#define D ""
#endif

#define O(type, member) (int)offsetof(type, member)
#define G(member) O(struct _gil_runtime_state, member)
#define F(member) O(_PyInterpreterFrame, member)
#define C(member) O(PyCodeObject, member)

#if PY_VERSION_HEX < 0x030d0000
#define CFRAME O(PyThreadState, cframe), O(_PyCFrame, current_frame)
#define FRAME F(f_code), F(prev_instr)
#define STATE -1
#else
#define CFRAME -1, O(PyThreadState, current_frame)
#define FRAME F(f_executable), F(instr_ptr)
#define STATE O(PyThreadState, state)
#endif

#if PY_VERSION_HEX < 0x030c0000
#define IN_RUNTIME 1, O(_PyRuntimeState, ceval.gil)
#define OWNERS 0
#define VERSION -1
#else
#define IN_RUNTIME 0, O(PyInterpreterState, ceval.gil)
#define VERSION C(co_version)
#if PY_VERSION_HEX < 0x030e0000
#define OWNERS 1 << FRAME_OWNED_BY_CSTACK
#elif PY_VERSION_HEX < 0x030f0000
#define OWNERS 1 << FRAME_OWNED_BY_INTERPRETER | 1 << FRAME_OWNED_BY_CSTACK
#else
#define OWNERS 1 << FRAME_OWNED_BY_INTERPRETER
#endif
#endif

#if PY_VERSION_HEX < 0x030e0000
#define TAG 0
#else
#define TAG (int)Py_TAG_BITS
#endif

#ifdef Py_GIL_DISABLED
#define ENABLED G(enabled)
#define MUTEX O(PyObject, ob_mutex)
#else
#define ENABLED -1
#define MUTEX -1
#endif

#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030e0000
#define TLBC_INDEX F(tlbc_index)
#define TLBC C(co_tlbc)
_Static_assert(offsetof(_PyCodeArray, size) == 0 && offsetof(_PyCodeArray, entries) == 8, "what offsets.h says of it");
#else
#define TLBC_INDEX -1
#define TLBC -1
#endif

/* The bit fields have no offsets: look where they land. */
static int unicode_kind(void)
{
	PyASCIIObject o;
	uint32_t kind, both;
	memset(&o, 0, sizeof o);
	o.state.kind = 1;
	memcpy(&kind, &o.state, sizeof kind);
	o.state.kind = 0;
	o.state.compact = o.state.ascii = 1;
	memcpy(&both, &o.state, sizeof both);
	int at = __builtin_ctz(kind);
	return both == 3U << (at + 3) ? at : -1;
}

static void print(const char *name, const int *v, size_t n, const char *end)
{
	printf("%s{", name);
	for (size_t i = 0; i < n; i++)
		printf("%s%d", i ? ", " : "", v[i]);
	printf("}%s", end);
}
#define PRINT(name, end, ...)                                   \
	do {                                                    \
		const int v_[] = {__VA_ARGS__};                 \
		print(name, v_, sizeof v_ / sizeof v_[0], end); \
	} while (0)

static void offsets(void)
{
	static const int gil[] = {IN_RUNTIME};
	printf("\t{%d, \"%s\", %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %s, %d,\n", PY_MINOR_VERSION, T D,
		(int)sizeof(_PyRuntimeState), (int)sizeof(PyInterpreterState), (int)sizeof(PyThreadState),
		O(_PyRuntimeState, interpreters.head), O(PyInterpreterState, next), O(PyInterpreterState, id),
		O(PyInterpreterState, threads.head), O(PyThreadState, next), O(PyThreadState, interp),
		O(PyThreadState, native_thread_id), STATE, gil[0] ? "true" : "false", gil[1]);
	PRINT("\t ", ",\n", G(interval), G(last_holder), G(locked), G(switch_number), G(cond), G(mutex), G(switch_cond),
		G(switch_mutex), (int)sizeof(struct _gil_runtime_state), ENABLED);
	PRINT("\t ", ",\n", CFRAME, FRAME, F(previous), F(owner), OWNERS, TAG, TLBC_INDEX);
	PRINT("\t ", ",\n", C(co_filename), C(co_qualname), C(co_linetable), C(co_firstlineno), VERSION,
		O(PyVarObject, ob_size), C(co_code_adaptive), TLBC);
	PRINT("\t ", "},\n", O(PyObject, ob_type), O(PyTypeObject, tp_name), MUTEX, O(PyVarObject, ob_size),
		O(PyBytesObject, ob_sval), O(PyASCIIObject, length), O(PyASCIIObject, state), unicode_kind(),
		(int)sizeof(PyASCIIObject), (int)sizeof(PyCompactUnicodeObject));
}

#if PY_VERSION_HEX >= 0x030d0000
#define W(member) O(_Py_DebugOffsets, member) / 8
#if PY_VERSION_HEX >= 0x030e0000
#define W_TLBC_INDEX W(interpreter_frame.tlbc_index)
#define W_TLBC W(code_object.co_tlbc)
#else
#define W_TLBC_INDEX 0
#define W_TLBC 0
#endif
static void debug_offsets(void)
{
	PRINT("\t", ",\n", PY_MINOR_VERSION, (int)sizeof(_Py_DebugOffsets) / 8, W(runtime_state.size),
		W(runtime_state.interpreters_head), W(interpreter_state.size), W(interpreter_state.id),
		W(interpreter_state.next), W(interpreter_state.threads_head), W(interpreter_state.ceval_gil),
		W(interpreter_state.gil_runtime_state), W(interpreter_state.gil_runtime_state_locked),
		W(interpreter_state.gil_runtime_state_holder), W(thread_state.size), W(thread_state.next),
		W(thread_state.interp), W(thread_state.current_frame), W(thread_state.native_thread_id),
		W(interpreter_frame.previous), W(interpreter_frame.executable), W(interpreter_frame.instr_ptr),
		W(interpreter_frame.owner), W_TLBC_INDEX, W(code_object.filename), W(code_object.qualname),
		W(code_object.linetable), W(code_object.firstlineno), W(code_object.co_code_adaptive), W_TLBC,
		W(pyobject.ob_type), W(type_object.tp_name), W(bytes_object.ob_size), W(bytes_object.ob_sval),
		W(unicode_object.state), W(unicode_object.length), W(unicode_object.asciiobject_size));
}
#else
static void debug_offsets(void)
{
}
#endif

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		debug_offsets();
	else
		offsets();
	return 0;
}
