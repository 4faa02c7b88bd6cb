/* What /proc tells of the threads of a target: names, processor time, what they do just now. */
#include "book.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_NS 250000000
#define LIST_NS 1000000000
#define NEW_NS 50000000   /* a thread not seen before does not wait as long for its name */
#define LISTED_MAX 256    /* threads of one process that are there without ever having waited for or held a GIL */
#define STATES_MAX 128    /* threads of a book */
#define HOLDS_NS 20000000 /* after it was last seen with the GIL */
#define ASLEEP_NS \
	100000000 /* after others saw it asleep with the GIL: they look when their timers go off, and tell later */

static ssize_t read_small(const char *path, char *out, size_t size)
{
	bd_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, out, size - 1);
	if (n < 0)
		return -errno;
	out[n] = 0;
	return n;
}

static ssize_t read_of(const struct bd_book *b, const struct bd_book_thread *th, const char *name, char *out,
	size_t size)
{
	char path[96];
	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", b->target[th->target].info.proc_pid, th->host_tid, name);
	return read_small(path, out, size);
}

/* The thread's number in its own PID namespace. */
static uint32_t own_number(const struct bd_tracer_info *info, int32_t host_tid)
{
	if (info->own_pid == info->proc_pid)
		return (uint32_t)host_tid;
	char path[96], status[4096];
	snprintf(path, sizeof path, "/proc/%d/task/%d/status", info->proc_pid, host_tid);
	if (read_small(path, status, sizeof status) < 0)
		return 0;
	const char *line = strstr(status, "\nNSpid:");
	if (!line)
		return (uint32_t)host_tid;
	line++;
	const char *end = strchrnul(line, '\n');
	while (end > line && end[-1] >= '0' && end[-1] <= '9')
		end--;
	return (uint32_t)strtoul(end, NULL, 10);
}

static void name_thread(struct bd_book *b, struct bd_book_thread *th)
{
	char comm[64], name[2 * sizeof comm + 1];
	ssize_t n = read_of(b, th, "comm", comm, sizeof comm);
	if (n <= 1)
		return;
	comm[strcspn(comm, "\n")] = 0;
	bd_book_text(name, comm, strlen(comm));
	bd_trace_write_thread(b->writer, b->target[th->target].info.own_pid, th->tid, name);
}

static void time_thread(struct bd_book *b, struct bd_book_thread *th, int64_t now_ns)
{
	char text[96];
	if (read_of(b, th, "schedstat", text, sizeof text) <= 0)
		return;
	th->run_ns = (int64_t)strtoull(text, NULL, 10);
	th->seen_ns = now_ns;
	if (th->first_run_ns < 0) {
		th->first_run_ns = th->run_ns;
		th->first_seen_ns = now_ns;
	}
}

static void list_target(struct bd_book *b, int target, int64_t now_ns)
{
	char path[64];
	const struct bd_tracer_info *info = &b->target[target].info;
	snprintf(path, sizeof path, "/proc/%d/task", info->proc_pid);
	DIR *dir = opendir(path);
	if (!dir)
		return;
	size_t listed = 0;
	const struct dirent *e;
	while ((e = readdir(dir)) && listed < LISTED_MAX) {
		int32_t host = (int32_t)strtol(e->d_name, NULL, 10);
		uint32_t tid = host > 0 ? own_number(info, host) : 0;
		if (!tid)
			continue;
		listed++;
		struct bd_book_thread *th = bd_book_thread(b, target, tid);
		if (th->other)
			continue;
		th->host_tid = host;
		if (th->ended) { /* its number again */
			th->ended = false;
			th->first_run_ns = -1;
		}
		name_thread(b, th);
		time_thread(b, th, now_ns);
	}
	closedir(dir);
}

void bd_book_look(struct bd_book *b, int64_t now_ns)
{
	if (now_ns - b->looked_ns < (b->new_threads ? NEW_NS : LOOK_NS))
		return;
	b->looked_ns = now_ns;
	bool list = b->new_threads || now_ns - b->listed_ns >= LIST_NS;
	if (list) {
		b->listed_ns = now_ns;
		for (int i = 0; i < BD_TRACER_MAX_TARGETS; i++)
			if (b->target[i].known && b->target[i].info.alive && b->target[i].info.proc_pid > 0)
				list_target(b, i, now_ns);
		b->new_threads = false;
		return;
	}
	for (size_t i = 0; i < BD_MIN(b->threads_len, (size_t)LISTED_MAX); i++)
		if (b->threads[i].host_tid && !b->threads[i].ended)
			time_thread(b, &b->threads[i], now_ns);
}

/* ---- what a thread does just now ------------------------------------------------------------------------------- */

static bool in_a_gil(const struct bd_book_target *tg, uint64_t address)
{
	for (size_t i = 0; i < tg->gils_len; i++)
		if (address - tg->gil[i].address < tg->gil[i].size)
			return true;
	return false;
}

static uint64_t last_held(const struct bd_book_thread *th)
{
	return BD_MAX(th->held_ns, th->silence.to_ns);
}

/* The last seen with that GIL, and just now. */
static bool holds(const struct bd_book *b, const struct bd_book_thread *th, int64_t now_ns)
{
	if (!last_held(th) ||
		((int64_t)th->held_ns + HOLDS_NS < now_ns && (int64_t)th->silence.to_ns + ASLEEP_NS < now_ns))
		return false;
	for (size_t i = 0; i < b->threads_len; i++) {
		const struct bd_book_thread *other = &b->threads[i];
		if (other->target == th->target && other->held_gil == th->held_gil && last_held(other) > last_held(th))
			return false;
	}
	return true;
}

const char *bd_book_state(const struct bd_book *b, uint32_t thread, int64_t now_ns)
{
	const struct bd_book_thread *th = &b->threads[thread];
	char text[192];
	if (thread >= STATES_MAX || !th->host_tid)
		return NULL;
	if (read_of(b, th, "syscall", text, sizeof text) > 0) {
		char *end;
		long number = strtol(text, &end, 10);
		if (end != text && number == SYS_futex && in_a_gil(&b->target[th->target], strtoull(end, NULL, 16)))
			return "waiting";
		return holds(b, th, now_ns) ? "holding" : bd_starts_with(text, "running") ? "running" : "off";
	}
	if (read_of(b, th, "stat", text, sizeof text) <= 0)
		return NULL;
	const char *state = strrchr(text, ')');
	if (holds(b, th, now_ns))
		return "holding";
	return state && bd_starts_with(state, ") R") ? "running" : "off";
}
