/* The little the tracer needs to know of an ELF file: where _PyRuntime, Py_Version and PyCode_Type will be. */
#ifndef BD_TRACER_ELF_FILE_H
#define BD_TRACER_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bd_python_elf {
	uint64_t runtime; /* address of _PyRuntime as linked */
	uint64_t runtime_size;
	uint64_t version, code_type; /* of Py_Version and PyCode_Type; 0 = no such symbol */
};

/* symbols: also look for the symbol where there is no section .PyRuntime. -ENOENT: not in this file. */
int bd_python_elf_read(int fd, bool symbols, struct bd_python_elf *ret);

/* The same of a file that is mapped from `start` on, by what the loader itself needs of it; *ret_bias as below. */
int bd_python_elf_memory(int (*read)(const void *process, uint64_t address, void *ret, size_t len), const void *process,
	uint64_t start, struct bd_python_elf *ret, uint64_t *ret_bias);

/* What to add to a linked address, from one mapping of the file; -ENOENT when no segment fits it. */
int bd_elf_bias(int fd, uint64_t map_start, uint64_t map_offset, uint64_t *ret);

#endif
