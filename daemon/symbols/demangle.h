#ifndef BD_SYMBOLS_DEMANGLE_H
#define BD_SYMBOLS_DEMANGLE_H

/* A C++ name as it was written, or NULL when it is none; caller frees. */
char *bd_demangle(const char *symbol);

#endif
