/* What the dynamic linker has to do for a shared object before its code can run. */
#ifndef BD_IMPORTS_H
#define BD_IMPORTS_H

#include "bd_base.h"

struct bd_relocations {
	uint64_t relative; /* an address plus where the object is: no name is looked up */
	uint64_t symbolic; /* by name, at once */
	uint64_t calls;    /* by name, of functions: at once with RTLD_NOW, at the first call with RTLD_LAZY */
};

/* Of a 64-bit ELF file of this machine's byte order. -ENOEXEC: it is none, or it is damaged. */
int bd_imports_relocations(const char *path, struct bd_relocations *ret, struct bd_error *err);

#endif
