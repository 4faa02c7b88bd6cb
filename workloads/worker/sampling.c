/* What a sample says beside its times: probes, steal, throttling, the sums over threads; and memory. */
#include "bd_bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Out of the way of code that closes "all" descriptors, or counts on the next one being low. */
static int open_high(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fd : bd_fd_high(fd);
}

/* Sum of the steal column over all processors; BD_NULL_INT where it cannot be read. */
static int64_t steal_ticks_nogil(void)
{
	static int fd = -2;
	char text[512];
	if (fd == -2)
		fd = open_high("/proc/stat");
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
	if (n < 0)
		return BD_NULL_INT;
	text[n] = '\0';
	long long steal;
	return sscanf(text, "cpu %*d %*d %*d %*d %*d %*d %*d %lld", &steal) == 1 ? steal : BD_NULL_INT;
}

/* nr_throttled of our own cgroup (version 2, else 1); BD_NULL_INT where there is none. */
static int64_t throttled_nogil(void)
{
	static int fd = -2;
	char text[1024];
	if (fd == -2) {
		fd = -1;
		bd_auto_free char *self = NULL;
		bd_auto_strv struct bd_strv lines = {0};
		if (bd_file_read("/proc/self/cgroup", 1 << 16, &self, NULL) == 0)
			bd_strv_split(&lines, self, '\n');
		for (size_t i = 0; i < lines.n && fd < 0; i++) {
			const char *path = strrchr(lines.v[i], ':');
			if (!path)
				continue;
			bd_auto_free char *v2 = bd_printf("/sys/fs/cgroup%s/cpu.stat", path + 1);
			bd_auto_free char *v1 = bd_printf("/sys/fs/cgroup/cpu%s/cpu.stat", path + 1);
			if (bd_starts_with(lines.v[i], "0::"))
				fd = open_high(v2);
			else if (strstr(lines.v[i], "cpu") && !strstr(lines.v[i], "cpuset:"))
				fd = open_high(v1);
		}
	}
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
	if (n < 0)
		return BD_NULL_INT;
	text[n] = '\0';
	const char *at = strstr(text, "nr_throttled ");
	return at ? atoll(at + strlen("nr_throttled ")) : BD_NULL_INT;
}

static int64_t since(int64_t before, int64_t after)
{
	return before == BD_NULL_INT || after == BD_NULL_INT ? BD_NULL_INT : after - before;
}

static int64_t probe_nogil(const struct bd_ints *processors, uint64_t steps)
{
	bd_affinity_apply_nogil(processors, "pinned", 0);
	int64_t start = bd_clock_mono_ns();
	bd_kernel_spin(1, steps);
	return bd_clock_mono_ns() - start;
}

static void push(struct bd_ints *list, int64_t value)
{
	int64_t *v = BD_PUSH(list->v, list->n);
	*v = value;
}

static void add_lane(struct bd_ints *list, unsigned i, int64_t value)
{
	if (i < list->n)
		list->v[i] += value;
	else
		push(list, value);
}

void bd_sample_add(const struct bd_team *team, struct bd_worker_sample *s)
{
	s->wall_ns += team->wall_ns;
	for (unsigned i = 0; i < team->n; i++) {
		const struct bd_lane *l = &team->lanes[i];
		add_lane(&s->ops, i, (int64_t)l->ops);
		add_lane(&s->straddled, i, (int64_t)l->straddled);
		add_lane(&s->overrun_ns, i, l->overrun_ns);
		add_lane(&s->thread_cpu_ns, i, l->cpu_ns);
		add_lane(&s->voluntary, i, l->voluntary);
		add_lane(&s->involuntary, i, l->involuntary);
		if (i >= s->cpu.n)
			push(&s->cpu, l->processor);
		s->minor_faults += l->minor_faults;
		s->major_faults += l->major_faults;
	}
}

void bd_sample_begin(struct bd_bench_cell *c, uint64_t probe_steps, struct bd_worker_sample *s)
{
	s->cell = c->id;
	s->wall_ns = s->start_ns = s->minor_faults = s->major_faults = 0;
	s->steal_ticks = steal_ticks_nogil();
	s->throttled = throttled_nogil();
	push(&s->probe_ns, probe_nogil(&c->processors, probe_steps));
}

void bd_sample_end(struct bd_bench_cell *c, uint64_t probe_steps, struct bd_worker_sample *s)
{
	push(&s->probe_ns, probe_nogil(&c->processors, probe_steps));
	s->steal_ticks = since(s->steal_ticks, steal_ticks_nogil());
	s->throttled = since(s->throttled, throttled_nogil());
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static int64_t status_bytes(const char *status, const char *key)
{
	const char *at = status ? strstr(status, key) : NULL;
	return at ? atoll(at + strlen(key)) * 1024 : BD_NULL_INT;
}

/* The high-water mark starts again from what is resident now. */
static void forget_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "5", 1) < 0)
		bd_wire_log_nogil("warn", "the high-water mark could not be reset: it covers the preparation too");
	bd_closep(&fd);
}

