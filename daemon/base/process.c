#include "bd_base.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void bd_open_standard(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int bd_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? -errno : (int)fd;
}

void bd_spawn_sanitizers(struct bd_strv *env)
{
	static const char *const names[] = {"ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};
	for (size_t i = 0; i < BD_LEN(names); i++)
		if (getenv(names[i]))
			bd_strv_addf(env, "%s=%s", names[i], getenv(names[i]));
}

/* Everything from here to exec runs between fork and exec of a process with threads: async-signal-safe calls only. */

static void drop_privileges(void)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* While we still may: what is not in the bounding set cannot come back, not even for uid 0 at exec. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	syscall(SYS_capset, &head, none);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int limit(int what, int64_t value)
{
	struct rlimit r;
	if (getrlimit(what, &r) < 0)
		return -1;
	r.rlim_cur = BD_MIN((rlim_t)value, r.rlim_max);
	return setrlimit(what, &r);
}

static void child(const struct bd_spawn *sp, int report, pid_t parent)
{
	/* Move what is kept out of the way first, so that no dup2 lands on a descriptor still needed. */
	int base = 100 + (int)sp->fds_len, kept[16], n = (int)sp->fds_len;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int out = sp->out_fd >= 0 ? sp->out_fd : null, err = sp->err_fd >= 0 ? sp->err_fd : null;
	if (null < 0 || n > 16)
		goto fail;
	for (int i = 0; i < n; i++)
		if ((kept[i] = fcntl(sp->fds[i], F_DUPFD_CLOEXEC, base)) < 0)
			goto fail;
	if ((out = fcntl(out, F_DUPFD_CLOEXEC, base)) < 0 || (err = fcntl(err, F_DUPFD_CLOEXEC, base)) < 0 ||
		(report = fcntl(report, F_DUPFD_CLOEXEC, base)) < 0)
		goto fail;
	if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		goto fail;
	for (int i = 0; i < n; i++)
		if (dup2(kept[i], 3 + i) < 0)
			goto fail;
	/* 3+n .. report-1 and report+1 .. : close; report itself is close-on-exec */
	if (syscall(SYS_close_range, 3 + n, report - 1, 0) < 0 || syscall(SYS_close_range, report + 1, ~0U, 0) < 0)
		goto fail;
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	for (int s = 1; s < 65; s++)
		sigaction(s, &dfl, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (chdir(sp->cwd ? sp->cwd : "/") < 0)
		goto fail;
	if (sp->max_files && limit(RLIMIT_NOFILE, sp->max_files) < 0)
		goto fail;
	if (sp->max_core_bytes >= 0 && limit(RLIMIT_CORE, sp->max_core_bytes) < 0)
		goto fail;
	if (sp->drop_privileges)
		drop_privileges();
	if (sp->die_with_parent) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) /* it died before the prctl */
			_exit(127);
	}
	char *const empty[] = {NULL};
	execve(sp->program, sp->argv, sp->envp ? sp->envp : empty);
fail:;
	int e = errno;
	if (write(report, &e, sizeof e) < 0)
		_exit(126);
	_exit(127);
}

int bd_spawn(const struct bd_spawn *sp, pid_t *ret_pid, int *ret_pidfd, struct bd_error *err)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "pipe: %s", strerror(errno));
	bd_auto_close int in = p[0], out = p[1];
	pid_t parent = getpid();
	/* Block signals so that none of the parent's handlers runs in the child. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = fork();
	if (pid == 0)
		child(sp, out, parent);
	int e = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return bd_error_set(err, -e, "internal", NULL, "fork: %s", strerror(e));
	bd_closep(&out);
	ssize_t k;
	do
		k = read(in, &e, sizeof e);
	while (k < 0 && errno == EINTR);
	if (k != 0) {
		waitpid(pid, NULL, 0);
		if (k != (ssize_t)sizeof e)
			e = EIO;
		return bd_error_set(err, -e, "worker-missing", NULL, "cannot start %s: %s", sp->program, strerror(e));
	}
	if (ret_pidfd) {
		int fd = bd_pidfd_open(pid);
		if (fd < 0) {
			bd_spawn_kill(pid);
			return bd_error_set(err, fd, "internal", NULL, "pidfd_open: %s", strerror(-fd));
		}
		*ret_pidfd = fd;
	}
	*ret_pid = pid;
	return 0;
}

void bd_spawn_kill(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(-pid, SIGKILL); /* it leads its own session, so this reaches its children too */
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
