/* Programs that a case runs to their end. */
#include "bd_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (1u << 20)

/* vfork: our memory is the child's until it has another, so that a large process starts them as fast as a small one. It only
 * makes system calls. -errno of what failed. */
static pid_t start(char *const *argv, char *const *envp, int out)
{
	pid_t self = getpid();
	volatile int failed = 0;
	pid_t pid = vfork();
	if (pid != 0)
		return pid < 0 ? -errno : failed ? (waitpid(pid, NULL, 0), -failed) : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigaction(SIGPIPE, &standard, NULL);
	if (getppid() == self && dup2(out, 1) == 1 && dup2(out, 2) == 2)
		execve(argv[0], argv, envp);
	failed = errno ? errno : ESRCH;
	_exit(127);
}

int bd_child_run(char *const *argv, char *const *envp, char **ret_text, int *ret_status)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	bd_auto_close int from = ends[0], to = ends[1];
	pid_t pid = start(argv, envp, to);
	bd_closep(&to);
	if (pid < 0)
		return pid;
	bd_auto_free char *text = NULL;
	int status, r = bd_fd_read(from, OUTPUT_MAX, &text, NULL);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (r < 0)
		return r;
	*ret_text = BD_TAKE_PTR(text);
	*ret_status = status;
	return 0;
}

void bd_child_environment(const char *const *without, size_t n, struct bd_strv *ret)
{
	for (char **e = environ; *e; e++) {
		const char *equals = strchr(*e, '=');
		bd_auto_free char *name = bd_strndup(*e, equals ? (size_t)(equals - *e) : strlen(*e));
		bool wanted = !bd_starts_with(name, "BENCHD_");
		for (size_t i = 0; i < n && wanted; i++)
			wanted = !bd_streq(name, without[i]);
		if (wanted)
			bd_strv_add(ret, *e);
	}
}
