#include "probe.h"

#include "gil_counters.skel.h"
#include "gil_events.skel.h"
#include "self_test.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define OFTEN_NS 100000000 /* holders are sampled often until nobody has begun to wait for so long */

struct clocks { /* of one processor; of the two, one ticks; they are owned by their links */
	int fast, slow;
};

struct bd_probe {
	enum bd_tracer_level level;
	struct gil_counters *counting; /* one of the two, by level */
	struct gil_events *telling;
	struct bpf_link **links; /* what is switched on and off */
	size_t links_len;
	struct bpf_link **followers; /* what is attached while there are targets, paused or not */
	size_t followers_len;
	struct clocks *clocks;
	size_t clocks_len;
	bool often; /* the fast ones tick */
	int marks_fd;
	void *targets, *outputs; /* what the probes write of each target: counters, or what is live */
	size_t targets_size, outputs_size;
	struct ring_buffer *ring;
	struct bd_records *drain_to; /* or: */
	void (*hear)(void *context, const struct bd_rec *r);
	void *hear_context;
	uint64_t life;
};

/* Array elements lie 8 bytes aligned. */
_Static_assert(sizeof(struct bd_probe_target) % 8 == 0, "stride of the targets");
_Static_assert(sizeof(struct bd_probe_counters) % 8 == 0, "stride of the counters");
_Static_assert(sizeof(struct bd_event_target) % 8 == 0, "stride of the targets");
_Static_assert(sizeof(struct bd_event_live) % 8 == 0, "stride of what is live");

/* The first complaint of libbpf or the verifier, for the error message. */
static char complaint[256];

static int listen_to_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level == LIBBPF_WARN && !complaint[0]) {
		vsnprintf(complaint, sizeof complaint, fmt, args);
		complaint[strcspn(complaint, "\n")] = 0;
	}
	return 0;
}

