/* Memory of a process in which a record of the probe says there is a code object: all made up. The input is one byte that
 * chooses a version of Python, the record, and the memory from address 0 on; PyCode_Type is at CODE_TYPE. */
#include "bd_fuzz.h"
#include "symbols.h"

#include "line_table.h"

#include <sys/mman.h>
#include <unistd.h>

#define CODE_TYPE 64

static int memory = -1;

void bd_fuzz_begin(void)
{
	memory = memfd_create("memory", MFD_CLOEXEC);
	BD_FUZZ_CHECK(memory >= 0);
}

static void check(const struct bd_rec_frame *f, const struct bd_symbols_code *c)
{
	BD_FUZZ_CHECK(c->line >= 0);
	BD_FUZZ_CHECK((c->line > 0) == (c->why == BD_SYMBOLS_OK));
	BD_FUZZ_CHECK(!c->file || c->function);
	BD_FUZZ_CHECK(c->function || c->why == BD_SYMBOLS_GONE || c->why == BD_SYMBOLS_UNREADABLE);
	if (c->function)
		BD_FUZZ_CHECK(strncmp(c->function, f->text, strnlen(f->text, sizeof f->text)) == 0);
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	struct bd_rec_frame frame;
	if (len < 1 + sizeof frame)
		return;
	memcpy(&frame, data + 1, sizeof frame);
	size_t n = len - 1 - sizeof frame;
	BD_FUZZ_CHECK(ftruncate(memory, 0) == 0 && pwrite(memory, data + 1 + sizeof frame, n, 0) == (ssize_t)n);

	struct bd_tracer_info info = {.proc_pid = getpid(),
		.offsets = bd_offsets_table[data[0] % bd_offsets_table_len],
		.code_type = CODE_TYPE};
	struct bd_symbols *s = NULL;
	struct bd_error err = {0};
	BD_FUZZ_CHECK(bd_symbols_new(&info, &s, &err) == 0);
	bd_closep(&s->mem_fd);
	s->mem_fd = dup(memory);
	struct bd_symbols_code c, again;
	bd_symbols_python(s, &frame, &c);
	check(&frame, &c);
	bd_symbols_python(s, &frame, &again);
	BD_FUZZ_CHECK(
		again.function == c.function && again.file == c.file && again.line == c.line && again.why == c.why);
	bd_symbols_free(&s);
}
