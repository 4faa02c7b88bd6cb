/* What users' code writes to its standard output and error while it is loaded, prepared and timed: kept in memory, counted
 * between batches, its beginning passed on to the log. The timed part pays for its own write() and for nothing of ours. */
#include "bd_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD_BYTES 2048 /* of a cell's output that go to the log */
#define LAST_BYTES 4096
/* Of one batch: a loop that prints and never ends must not take the machine's memory. The file has this size from the start
 * and can never have another, so what was written is told by its offset. */
#define HELD_BYTES (64 << 20)

static struct stream {
	const char *name;
	int fd;   /* 1, 2 */
	int held; /* where it goes now */
	int log;  /* where it went */
} streams[] = {{"standard output", STDOUT_FILENO, -1, -1}, {"standard error", STDERR_FILENO, -1, -1}};

/* A crash must not take with it what was said about it. Only async-signal-safe calls. */
static void last_words(int signal_number)
{
	static char text[LAST_BYTES];
	for (size_t i = 0; i < BD_LEN(streams); i++) {
		off_t end = streams[i].held < 0 ? 0 : lseek(streams[i].held, 0, SEEK_CUR);
		if (end <= 0)
			continue;
		off_t from = BD_MAX(end - LAST_BYTES, 0);
		ssize_t n = pread(streams[i].held, text, (size_t)(end - from), from);
		if (n > 0 && write(streams[i].log, text, (size_t)n) < 0)
			break;
	}
	raise(signal_number); /* at its default since it came */
}

void bd_output_hold(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	static char stack[16384];
	if (streams[0].held >= 0)
		return;
	fflush(NULL);
	for (size_t i = 0; i < BD_LEN(streams); i++) {
		int held = memfd_create("benchd-output", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		    log = fcntl(streams[i].fd, F_DUPFD_CLOEXEC, 3);
		if (held < 0 || log < 0 || ftruncate(held, HELD_BYTES) < 0 || fcntl(held, F_ADD_SEALS, F_SEAL_GROW) < 0)
			bd_wire_fault_nogil("internal", "cannot hold the output: %s", strerror(errno));
		streams[i].held = bd_fd_high(held);
		streams[i].log = bd_fd_high(log);
		dup2(streams[i].held, streams[i].fd);
	}
	stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = last_words, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};
	sigaltstack(&alternative, NULL);
	for (size_t i = 0; i < BD_LEN(fatal); i++)
		sigaction(fatal[i], &action, NULL);
}

static void flush(void)
{
	static const char *const names[] = {"stdout", "stderr"};
	for (size_t i = 0; i < BD_LEN(names); i++) {
		PyObject *f = PySys_GetObject(names[i]);
		bd_auto_py PyObject *r = f && f != Py_None ? PyObject_CallMethod(f, "flush", NULL) : NULL;
		if (!r)
			PyErr_Clear();
	}
	fflush(NULL);
}

/* Empties a stream; the first bytes of it, at most `room`, become a log message. */
static int64_t take(const struct stream *s, const char *who, int64_t room)
{
	int64_t written = lseek(s->held, 0, SEEK_CUR);
	if (written <= 0)
		return 0;
	char head[HEAD_BYTES + 1];
	room = BD_MIN(BD_MIN(room, written), HEAD_BYTES);
	ssize_t n = room > 0 ? pread(s->held, head, (size_t)room, 0) : 0;
	if (n > 0) {
		head[n] = '\0';
		for (ssize_t i = 0; i < n; i++)
			if (!head[i])
				head[i] = '?';
		bd_auto_py PyObject *text = PyUnicode_DecodeUTF8(head, n, "replace");
		const char *clean = text ? PyUnicode_AsUTF8(text) : NULL;
		bd_wire_log_nogil("info", "%s wrote to %s: %s", who, s->name, clean ? clean : "");
		PyErr_Clear();
	}
	fallocate(s->held, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, written);
	lseek(s->held, 0, SEEK_SET); /* the offset is shared with 1 or 2 */
	return written;
}

void bd_output_take(struct bd_bench_cell *c)
{
	if (streams[0].held < 0)
		return;
	flush();
	for (size_t i = 0; i < BD_LEN(streams); i++) {
		int64_t written = take(&streams[i], c->case_name, HEAD_BYTES - c->printed[i]);
		c->printed[i] += written;
		if (written < HELD_BYTES - LAST_BYTES)
			continue;
		if (c->verdict.status == BD_CELL_FAILED)
			snprintf(c->verdict.err.hint, sizeof c->verdict.err.hint,
				"it wrote %d MiB to %s in one batch, and no more is kept", HELD_BYTES >> 20,
				streams[i].name);
		flush(); /* what Python still had and could not write */
		take(&streams[i], "", 0);
	}
}

void bd_output_notes(const struct bd_bench_cell *c, struct bd_reason **ret, size_t *ret_n)
{
	bd_auto_str struct bd_str text = {0};
	for (size_t i = 0; i < BD_LEN(streams); i++)
		if (c->printed[i])
			bd_str_printf(&text, "%s%lld bytes to %s", text.len ? " and " : "it wrote ",
				(long long)c->printed[i], streams[i].name);
	if (text.len)
		bd_note_add(ret, ret_n, "printed", "its beginning is in the log; printing is timed with the rest",
			"%s while it was prepared and timed", text.s);
}

int64_t bd_output_error_at(void)
{
	return streams[1].held < 0 ? 0 : lseek(streams[1].held, 0, SEEK_CUR);
}

void bd_output_error_tail(int64_t from, char *ret, size_t size)
{
	int64_t end = bd_output_error_at(), room = (int64_t)size - 1;
	ssize_t n = streams[1].held < 0
		? 0
		: pread(streams[1].held, ret, (size_t)BD_MIN(room, end - from), BD_MAX(from, end - room));
	ret[BD_MAX(n, 0)] = '\0';
	while (n > 0 && ret[n - 1] <= ' ' && ret[n - 1] > 0)
		ret[--n] = '\0';
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > 126)
			*c = *c == '\n' ? ' ' : '?';
}

void bd_output_release(void)
{
	flush();
	for (size_t i = 0; i < BD_LEN(streams); i++) {
		if (streams[i].held < 0)
			continue;
		take(&streams[i], "teardown", HEAD_BYTES);
		dup2(streams[i].log, streams[i].fd);
	}
}

void bd_note_add(struct bd_reason **notes, size_t *n, const char *key, const char *hint, const char *fmt, ...)
{
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	struct bd_reason *row = BD_PUSH(*notes, *n);
	struct bd_reason *made = bd_reason_new(NULL, key, hint, "%s", text.s);
	*row = *made;
	free(made);
}
