/* A command that is traced from its first instruction: forked here, with the terminal as it is, and held until the tracer is
 * there. It stays in our process group, so what is typed at the terminal reaches it as if it had been started alone. */
#include "registry.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 100

/* Only calls that are safe after fork; never returns. */
static _Noreturn void become(const char *path, char *const *argv, int output, int go, int told)
{
	char word;
	ssize_t n;
	do
		n = read(go, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125); /* nobody is there any more to trace it */
	signal(SIGPIPE, SIG_DFL);
	if (output == STDOUT_FILENO || dup2(output, STDOUT_FILENO) >= 0)
		execv(path, argv);
	int code = errno;
	n = write(told, &code, sizeof code);
	_exit(n == sizeof code ? 126 : 125);
}

int trace_child_hold(const struct bd_strv *argv, int output, struct trace_child *ret, struct bd_error *err)
{
	struct bd_registered found;
	bd_doc_init(&bd_registered_doc, &found);
	int r = target_command(argv, NULL, NULL, &found, err);
	if (r < 0)
		return r;
	bd_auto_free char **words = bd_strv_argv(&found.argv);
	bd_auto_free char *path = bd_strdup(words[0]);
	words[0] = argv->v[0]; /* a program that has several names goes by the one it was called */
	int go[2], told[2];
	if (pipe2(go, O_CLOEXEC) < 0) {
		bd_doc_done(&bd_registered_doc, &found);
		return bd_error_set(err, -errno, "internal", NULL, "cannot make a pipe: %s", strerror(errno));
	}
	bd_auto_close int go_read = go[0], go_write = go[1];
	if (pipe2(told, O_CLOEXEC) < 0) {
		bd_doc_done(&bd_registered_doc, &found);
		return bd_error_set(err, -errno, "internal", NULL, "cannot make a pipe: %s", strerror(errno));
	}
	bd_auto_close int told_read = told[0], told_write = told[1];
	pid_t pid = fork();
	if (pid == 0) {
		close(go_write); /* else its end would never be seen */
		become(path, words, output, go_read, told_write);
	}
	bd_doc_done(&bd_registered_doc, &found);
	if (pid < 0)
		return bd_error_set(err, -errno, "internal", NULL, "cannot start a process: %s", strerror(errno));
	*ret = (struct trace_child){pid, BD_TAKE_FD(go_write), BD_TAKE_FD(told_read), argv->v[0]};
	return 0;
}

int trace_child_go(struct trace_child *c, struct bd_error *err)
{
	int code = 0;
	ssize_t n = write(c->go, "", 1); /* SIGPIPE is ignored here */
	bd_closep(&c->go);
	c->go = -1;
	if (n == 1)
		do
			n = read(c->told, &code, sizeof code); /* ends when it has become the other program */
		while (n < 0 && errno == EINTR);
	bd_closep(&c->told);
	c->told = -1;
	if (n != sizeof code)
		return 0;
	int status;
	trace_child_wait(c, NULL, &status);
	return bd_error_set(err, -code, "no-such-input",
		code == ENOEXEC ? "a script needs a first line such as #!/bin/sh" : NULL, "%s cannot be started: %s",
		c->named, strerror(code));
}

int trace_child_wait(struct trace_child *c, const volatile int *cancel, int *ret_status)
{
	bd_auto_close int pidfd = bd_pidfd_open(c->pid);
	for (;;) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		int status;
		pid_t got = waitpid(c->pid, &status, WNOHANG);
		if (got == c->pid || (got < 0 && errno != EINTR)) {
			*ret_status = got == c->pid ? status : 0;
			c->pid = 0;
			return 0;
		}
		if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
			return -EINTR;
		if (poll(&p, 1, POLL_MS) < 0 && errno != EINTR)
			bd_sleep_ns(POLL_MS * 1000000LL);
	}
}

void trace_child_done(struct trace_child *c)
{
	if (c->pid && c->go >= 0) { /* held: the end of the pipe ends it */
		bd_closep(&c->go);
		int status;
		while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (c->pid && c->told >= 0)
		bd_closep(&c->told);
	*c = (struct trace_child){.go = -1, .told = -1};
}
