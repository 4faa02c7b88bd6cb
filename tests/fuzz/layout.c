/* What the tracer, which has rights, believes of a process it looks into: its list of mappings, an ELF file among them, and
 * its memory, all made up. The input is one byte with the length of the ELF file in units of 16, the file, and the memory
 * of the process from MEMORY on. */
#include "bd_fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MEMORY UINT64_C(0x10000)
static const uint8_t *memory;
static size_t memory_len;

static ssize_t made_up_memory(pid_t pid, const struct iovec *to, const struct iovec *from)
{
	(void)pid;
	uint64_t at = (uint64_t)(uintptr_t)from->iov_base - MEMORY;
	if (at > memory_len || from->iov_len > memory_len - at) {
		errno = EFAULT;
		return -1;
	}
	memcpy(to->iov_base, memory + at, from->iov_len);
	return (ssize_t)from->iov_len;
}
#define process_vm_readv(pid, to, to_len, from, from_len, flags) made_up_memory(pid, to, from)
#define bd_sleep_ns(ns) (void)(ns) /* between tries: nothing changes here */
#include "../../daemon/tracer/layout.c"
#undef bd_sleep_ns

static char folder[] = "/dev/shm/bd-fuzz-layout-XXXXXX";
static struct bd_process process;
static int elf = -1;

static void tidy(void)
{
	bd_auto_free char *rm = bd_printf("rm -r %s", folder);
	BD_FUZZ_CHECK(system(rm) == 0);
}

static void make(const char *path, const char *text)
{
	bd_auto_free char *file = bd_printf("%s/%s", folder, path);
	BD_FUZZ_CHECK(bd_file_write(file, text, strlen(text), 0600) == 0);
}

/* A folder like /proc/PID, with one thread, and root/python3.11 as its program. */
void bd_fuzz_begin(void)
{
	BD_FUZZ_CHECK(mkdtemp(folder));
	atexit(tidy);
	process = (struct bd_process){.pid = 1, .proc_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	BD_FUZZ_CHECK(process.proc_fd >= 0);
	BD_FUZZ_CHECK(mkdirat(process.proc_fd, "task", 0700) == 0 && mkdirat(process.proc_fd, "task/7", 0700) == 0 &&
		mkdirat(process.proc_fd, "root", 0700) == 0);
	make("task/7/status", "Name:\tx\nNSpid:\t7\n");
	make("maps",
		"00000000-00001000 r--p 00000000 00:01 1 /nowhere\n00010000-00020000 rw-p 00000000 00:01 1 /python3.11\n"
		"7ffe0000-7ffe1000 r-xp 00000000 00:00 0 [vdso]\n");
	make("root/python3.11", "");
	elf = openat(process.proc_fd, "root/python3.11", O_RDWR | O_CLOEXEC);
	BD_FUZZ_CHECK(elf >= 0);
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	if (!len)
		return;
	size_t n = BD_MIN((size_t)data[0] * 16, len - 1);
	BD_FUZZ_CHECK(ftruncate(elf, 0) == 0 && pwrite(elf, data + 1, n, 0) == (ssize_t)n);
	memory = data + 1 + n;
	memory_len = len - 1 - n;
	struct bd_layout layout;
	struct bd_error err = {0};
	int r = bd_layout_find(&process, bd_offsets_table, bd_offsets_table_len, &layout, &err);
	if (r < 0) {
		BD_FUZZ_CHECK(bd_streq(err.key, "layout-unknown") && err.message[0]);
		return;
	}
	struct bd_tracer_gil gils[BD_PROBE_GILS];
	size_t gils_len;
	BD_FUZZ_CHECK(bd_layout_gils(&process, &layout, gils, BD_LEN(gils), &gils_len) == 0);
	BD_FUZZ_CHECK(gils_len >= 1 && gils_len <= BD_LEN(gils));
}
