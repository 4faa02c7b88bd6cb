/* bd_symbols: names for what a trace points to in another process: Python functions and lines, native functions.
 *
 * Everything is read from the process's memory and files as the process itself sees them (its own root). What cannot be
 * read whole, or does not fit the fingerprint the probe took, is unknown: never a wrong name. Nothing here needs rights
 * beyond the kernel's ptrace rules. One thread at a time. */
#ifndef BD_SYMBOLS_H
#define BD_SYMBOLS_H

#include "bd_tracer.h"

struct bd_symbols;
struct bd_rec_frame;
struct bd_rec_native;

/* One generation (exec) of one process. Errors: no-such-process, not-permitted. */
int bd_symbols_new(const struct bd_tracer_info *info, struct bd_symbols **ret, struct bd_error *err);
void bd_symbols_free(struct bd_symbols **s);

enum bd_symbols_why {
	BD_SYMBOLS_OK,
	BD_SYMBOLS_GONE,    /* the code object was freed, or is another one by now */
	BD_SYMBOLS_NO_LINE, /* a known function, but the instruction belongs to no line */
	BD_SYMBOLS_UNREADABLE,
};
/* Strings are owned by the bd_symbols until it is freed; equal strings are one pointer. */
struct bd_symbols_code {
	const char *
		function; /* qualified name (UTF-8); NULL = unknown. Known from the record's text even when the rest is gone */
	const char *file; /* NULL = unknown */
	int32_t line;     /* 0 = unknown */
	enum bd_symbols_why why;
};
/* Ask soon: code objects may be freed once their frames are left. */
void bd_symbols_python(struct bd_symbols *s, const struct bd_rec_frame *frame, struct bd_symbols_code *ret);

/* The native function a holder was in: the innermost that is not of the C library, the loader or the kernel's own page, and
 * before the interpreter's evaluation loop; "[name of the file]" where the file has no symbol for it. NULL: none (pure
 * Python), or unknown. Unwinds by the call frame information of the files. */
const char *bd_symbols_native(struct bd_symbols *s, const struct bd_rec_native *native);

#endif
