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
	char said; /* first */
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
	if (read(p->out, &p->said, 1) != 1)
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

static const char *after(const char *text, const char *line_end)
{
	while (text < line_end && *text != '/')
		text++;
	return text;
}

/* A folder like the process's own in /proc, but all its files were replaced and nobody opens them any more. */
static void without_files(struct python *p)
{
	char folder[] = "/tmp/bd-layout-XXXXXX";
	BD_CHECK(mkdtemp(folder));
	bd_auto_free char *maps = NULL, *path = bd_printf("%s/maps", folder), *task = bd_printf("%s/task", folder),
			  *real = bd_printf("/proc/%d/task", p->process.pid),
			  *list = bd_printf("/proc/%d/maps", p->process.pid);
	BD_CHECK_INT(bd_file_read(list, 1 << 20, &maps, NULL), 0);
	bd_auto_str struct bd_str out = {0};
	for (const char *line = maps; *line;) {
		const char *end = strchr(line, '\n');
		bd_str_append(&out, line, (size_t)(end - line));
		bd_str_puts(&out, after(line, end) < end ? " (deleted)\n" : "\n");
		line = end + 1;
	}
	BD_CHECK_INT(bd_file_write(path, out.s, out.len, 0600), 0);
	BD_CHECK(symlink(real, task) == 0);
	close(p->process.proc_fd);
	p->process.proc_fd = open(folder, O_RDONLY | O_DIRECTORY);
	BD_CHECK(p->process.proc_fd >= 0);
}

static void tidy(const struct python *p)
{
	char folder[64] = "";
	bd_auto_free char *link = bd_printf("/proc/self/fd/%d", p->process.proc_fd);
	BD_CHECK(readlink(link, folder, sizeof folder - 1) > 0);
	BD_CHECK(unlinkat(p->process.proc_fd, "maps", 0) == 0 && unlinkat(p->process.proc_fd, "task", 0) == 0);
	BD_CHECK(rmdir(folder) == 0);
}

/* What the loader has of it in memory is enough. */
BD_TEST(files_replaced)
{
	struct python p;
	start(&p, PYTHON, CODE);
	struct bd_layout l, by_memory;
	struct bd_error err = {0};
	BD_CHECK_INT(bd_layout_find(&p.process, bd_offsets_table, bd_offsets_table_len, &l, &err), 0);
	without_files(&p);
	int r = bd_layout_find(&p.process, bd_offsets_table, bd_offsets_table_len, &by_memory, &err);
	tidy(&p);
	if (r < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	BD_CHECK_INT(by_memory.runtime, l.runtime);
	BD_CHECK_INT(by_memory.version, l.version);
	BD_CHECK_INT(by_memory.code_type, l.code_type);
	BD_CHECK_INT(by_memory.offsets.minor, l.offsets.minor);
}

/* Another Python was loaded into it, and never started. */
BD_TEST(two_in_one)
{
	struct python p;
	const char *code =
		"import ctypes, glob, os, sys, threading\n"
		"libraries = glob.glob(os.path.expanduser('~/.pyenv/versions/3.1[1-9]*/lib/libpython3.1*.so.1.0'))\n"
		"for l in libraries[:3]: ctypes.CDLL(l)\n"
		"print('x' if libraries else '-', flush=True)\n"
		"sys.stdin.read()\n";
	start(&p, PYTHON, code);
	if (p.said != 'x')
		BD_SKIP("no libpython to load");
	struct bd_layout l;
	struct bd_error err = {0};
	if (bd_layout_find(&p.process, bd_offsets_table, bd_offsets_table_len, &l, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	struct bd_tracer_gil gils[4];
	size_t n;
	BD_CHECK_INT(bd_layout_gils(&p.process, &l, gils, 4, &n), 0);
	BD_CHECK(l.code_type);
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
