#include "probe.h"

#include "gil_counters.skel.h"
#include "self_test.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

struct bd_probe {
	struct gil_counters *skeleton;
	struct bpf_link *links[2];
	int marks_fd;
	void *targets, *counters;
	size_t targets_size, counters_size;
};

/* Array elements lie 8 bytes aligned. */
_Static_assert(sizeof(struct bd_probe_target) % 8 == 0, "stride of the targets");
_Static_assert(sizeof(struct bd_probe_counters) % 8 == 0, "stride of the counters");

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

static int refused(int code, struct bd_error *err)
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

int bd_probe_load(struct bd_probe **ret, struct bd_error *err)
{
	libbpf_set_print(listen_to_libbpf);
	BD_CLEANUP(bd_probe_free) struct bd_probe *p = bd_alloc(sizeof *p);
	errno = 0;
	p->skeleton = gil_counters__open();
	if (!p->skeleton)
		return refused(errno ? -errno : -EINVAL, err);
	int r = gil_counters__load(p->skeleton);
	if (r < 0)
		return refused(r, err);
	p->marks_fd = bpf_map__fd(p->skeleton->maps.marks);
	p->targets_size = whole_pages(BD_PROBE_TARGETS * sizeof(struct bd_probe_target));
	p->counters_size = whole_pages(BD_PROBE_TARGETS * sizeof(struct bd_probe_counters));
	p->targets = map_array(p->skeleton->maps.targets, p->targets_size);
	p->counters = map_array(p->skeleton->maps.counters, p->counters_size);
	if (!p->targets || !p->counters)
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
	if (p->targets)
		munmap(p->targets, p->targets_size);
	if (p->counters)
		munmap(p->counters, p->counters_size);
	gil_counters__destroy(p->skeleton);
	free(p);
}

int bd_probe_on(struct bd_probe *p, struct bd_error *err)
{
	if (p->links[0])
		return 0;
	struct bpf_program *programs[] = {p->skeleton->progs.gil_switch, p->skeleton->progs.gil_waking};
	for (size_t i = 0; i < BD_LEN(programs); i++) {
		p->links[i] = bpf_program__attach(programs[i]);
		if (!p->links[i]) {
			int code = -errno;
			bd_probe_off(p);
			return refused(code, err);
		}
	}
	int r = bd_self_test(p, err);
	if (r < 0)
		bd_probe_off(p);
	return r;
}

void bd_probe_off(struct bd_probe *p)
{
	for (size_t i = 0; i < BD_LEN(p->links); i++) {
		struct bpf_link *link = BD_TAKE_PTR(p->links[i]);
		bpf_link__destroy(link);
	}
}

struct bd_probe_target *bd_probe_target(struct bd_probe *p, unsigned i)
{
	return (struct bd_probe_target *)p->targets + i;
}

struct bd_probe_counters *bd_probe_counters(struct bd_probe *p, unsigned i)
{
	return (struct bd_probe_counters *)p->counters + i;
}

void bd_probe_clear(struct bd_probe *p, unsigned i)
{
	memset(bd_probe_target(p, i), 0, sizeof(struct bd_probe_target));
	memset(bd_probe_counters(p, i), 0, sizeof(struct bd_probe_counters));
}

int bd_probe_mark(struct bd_probe *p, int pidfd, unsigned i)
{
	struct bd_probe_mark mark = {.target = i + 1};
	return bpf_map_update_elem(p->marks_fd, &pidfd, &mark, BPF_ANY) < 0 ? -errno : 0;
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