int bd_probe_refused(int code, struct bd_error *err)
{
	char self[200], hint[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = 0;
	snprintf(hint, sizeof hint, "sudo setcap cap_bpf,cap_perfmon+ep %s", self);
	if (code == -EPERM) { /* EACCES is the verifier's answer to a program it does not accept */
		bool ignored = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
		return bd_error_set(err, -EPERM, "no-bpf-rights", hint, "bench-tracer lacks CAP_BPF and CAP_PERFMON%s",
			ignored ? " (no_new_privs is set, under which file capabilities are ignored)" : "");
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return bd_error_set(err, -ENOENT, "no-btf", "use a kernel built with CONFIG_DEBUG_INFO_BTF=y",
			"this kernel carries no type information (/sys/kernel/btf/vmlinux)");
	struct utsname u;
	uname(&u);
	return bd_error_set(err, code, "tracer-failed", "the tracer needs Linux 5.15 or newer", "on Linux %s: %s (%s)",
		u.release, strerror(-code), complaint);
}

static void *map_array(const struct bpf_map *map, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	return p == MAP_FAILED ? NULL : p;
}

static size_t whole_pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (n + page - 1) / page * page;
}

static int load_counting(struct bd_probe *p)
{
	p->counting = gil_counters__open();
	if (!p->counting)
		return errno ? -errno : -EINVAL;
	int r = gil_counters__load(p->counting);
	if (r < 0)
		return r;
	p->marks_fd = bpf_map__fd(p->counting->maps.marks);
	p->targets_size = whole_pages(BD_PROBE_TARGETS * sizeof(struct bd_probe_target));
	p->outputs_size = whole_pages(BD_PROBE_TARGETS * sizeof(struct bd_probe_counters));
	p->targets = map_array(p->counting->maps.targets, p->targets_size);
	p->outputs = map_array(p->counting->maps.counters, p->outputs_size);
	return 0;
}

static int keep_record(void *context, void *record, size_t size);

static int load_telling(struct bd_probe *p, uint32_t ring_bytes)
{
	p->telling = gil_events__open();
	if (!p->telling)
		return errno ? -errno : -EINVAL;
	int r = ring_bytes ? bpf_map__set_max_entries(p->telling->maps.ring, ring_bytes) : 0;
	if (r == 0)
		r = gil_events__load(p->telling);
	if (r < 0)
		return r;
	p->marks_fd = bpf_map__fd(p->telling->maps.marks);
	p->targets_size = whole_pages(BD_PROBE_TARGETS * sizeof(struct bd_event_target));
	p->outputs_size = whole_pages(BD_PROBE_TARGETS * sizeof(struct bd_event_live));
	p->targets = map_array(p->telling->maps.targets, p->targets_size);
	p->outputs = map_array(p->telling->maps.live, p->outputs_size);
	p->ring = ring_buffer__new(bpf_map__fd(p->telling->maps.ring), keep_record, p, NULL);
	return p->ring ? 0 : -errno;
}

int bd_probe_load(enum bd_tracer_level level, struct bd_probe **ret, struct bd_error *err)
{
	return bd_probe_load_ring(level, 0, ret, err);
}

int bd_probe_load_ring(enum bd_tracer_level level, uint32_t ring_bytes, struct bd_probe **ret, struct bd_error *err)
{
	libbpf_set_print(listen_to_libbpf);
	BD_CLEANUP(bd_probe_free) struct bd_probe *p = bd_alloc(sizeof *p);
	p->level = level;
	errno = 0;
	int r = level == BD_TRACER_EVENTS ? load_telling(p, ring_bytes) : load_counting(p);
	if (r < 0)
		return bd_probe_refused(r, err);
	if (!p->targets || !p->outputs)
		return bd_error_set(err, -errno, "tracer-failed", NULL, "cannot map the counters: %s", strerror(errno));
	*ret = BD_TAKE_PTR(p);
	return 0;
}

void bd_probe_free(struct bd_probe **pp)
{
	struct bd_probe *p = BD_TAKE_PTR(*pp);
	if (!p)
		return;
	bd_probe_off(p);
	bd_probe_unfollow(p);
	if (p->targets)
		munmap(p->targets, p->targets_size);
	if (p->outputs)
		munmap(p->outputs, p->outputs_size);
	ring_buffer__free(p->ring);
	gil_counters__destroy(p->counting);
	gil_events__destroy(p->telling);
	free(p);
}

enum bd_tracer_level bd_probe_level(const struct bd_probe *p)
{
	return p->level;
}

/* ---- on and off --------------------------------------------------------------------------------------------- */

static void detach(struct bpf_link ***links, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		bpf_link__destroy((*links)[i]);
	bd_freep(links);
	*n = 0;
}

/* Takes the link over; NULL is a failed attempt. */
static int keep_link(struct bpf_link *link, struct bpf_link ***links, size_t *n, struct bd_error *err)
{
	if (!link)
		return bd_probe_refused(errno ? -errno : -EINVAL, err);
	*BD_PUSH(*links, *n) = link;
	return 0;
}

/* By period, not frequency: that has no limit an administrator or the kernel itself lowers. 0: the processor is off. */
static int attach_clock(struct bd_probe *p, int cpu, uint64_t period_ns, int *ret, struct bd_error *err)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period_ns,
		.disabled = 1,
	};
	bd_auto_close int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 && errno == ENODEV)
		return 0;
	if (fd < 0)
		return bd_probe_refused(errno == EACCES ? -EPERM : -errno, err);
	struct bpf_link *link = bpf_program__attach_perf_event(p->telling->progs.event_tick, fd);
	if (link)
		*ret = BD_TAKE_FD(fd);
	int r = keep_link(link, &p->links, &p->links_len, err);
	return r < 0 ? r : 1;
}

static void set_often(struct bd_probe *p, bool often)
{
	p->often = often;
	for (size_t i = 0; i < p->clocks_len; i++) {
		const struct clocks *c = &p->clocks[i];
		(void)ioctl(often ? c->slow : c->fast, PERF_EVENT_IOC_DISABLE, 0);
		(void)ioctl(often ? c->fast : c->slow, PERF_EVENT_IOC_ENABLE, 0);
	}
}

