/* A fuzz target: one file that defines bd_fuzz_one, and one word in CMakeLists.txt. With libFuzzer (./dev fuzz) it is fed
 * what libFuzzer makes up, without it (fuzz.replay) the files of corpus/NAME. */
#ifndef BD_FUZZ_H
#define BD_FUZZ_H

#include "bd_base.h"

#include <stdio.h>

/* Once, before the first input. */
void bd_fuzz_begin(void);
/* One input: data is an allocation of exactly len bytes. */
void bd_fuzz_one(const uint8_t *data, size_t len);

/* What must hold whatever the input is. */
#define BD_FUZZ_CHECK(x)                                                                            \
	do {                                                                                        \
		if (!(x)) {                                                                         \
			fprintf(stderr, "%s:%d: does not hold: %s (%m)\n", __FILE__, __LINE__, #x); \
			abort();                                                                    \
		}                                                                                   \
	} while (0)

/* A copy with a NUL behind it; caller frees. */
static inline char *bd_fuzz_text(const uint8_t *data, size_t len)
{
	char *text = bd_alloc(len + 1);
	if (len)
		memcpy(text, data, len);
	return text;
}

#endif
