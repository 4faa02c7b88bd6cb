/* An interpreter parked at known lines, and its stacks read the way the probe reads them. */
#ifndef BD_TEST_SYMBOLS_TARGET_H
#define BD_TEST_SYMBOLS_TARGET_H

#include "bd_symbols.h"
#include "bd_test.h"
#include "layout.h"

#include <linux/types.h>

#include "gil_events.h"

#define TARGETS 32

/* Interpreters of this machine (3.11 and newer), and of the systems ./dev test-in keeps; each runs by `argv`. */
struct interpreter {
	char *root; /* "" = this system */
	char *program;
};
size_t interpreters(struct interpreter *ret, size_t max);

/* A running script: it says one line when it is parked (what follows is its own), and goes on or ends when told. */
struct target {
	struct bd_process process;
	int in;
	FILE *out;
	struct bd_layout layout;
	struct bd_tracer_info info;
};
/* False: this interpreter cannot run here at all. */
bool target_start(struct target *t, const struct interpreter *i, const char *script,
	const char *const *arguments); /* NULL-ended, or NULL */
void target_stop(struct target *t);
/* The line it says next, without its end; fails the test at the end of its output. */
char *target_says(struct target *t);
void target_tell(struct target *t, const char *line);

/* The stack of a thread, the innermost first, as the probe would tell it. */
size_t target_stack(const struct target *t, uint64_t tid, struct bd_rec_frame *ret, size_t max);

/* The text of a compact ASCII str; caller frees. */
char *target_text(const struct target *t, uint64_t object);

#endif