/* Two on each processor. */
static int attach_clocks(struct bd_probe *p, struct bd_error *err)
{
	const uint64_t period_ns = 1000000000 / BD_EVENTS_HZ;
	long processors = sysconf(_SC_NPROCESSORS_CONF);
	for (int cpu = 0; cpu < processors; cpu++) {
		struct clocks c;
		int r = attach_clock(p, cpu, period_ns, &c.fast, err);
		if (r > 0)
			r = attach_clock(p, cpu, period_ns * BD_EVENTS_QUIET, &c.slow, err);
		if (r < 0)
			return r;
		if (r > 0)
			*BD_PUSH(p->clocks, p->clocks_len) = c;
	}
	set_often(p, true); /* attaching has made both tick */
	__atomic_store_n(&p->telling->bss->often, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int attach_all(struct bd_probe *p, struct bd_error *err)
{
	struct bpf_program *programs[2];
	if (p->telling) {
		programs[0] = p->telling->progs.event_switch;
		programs[1] = p->telling->progs.event_waking;
	} else {
		programs[0] = p->counting->progs.gil_switch;
		programs[1] = p->counting->progs.gil_waking;
	}
	for (size_t i = 0; i < BD_LEN(programs); i++) {
		errno = 0;
		int r = keep_link(bpf_program__attach(programs[i]), &p->links, &p->links_len, err);
		if (r < 0)
			return r;
	}
	return p->telling ? attach_clocks(p, err) : 0;
}

int bd_probe_on(struct bd_probe *p, bool test, struct bd_error *err)
{
	if (p->links)
		return 0;
	int r = attach_all(p, err);
	if (r == 0 && test)
		r = bd_self_test(p, err);
	if (r < 0)
		bd_probe_off(p);
	else if (p->telling) /* the self-test's wait was nobody's */
		__atomic_store_n(&p->telling->bss->waited_ns, 0, __ATOMIC_SEQ_CST);
	return r;
}

void bd_probe_off(struct bd_probe *p)
{
	detach(&p->links, &p->links_len);
	bd_freep(&p->clocks);
	p->clocks_len = 0;
}

static bool has_waiters(struct bd_probe *p)
{
	for (unsigned i = 0; i < BD_PROBE_SELF_TEST; i++)
		for (unsigned g = 0; g < BD_PROBE_GILS; g++)
			if ((int32_t)__atomic_load_n(&bd_probe_live(p, i)->waiters[g], __ATOMIC_SEQ_CST) > 0)
				return true;
	return false;
}

/* The probe counts a waiter, then notes the time, then looks at `often`; here it is the other way round, so a wait that begins
 * meanwhile is seen by one of the two. */
int64_t bd_probe_pace(struct bd_probe *p, int64_t now_ns)
{
	if (!p->clocks_len)
		return INT64_MAX;
	__u32 *often = &p->telling->bss->often;
	const __u64 *waited_ns = &p->telling->bss->waited_ns;
	if (!p->often && __atomic_load_n(often, __ATOMIC_SEQ_CST))
		set_often(p, true);
	if (!p->often)
		return INT64_MAX;
	int64_t until_ns = (int64_t)__atomic_load_n(waited_ns, __ATOMIC_SEQ_CST) + OFTEN_NS;
	if (now_ns < until_ns)
		return until_ns;
	__atomic_store_n(often, 0, __ATOMIC_SEQ_CST);
	if (!has_waiters(p) && (int64_t)__atomic_load_n(waited_ns, __ATOMIC_SEQ_CST) + OFTEN_NS == until_ns) {
		set_often(p, false);
		return INT64_MAX;
	}
	__atomic_store_n(often, 1, __ATOMIC_SEQ_CST);
	return now_ns + OFTEN_NS;
}

int bd_probe_follow(struct bd_probe *p, struct bd_error *err)
{
	if (p->followers || !p->telling)
		return 0;
	struct bpf_program *programs[] = {p->telling->progs.event_exec, p->telling->progs.event_exit,
		p->telling->progs.event_fork};
	for (size_t i = 0; i < BD_LEN(programs); i++) {
		errno = 0;
		int r = keep_link(bpf_program__attach(programs[i]), &p->followers, &p->followers_len, err);
		if (r < 0) {
			bd_probe_unfollow(p);
			return r;
		}
	}
	return 0;
}

void bd_probe_unfollow(struct bd_probe *p)
{
	detach(&p->followers, &p->followers_len);
}

struct bd_probe_target *bd_probe_target(struct bd_probe *p, unsigned i)
{
	return (struct bd_probe_target *)p->targets + i;
}

struct bd_probe_counters *bd_probe_counters(struct bd_probe *p, unsigned i)
{
	return (struct bd_probe_counters *)p->outputs + i;
}

struct bd_event_target *bd_probe_event_target(struct bd_probe *p, unsigned i)
{
	return (struct bd_event_target *)p->targets + i;
}

struct bd_event_live *bd_probe_live(struct bd_probe *p, unsigned i)
{
	return (struct bd_event_live *)p->outputs + i;
}

void bd_probe_clear(struct bd_probe *p, unsigned i)
{
	if (p->level == BD_TRACER_EVENTS) {
		struct bd_event_live *live = bd_probe_live(p, i);
		memset(bd_probe_event_target(p, i), 0, sizeof(struct bd_event_target));
		*live = (struct bd_event_live){.lost = live->lost};
	} else {
		memset(bd_probe_target(p, i), 0, sizeof(struct bd_probe_target));
		memset(bd_probe_counters(p, i), 0, sizeof(struct bd_probe_counters));
	}
}

int bd_probe_mark(struct bd_probe *p, int pidfd, unsigned i)
{
	struct bd_probe_mark mark = {.target = i + 1};
	return bpf_map_update_elem(p->marks_fd, &pidfd, &mark, BPF_ANY) < 0 ? -errno : 0;
}

bool bd_probe_marked(struct bd_probe *p, int pidfd)
{
	struct bd_probe_mark mark;
	return bpf_map_lookup_elem(p->marks_fd, &pidfd, &mark) == 0;
}

void bd_probe_unmark(struct bd_probe *p, int pidfd)
{
	bpf_map_delete_elem(p->marks_fd, &pidfd);
}

void bd_probe_read_thread(const struct bd_probe_thread *th, struct bd_probe_thread *ret)
{
	/* The probe's part takes well below a microsecond; a torn copy after so many tries is still a copy. */
	for (int i = 0; i < 10000; i++) {
		uint32_t before = __atomic_load_n(&th->seq, __ATOMIC_ACQUIRE);
		memcpy(ret, th, sizeof *ret);
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && before == __atomic_load_n(&th->seq, __ATOMIC_RELAXED))
			return;
	}
}

/* ---- the ring ----------------------------------------------------------------------------------------------- */

int bd_probe_ring_fd(const struct bd_probe *p)
{
	return p->telling ? bpf_map__fd(p->telling->maps.ring) : -1;
}

/* The record counts as read whatever is returned; a negative number only ends the reading. */
static int keep_record(void *context, void *record, size_t size)
{
	struct bd_probe *p = context;
	struct bd_records *to = p->drain_to;
	const struct bd_rec *r = record;
	if (p->hear) {
		p->hear(p->hear_context, r);
		return 0;
	}
	if (r->target == BD_PROBE_SELF_TEST)
		return 0;
	memcpy(to->bytes + to->len, record, size);
	to->len += size;
	return to->max - to->len < BD_EVENTS_RECORD_MAX ? -ENOSPC : 0;
}

void bd_probe_drain(struct bd_probe *p, struct bd_records *to)
{
	if (to->max - to->len < BD_EVENTS_RECORD_MAX)
		return;
	p->drain_to = to;
	ring_buffer__consume(p->ring);
	p->drain_to = NULL;
}

void bd_probe_listen(struct bd_probe *p, void (*hear)(void *context, const struct bd_rec *r), void *context)
{
	p->hear = hear;
	p->hear_context = context;
	ring_buffer__consume(p->ring);
	p->hear = NULL;
}

struct bpf_object *bd_probe_object(struct bd_probe *p)
{
	return p->telling ? p->telling->obj : NULL;
}

uint64_t bd_probe_next_life(struct bd_probe *p)
{
	return ++p->life;
}

uint64_t bd_probe_lost(struct bd_probe *p)
{
	uint64_t lost = 0;
	for (unsigned i = 0; i < BD_PROBE_TARGETS; i++)
		lost += __atomic_load_n(&bd_probe_live(p, i)->lost, __ATOMIC_RELAXED);
	return lost;
}
