/* The ELF files of a process: which is where, what kind it is, its symbols and call frame information (elfutils). */
#ifndef BD_SYMBOLS_MODULES_H
#define BD_SYMBOLS_MODULES_H

#include "mapped.h"
#include "symbols.h"

#include <elfutils/libdwfl.h>

enum bd_module_kind {
	BD_MODULE_CODE,   /* an extension, a library, the program itself */
	BD_MODULE_SYSTEM, /* the C and C++ libraries, the loader, allocators, the kernel's own page */
	BD_MODULE_PYTHON, /* the file CPython is in */
};

struct bd_function {
	uint64_t start, size;
	const char *name;
};

struct bd_module {
	uint64_t start, end; /* from its first mapping to its last */
	enum bd_module_kind kind;
	char *name;                /* "[libfoo.so]" */
	struct bd_mapping mapping; /* the first; path is ours */
	Dwfl_Module *dwfl;
	struct bd_function *function; /* by address; made when one is asked for */
	size_t functions;
	struct bd_function jump[4]; /* .plt, .plt.got, .plt.sec: without names */
	size_t jumps;
	bool indexed;
};

struct bd_modules {
	const struct bd_symbols *symbols;
	Dwfl *dwfl;
	struct bd_module *module; /* by address */
	size_t len;
	uint64_t *code; /* executable ranges: start, end, start …, ascending */
	size_t code_len;
	uint64_t hash;           /* of the list they were made of */
	uint8_t *own_page;       /* a copy of the vdso */
	uint64_t eval, eval_end; /* _PyEval_EvalFrameDefault */
};

/* Looks whether the process mapped other files since, and if so begins anew: true. All Dwfl_Module are other ones then. */
bool bd_modules_refresh(struct bd_modules *m, const struct bd_symbols *s);
void bd_modules_done(struct bd_modules *m);

struct bd_module *bd_modules_at(const struct bd_modules *m, uint64_t address);
bool bd_modules_is_code(const struct bd_modules *m, uint64_t address);
/* The symbol an address lies in; NULL: none. Borrowed until the next refresh. */
const char *bd_modules_symbol(struct bd_module *m, uint64_t address);
/* Whether it is one of the jumps to other files' functions, which have no names of their own. */
bool bd_modules_is_jump(struct bd_module *m, uint64_t address);
/* Whether there is call frame information for an address. */
bool bd_modules_has_cfi(const struct bd_module *m, uint64_t address);
/* Whether an address with no symbol may belong to the evaluation loop, a part of which lies elsewhere without a name: its
 * frame is as large. */
bool bd_modules_like_eval(const struct bd_modules *m, const struct bd_module *module, uint64_t address);

#endif
