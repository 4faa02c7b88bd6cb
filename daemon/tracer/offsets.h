/* Where the private structures of CPython keep what the tracer and bd_symbols read. offsets.c is written by
 * offsets/generate.py from the interpreters' own headers; a test writes it again from every header set on the machine
 * and compares. */
#ifndef BD_TRACER_OFFSETS_H
#define BD_TRACER_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bd_gil_offsets { /* in struct _gil_runtime_state; the parts follow each other in this order */
	uint32_t interval, last_holder, locked, switch_number, cond, mutex, switch_cond, switch_mutex, size;
	int32_t enabled; /* free-threaded builds: int, 0 = the GIL is off; else -1 */
};

struct bd_frame_offsets {                   /* from a thread state to its Python stack */
	int32_t cframe;                     /* in PyThreadState; -1: none between */
	uint32_t current_frame;             /* in the cframe, else in PyThreadState */
	uint32_t code, ip, previous, owner; /* in _PyInterpreterFrame; owner is a char */
	uint32_t owners_skipped;            /* bit per value of owner: entries without a code object */
	uint32_t code_tag;                  /* low bits of the pointer `code` that are not of the address */
	int32_t tlbc_index;                 /* free-threaded 3.14+: which copy of the code ip is in; else -1 */
};

struct bd_code_offsets { /* in PyCodeObject */
	uint32_t filename, qualname, linetable, firstlineno;
	int32_t version;       /* -1: this version of Python has none */
	uint32_t units;        /* Py_ssize_t: its length in units of 2 bytes */
	uint32_t instructions; /* where ip points into */
	int32_t tlbc;          /* free-threaded 3.14+: pointer to {Py_ssize_t size; char *copy[size]}; else -1 */
};

struct bd_object_offsets {
	uint32_t ob_type, tp_name;
	int32_t ob_mutex;                       /* free-threaded builds; else -1 */
	uint32_t bytes_size, bytes_data;        /* PyBytesObject */
	uint32_t unicode_length, unicode_state; /* PyASCIIObject */
	uint32_t unicode_kind;                  /* first of three bits of the state; then the bits compact, ascii */
	uint32_t ascii_data, compact_data;      /* where the text of a compact str starts: ASCII only, or not */
};

struct bd_offsets {
	int minor;                                     /* of 3.minor */
	char abiflags[4];                              /* as sys.abiflags */
	uint32_t runtime_size, interp_size, ts_size;   /* of _PyRuntime (and section .PyRuntime), PyInterpreterState,
							* PyThreadState */
	uint32_t interpreters_head;                    /* in _PyRuntime */
	uint32_t interp_next, interp_id, threads_head; /* in PyInterpreterState */
	uint32_t tstate_next, tstate_interp, native_thread_id; /* in PyThreadState */
	int32_t tstate_state; /* 3.13+: int, the word a stop-the-world pause suspends a thread on; else -1 */
	bool gil_in_runtime; /* 3.11: one GIL, inside _PyRuntime at `gil`; else a pointer at `gil` of each interpreter */
	uint32_t gil;
	struct bd_gil_offsets in_gil;
	struct bd_frame_offsets frame;
	struct bd_code_offsets code;
	struct bd_object_offsets object;
};

extern const struct bd_offsets bd_offsets_table[];
extern const size_t bd_offsets_table_len;

/* Where _Py_DebugOffsets of one version, the first member of _PyRuntime, keeps the offsets that it names: each an index of
 * a 64-bit word. */
struct bd_debug_offsets {
	int minor;
	uint16_t words; /* of all of it */
	uint16_t runtime_size, interpreters_head;
	uint16_t interp_size, interp_id, interp_next, threads_head, gil, own_gil, locked, last_holder;
	uint16_t ts_size, tstate_next, tstate_interp, current_frame, native_thread_id;
	uint16_t previous, code, ip, owner, tlbc_index; /* 0: not there */
	uint16_t filename, qualname, linetable, firstlineno, instructions, tlbc;
	uint16_t ob_type, tp_name, bytes_size, bytes_data, unicode_state, unicode_length, ascii_data;
};
extern const struct bd_debug_offsets bd_debug_offsets_table[];
extern const size_t bd_debug_offsets_table_len;

#endif
