/* Finding CPython in another process: the committed offsets work, and no wrong row is ever believed. */
#include "bd_test.h"
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PYTHON "/usr/bin/python3"

/* A process with three Python threads that all sleep, held by its folder in /proc. */
struct python {
	struct bd_process process;
	int in, out;
};

static void start(struct python *p, const char *program, const char *code)
{
	int down[2], up[2];
	BD_CHECK(pipe(down) == 0 && pipe(up) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		dup2(down[0], 0);
		dup2(up[1], 1);
		close(down[1]);
		execl(program, program, code ? "-c" : NULL, code, NULL);
		_exit(127);
	}
	close(down[0]);
	close(up[1]);
	*p = (struct python){.process = {.pid = pid}, .in = down[1], .out = up[0]};
	char c;
	if (read(p->out, &c, 1) != 1)
		BD_SKIP("%s does not run", program);
	char path[64];
	snprintf(path, sizeof path, "/proc/%d", pid);
	p->process.proc_fd = open(path, O_RDONLY | O_DIRECTORY);
	BD_CHECK(p->process.proc_fd >= 0);
}

static const char CODE[] = "import sys, threading\n"
			   "gate = threading.Event()\n"
			   "for i in range(2): threading.Thread(target=gate.wait, daemon=True).start()\n"
			   "print('x', flush=True)\n"
			   "sys.stdin.read()\n";

BD_TEST(finds_the_gil)
{
	struct python p;
	start(&p, PYTHON, CODE);
	struct bd_layout l;
	struct bd_error err = {0};
	if (bd_layout_find(&p.process, bd_offsets_table, bd_offsets_table_len, &l, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	struct bd_tracer_gil gils[4];
	size_t n;
	BD_CHECK_INT(bd_layout_gils(&p.process, &l, gils, 4, &n), 0);
	BD_CHECK_INT(n, 1);
	BD_CHECK_INT(gils[0].interpreter, 0);
	BD_CHECK_INT(gils[0].size, l.offsets.in_gil.size);
	uint64_t interval;
	BD_CHECK_INT(bd_process_read(&p.process, gils[0].address + l.offsets.in_gil.interval, &interval,
			     sizeof interval),
		0);
	BD_CHECK_INT(interval, 5000);
}

/* One field of the matching rows is wrong; with debug offsets (3.13) the table is not asked. */
static void mutate(const char *what, size_t field, int by)
{
	struct python p;
	start(&p, PYTHON, CODE);
	struct bd_layout l;
	struct bd_error err = {0};
	BD_CHECK_INT(bd_layout_find(&p.process, bd_offsets_table, bd_offsets_table_len, &l, &err), 0);
	if (l.offsets.minor >= 13)
		BD_SKIP("%s names its offsets itself", PYTHON);
	struct bd_offsets table[64];
	BD_CHECK(bd_offsets_table_len <= 64);
	memcpy(table, bd_offsets_table, bd_offsets_table_len * sizeof table[0]);
	for (size_t i = 0; i < bd_offsets_table_len; i++) {
		uint32_t *f = (uint32_t *)((char *)&table[i] + field);
		*f = *f + (uint32_t)by;
	}
	int r = bd_layout_find(&p.process, table, bd_offsets_table_len, &l, &err);
	if (r == 0)
		BD_FAIL("believed a wrong %s", what);
	BD_CHECK_STR(err.key, "layout-unknown");
}

#define MUTATE(name, field, by)                                        \
	BD_TEST(wrong_##name)                                          \
	{                                                              \
		mutate(#name, offsetof(struct bd_offsets, field), by); \
	}
MUTATE(head, interpreters_head, -8)
MUTATE(threads, threads_head, 8)
MUTATE(owner, tstate_interp, 8)
MUTATE(native_thread_id, native_thread_id, 8)
MUTATE(gil, gil, 8)
MUTATE(interval, in_gil.interval, 8)
MUTATE(last_holder, in_gil.last_holder, -8)
MUTATE(locked, in_gil.locked, -8)

BD_TEST(no_row_for_the_version)
{
	struct python p;
	start(&p, PYTHON, CODE);
	struct bd_layout l;
	struct bd_error err = {0};
	int r = bd_layout_find(&p.process, bd_offsets_table, 0, &l, &err);
	if (r == 0 && l.offsets.minor >= 13)
		BD_SKIP("%s names its offsets itself", PYTHON);
	BD_CHECK(r < 0);
	BD_CHECK_STR(err.key, "layout-unknown");
}

BD_TEST(not_python)
{
	struct python p = {.process = {.pid = getpid(), .proc_fd = open("/proc/self", O_RDONLY | O_DIRECTORY)}};
	struct bd_layout l;
	struct bd_error err = {0};
	BD_CHECK(bd_layout_find(&p.process, bd_offsets_table, bd_offsets_table_len, &l, &err) < 0);
	BD_CHECK_STR(err.key, "layout-unknown");
}

BD_TEST(gone)
{
	struct python p;
	start(&p, PYTHON, CODE);
	kill(p.process.pid, SIGKILL);
	waitpid(p.process.pid, NULL, 0);
	struct bd_layout l;
	struct bd_error err = {0};
	BD_CHECK(bd_layout_find(&p.process, bd_offsets_table, bd_offsets_table_len, &l, &err) < 0);
	BD_CHECK_STR(err.key, "no-such-process");
}

BD_TEST_MAIN
