/* Registers and a stack that are none, unwound by the files of this very process. The input is the registers, and the
 * stack. */
#include "bd_fuzz.h"

#include <stdint.h>

/* Time goes on by what an input takes, so that none is one too many for its second. */
static int64_t made_up_time(void)
{
	static int64_t now = 1;
	return now += 5000000;
}
#define bd_clock_mono_ns made_up_time
#include "../../daemon/symbols/native.c"
#undef bd_clock_mono_ns

#include <unistd.h>

static struct bd_symbols *symbols;

static void done(void)
{
	bd_symbols_free(&symbols);
}

void bd_fuzz_begin(void)
{
	struct bd_tracer_info info = {.proc_pid = getpid()};
	struct bd_error err = {0};
	BD_FUZZ_CHECK(bd_symbols_new(&info, &symbols, &err) == 0);
	atexit(done);
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	struct bd_rec_native r = {.tid = 1};
	size_t regs = BD_MIN(len, sizeof r.reg);
	memcpy(r.reg, data, regs);
	r.bytes = (uint32_t)BD_MIN(len - regs, sizeof r.stack);
	memcpy(r.stack, data + regs, r.bytes);
	/* into the code of this program and of the C library, wherever they are this time */
	uint64_t code[] = {(uint64_t)(uintptr_t)bd_fuzz_one, (uint64_t)(uintptr_t)memcpy, (uint64_t)(uintptr_t)qsort};
	r.reg[RIP] = code[r.reg[RIP] % BD_LEN(code)] + (r.reg[RIP] >> 2) % 4096;
	for (size_t at = 0; at + 8 <= r.bytes; at += 8) {
		uint64_t v;
		memcpy(&v, r.stack + at, sizeof v);
		if (v >> 56 == 'c')
			v = code[v % BD_LEN(code)] + (v >> 2) % 4096;
		else if (v >> 56 == 's')
			v = r.reg[RSP] + v % sizeof r.stack;
		memcpy(r.stack + at, &v, sizeof v);
	}
	const char *name = bd_symbols_native(symbols, &r);
	BD_FUZZ_CHECK(!name || name[0]);
	BD_FUZZ_CHECK(bd_symbols_native(symbols, &r) == name);
}
