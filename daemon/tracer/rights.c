#include "rights.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool bd_pidfd_alive(int pidfd)
{
	struct pollfd p = {pidfd, POLLIN, 0};
	return poll(&p, 1, 0) == 0;
}

/* The number under which our /proc shows the process: it may be mounted for another PID namespace than ours. */
static int pid_in_proc(int pidfd)
{
	bd_auto_free char *path = bd_printf("/proc/self/fdinfo/%d", pidfd), *text = NULL;
	if (bd_file_read(path, 65536, &text, NULL) < 0)
		return -1;
	const char *at = strstr(text, "Pid:");
	return at ? atoi(at + 4) : -1;
}

/* The last of the numbers behind NSpid: in its status. */
static int own_pid(int proc_fd)
{
	bd_auto_close int fd = openat(proc_fd, "status", O_RDONLY | O_CLOEXEC);
	bd_auto_free char *text = NULL;
	if (fd < 0 || bd_fd_read(fd, 65536, &text, NULL) < 0)
		return -1;
	char *at = strstr(text, "\nNSpid:"), *end = at ? strchr(at + 1, '\n') : NULL;
	if (!end)
		return -1;
	*end = 0;
	char *last = strrchr(at + 1, '\t');
	return last ? atoi(last + 1) : -1;
}

int bd_process_gone(pid_t pid, struct bd_error *err)
{
	return bd_error_set(err, -ESRCH, "no-such-process", NULL, "there is no process %d", pid);
}

int bd_process_may_trace(const struct bd_process *p, struct bd_error *err)
{
	uid_t caller = getuid();
	if (caller == 0)
		return 0;
	bd_auto_close int fd = openat(p->proc_fd, "status", O_RDONLY | O_CLOEXEC);
	bd_auto_free char *text = NULL;
	if (fd < 0 || bd_fd_read(fd, 65536, &text, NULL) < 0)
		return bd_process_gone(p->pid, err);
	const char *uids = strstr(text, "\nUid:"), *caps = strstr(text, "\nCapPrm:");
	unsigned real, effective, saved;
	unsigned long long permitted;
	if (!uids || !caps || sscanf(uids, " Uid: %u %u %u", &real, &effective, &saved) != 3 ||
		sscanf(caps, " CapPrm: %llx", &permitted) != 1)
		return bd_error_set(err, -EIO, "tracer-failed", NULL, "cannot read who owns process %d", p->pid);
	if (real != caller || effective != caller || saved != caller)
		return bd_error_set(err, -EPERM, "not-permitted", "trace it as that user or as root",
			"process %d does not belong to uid %u", p->pid, caller);
	if (permitted)
		return bd_error_set(err, -EPERM, "not-permitted", "trace it as root", "process %d has capabilities",
			p->pid);
	/* What the kernel lets nobody else look into (a program with more rights, a process that asked for it) has a
	 * folder that belongs to root. */
	struct stat st;
	if (fstat(fd, &st) < 0)
		return bd_process_gone(p->pid, err);
	if (st.st_uid != caller)
		return bd_error_set(err, -EPERM, "not-permitted", "trace it as root",
			"the kernel does not let us look into process %d: it is not dumpable", p->pid);
	return 0;
}

int bd_process_open(pid_t pid, struct bd_process *ret, int *ret_pidfd, struct bd_error *err)
{
	bd_auto_close int pidfd = bd_pidfd_open(pid);
	if (pidfd == -EINVAL) /* a thread that is not the first of its process */
		return bd_error_set(err, -EINVAL, "no-such-process", "give the number of its process",
			"%d is not a process", pid);
	if (pidfd < 0)
		return bd_process_gone(pid, err);
	int shown = pid_in_proc(pidfd);
	if (shown <= 0)
		return bd_error_set(err, -ESRCH, "no-such-process", "mount -t proc proc /proc",
			"/proc does not show process %d", pid);
	bd_auto_free char *path = bd_printf("/proc/%d", shown);
	bd_auto_close int proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* alive after the folder was opened: the folder is this process's */
	if (proc_fd < 0 || !bd_pidfd_alive(pidfd))
		return bd_process_gone(pid, err);
	*ret = (struct bd_process){.pid = pid, .proc_pid = shown, .own_pid = own_pid(proc_fd)};
	ret->proc_fd = BD_TAKE_FD(proc_fd);
	*ret_pidfd = BD_TAKE_FD(pidfd);
	return 0;
}

/* Whether a file of this kind is mapped. */
static bool maps_file(const struct bd_process *p, const char *name)
{
	bd_auto_close int fd = openat(p->proc_fd, "maps", O_RDONLY | O_CLOEXEC);
	bd_auto_free char *text = NULL;
	return fd >= 0 && bd_fd_read(fd, 64U << 20, &text, NULL) == 0 && strstr(text, name);
}

int bd_process_suits(const struct bd_process *p, struct bd_error *err)
{
	unsigned char id[EI_NIDENT];
	bd_auto_close int fd = openat(p->proc_fd, "exe", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && pread(fd, id, sizeof id, 0) == (ssize_t)sizeof id && memcmp(id, ELFMAG, SELFMAG) == 0 &&
		id[EI_CLASS] != ELFCLASS64)
		return bd_error_set(err, -ENOEXEC, "layout-unknown", NULL, "process %d is a program of 32 bits",
			p->pid);
	/* its condition variables sleep on words of the waiter's stack, so no wait for the GIL could be told */
	if (maps_file(p, "/ld-musl-"))
		return bd_error_set(err, -ENOEXEC, "layout-unknown", "use an interpreter built against glibc",
			"process %d runs on musl, whose locks cannot be followed", p->pid);
	return 0;
}
