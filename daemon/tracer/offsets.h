/* Where the private structures of CPython keep what the tracer reads. offsets.c is written by offsets/generate.py from
 * the interpreters' own headers; a test writes it again from every header set on the machine and compares. */
#ifndef BD_TRACER_OFFSETS_H
#define BD_TRACER_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bd_gil_offsets { /* in struct _gil_runtime_state; the parts follow each other in this order */
	uint32_t interval, last_holder, locked, switch_number, cond, mutex, switch_cond, switch_mutex, size;
};

struct bd_offsets {
	int minor;                                             /* of 3.minor */
	char abiflags[4];                                      /* as sys.abiflags */
	uint32_t runtime_size;                                 /* of section .PyRuntime */
	uint32_t interpreters_head;                            /* in _PyRuntime */
	uint32_t interp_next, interp_id, threads_head;         /* in PyInterpreterState */
	uint32_t tstate_next, tstate_interp, native_thread_id; /* in PyThreadState */
	bool gil_in_runtime; /* 3.11: one GIL, inside _PyRuntime at `gil`; else a pointer at `gil` of each interpreter */
	uint32_t gil;
	struct bd_gil_offsets in_gil;
};

extern const struct bd_offsets bd_offsets_table[];
extern const size_t bd_offsets_table_len;

#endif
