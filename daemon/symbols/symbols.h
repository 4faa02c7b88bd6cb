/* Within bd_symbols: the process whose names are asked for. */
#ifndef BD_SYMBOLS_INTERNAL_H
#define BD_SYMBOLS_INTERNAL_H

#include "bd_symbols.h"

#include <linux/types.h>

#include "gil_events.h"

struct bd_codes;
struct bd_natives;

struct bd_symbols {
	struct bd_tracer_info info;
	int proc_fd; /* its folder in /proc: never comes to mean another process */
	int mem_fd;  /* its memory as it is now: nothing to read once it ended or runs another program */
	struct bd_names *names;
	struct bd_codes *codes;
	struct bd_natives *natives;
};

/* At most len bytes from an address on: how many there were, or -errno. */
ssize_t bd_symbols_read(const struct bd_symbols *s, uint64_t address, void *ret, size_t len);
/* All of len, or -errno. */
int bd_symbols_read_all(const struct bd_symbols *s, uint64_t address, void *ret, size_t len);
/* The one copy of a text, for the life of s; NULL when it has too many already. */
const char *bd_symbols_intern(struct bd_symbols *s, const char *text, size_t len);

void bd_codes_free(struct bd_codes **c);
void bd_natives_free(struct bd_natives **n);

#endif