/* The bytes that pymalloc has given, from the only place where it says so: its statistics, which go to standard error. */
static int64_t pymalloc_bytes(void)
{
	static const char key[] = "# bytes in allocated blocks";
	PyObject *ask = PySys_GetObject("_debugmallocstats");
	int64_t bytes = BD_NULL_INT;
	bd_auto_close int text_fd = memfd_create("benchd-statistics", MFD_CLOEXEC);
	fflush(stderr);
	bd_auto_close int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (!ask || text_fd < 0 || kept < 0)
		return bytes;
	dup2(text_fd, STDERR_FILENO);
	bd_auto_py PyObject *none = PyObject_CallNoArgs(ask);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	PyErr_Clear();
	bd_auto_free char *text = NULL;
	lseek(text_fd, 0, SEEK_SET);
	if (bd_fd_read(text_fd, 1 << 20, &text, NULL) < 0)
		return bytes;
	const char *at = strstr(text, key);
	at = at ? strchr(at, '=') : NULL;
	for (bytes = at ? 0 : bytes; at && *++at && *at != '\n';)
		if (*at >= '0' && *at <= '9')
			bytes = bytes * 10 + (*at - '0');
	return bytes;
}

int64_t bd_memory_live_bytes(void)
{
	int64_t raw = bd_malloc_live_bytes();
	if (raw == BD_NULL_INT || bd_streq(bd_malloc_identify()->objalloc, "malloc"))
		return raw;
	int64_t python = bd_streq(bd_malloc_identify()->objalloc, "pymalloc") ? pymalloc_bytes() : BD_NULL_INT;
	return python == BD_NULL_INT ? BD_NULL_INT : raw + python;
}

static void drop_results(struct bd_team *team)
{
	for (unsigned i = 0; i < team->n; i++)
		Py_CLEAR(team->lanes[i].result);
}

static void read_memory(struct bd_worker_memory *m)
{
	bd_auto_free char *status = NULL;
	bd_file_read("/proc/self/status", 1 << 16, &status, NULL);
	m->rss_bytes = status_bytes(status, "VmRSS:");
	m->rss_peak_bytes = status_bytes(status, "VmHWM:");
	m->allocator_bytes = bd_malloc_live_bytes();
}

/* What an operation asks for: the difference of a batch and one twice as long, so that what a batch itself needs is not
 * part of it. Threads have batches as long as each other, and their operations are the many. */
static bool count_allocations(struct bd_bench_cell *c, bool (*run)(struct bd_bench_cell *c, int64_t times),
	struct bd_worker_memory *m)
{
	uint64_t calls[2], bytes[2], ops[2];
	for (int i = 0; i < 2; i++) {
		bd_allocations_begin();
		bool ok = run(c, i + 1);
		bd_allocations_end(&calls[i], &bytes[i]);
		if (!ok)
			return false;
		ops[i] = bd_team_ops(c->team);
		drop_results(c->team);
	}
	if (c->team->n > 1 || ops[1] <= ops[0]) {
		ops[0] = calls[0] = bytes[0] = 0;
		if (!ops[1])
			return true;
	}
	double n = (double)(ops[1] - ops[0]);
	m->allocations_per_op = BD_MAX((double)(int64_t)(calls[1] - calls[0]) / n, 0.0);
	m->allocated_bytes_per_op = BD_MAX((double)(int64_t)(bytes[1] - bytes[0]) / n, 0.0);
	return true;
}

bool bd_memory_of(struct bd_bench_cell *c, bool (*run)(struct bd_bench_cell *c, int64_t times),
	struct bd_worker_memory *m)
{
	if (!c) {
		read_memory(m);
		return true;
	}
	drop_results(c->team);
	int64_t live = bd_memory_live_bytes();
	m->allocator_before_bytes = bd_malloc_live_bytes();
	forget_peak();
	read_memory(m);
	int64_t own_peak = m->rss_peak_bytes;
	if (!run(c, 1))
		return false;
	uint64_t ops = bd_team_ops(c->team);
	drop_results(c->team); /* the last operation's result is no growth */
	read_memory(m);
	const struct bd_children *children = &c->work.children;
	if (children->peak_bytes) { /* what we have is not what they had */
		bd_doc_init(&bd_worker_memory_doc, m);
		/* A process begins as a copy of ours, whose size it cannot be told from. */
		if (children->peak_bytes > own_peak)
			m->rss_peak_bytes = children->peak_bytes;
		return true;
	}
	int64_t now = bd_memory_live_bytes();
	if (live != BD_NULL_INT && now != BD_NULL_INT && ops)
		m->bytes_per_op = (double)(now - live) / (double)ops;
	return !c->work.desc->measures_memory || count_allocations(c, run, m);
}
