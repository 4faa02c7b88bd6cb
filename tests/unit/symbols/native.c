/* Native functions of real processes: found wherever in them, or in what they call, a thread is stopped. */
#include "target.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/user.h>

/* Stops the process, and tells where it is the way the probe does. */
static void record(const struct target *t, struct bd_rec_native *ret)
{
	int status;
	struct user_regs_struct r;
	BD_CHECK(ptrace(PTRACE_INTERRUPT, t->process.pid, 0, 0) == 0);
	BD_CHECK(waitpid(t->process.pid, &status, 0) == t->process.pid && WIFSTOPPED(status));
	BD_CHECK(ptrace(PTRACE_GETREGS, t->process.pid, 0, &r) == 0);
	*ret = (struct bd_rec_native){.tid = (uint32_t)t->process.pid,
		.reg = {r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
			r.r14, r.r15, r.rip}};
	ret->bytes = sizeof ret->stack;
	while (ret->bytes && bd_process_read(&t->process, r.rsp, ret->stack, ret->bytes) < 0)
		ret->bytes -= 8;
	BD_CHECK(ptrace(PTRACE_CONT, t->process.pid, 0, 0) == 0);
}

static struct bd_symbols *symbols_of(const struct target *t)
{
	struct bd_symbols *s = NULL;
	struct bd_error err = {0};
	if (bd_symbols_new(&t->info, &s, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	return s;
}

#define SAMPLES 60

static bool begin(struct target *t, const struct interpreter *i, const char *library, const char *kind)
{
	bd_auto_free char *path = bd_printf("%s/spins.py", SCRIPTS), *text = NULL;
	BD_CHECK_INT(bd_file_read(path, 1 << 20, &text, NULL), 0);
	const char *const arguments[] = {library, kind, NULL};
	if (!target_start(t, i, text, arguments))
		return false;
	free(target_says(t));
	BD_CHECK(ptrace(PTRACE_SEIZE, t->process.pid, 0, 0) == 0);
	return true;
}

/* Samples once it is where it shall be: what comes before (ctypes makes its call) is none of the test's. */
static void settle(const struct target *t, struct bd_symbols *s, const char *want)
{
	for (int i = 0; i < 5000; i++) {
		struct bd_rec_native r;
		record(t, &r);
		const char *name = bd_symbols_native(s, &r);
		if (want ? bd_streq(name, want) : !name)
			return;
		bd_sleep_ns(2000000);
	}
	BD_FAIL("never seen in %s", want ? want : "nothing");
}

/* Every sample says so. */
static void expect_on(const struct interpreter *i, const char *library, const char *kind, const char *want)
{
	struct target t;
	if (!begin(&t, i, library, kind))
		return;
	struct bd_symbols *s = symbols_of(&t);
	settle(&t, s, want);
	for (int k = 0; k < SAMPLES; k++) {
		struct bd_rec_native r;
		record(&t, &r);
		const char *name = bd_symbols_native(s, &r), *again = bd_symbols_native(s, &r);
		if (!bd_streq(name, want))
			BD_FAIL("%s %s: in %s, not in %s (ip %lx)", i->program, kind, name, want,
				(unsigned long)r.reg[16]);
		BD_CHECK(again == name);
		bd_sleep_ns(100000 + k * 7919);
	}
	bd_symbols_free(&s);
	target_stop(&t);
}

static void expect(const char *library, const char *kind, const char *want)
{
	struct interpreter found[TARGETS];
	size_t n = interpreters(found, TARGETS), ran = 0;
	for (size_t i = 0; i < n; i++) {
		if (found[i].root[0]) /* another system's C library; the test's own library is not there */
			continue;
		expect_on(&found[i], library, kind, want);
		ran++;
	}
	if (!ran)
		BD_SKIP("no interpreter to look at");
}

BD_TEST(in_it)
{
	expect(SPINNER, "plain", "spin_plain");
}

BD_TEST(in_the_kernels_page)
{
	expect(SPINNER, "clock", "spin_clock");
}

BD_TEST(in_the_c_library)
{
	expect(SPINNER, "copy", "spin_copy");
}

BD_TEST(in_a_system_call)
{
	expect(SPINNER, "sleep", "spin_sleep");
}

BD_TEST(without_symbols)
{
	expect(STRIPPED, "copy", "spin_copy"); /* exported: there is always a name */
	expect(HIDDEN, "sleep", "[" HIDDEN_NAME "]");
}

BD_TEST(written_in_cpp)
{
	expect(SPINNER, "cpp", "bench::Spinner::run(int)");
}

BD_TEST(pure_python)
{
	expect(SPINNER, "pure", NULL);
}

/* A native function is on the stack, but it called Python. */
BD_TEST(python_again)
{
	expect(SPINNER, "back", NULL);
}

BD_TEST_MAIN
