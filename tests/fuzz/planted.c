/* The negative control of the fuzzing itself: a mistake that is found within seconds, or nothing would be found. */
#include "bd_fuzz.h"

void bd_fuzz_begin(void)
{
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	static const char key[] = "open";
	if (len > 4 && memcmp(data, key, 4) == 0) {
		volatile uint8_t c = data[len + 0 * data[4]];
		(void)c;
	}
}
