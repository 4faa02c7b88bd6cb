#include "bd_base.h"
#include "bd_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

static char *lister(void)
{
	return bd_printf("%s/fd_lister", bd_program_dir());
}

/* Runs fd_lister and gives what it said on 1 and 2. */
static char *facts(struct bd_spawn sp)
{
	bd_auto_free char *program = lister();
	char *const argv[] = {(char *)"fd_lister", (char *)"one two", NULL};
	int p[2];
	BD_CHECK(pipe2(p, O_CLOEXEC) == 0);
	sp.program = program;
	sp.argv = argv;
	sp.out_fd = sp.err_fd = p[1];
	pid_t pid;
	struct bd_error err;
	if (bd_spawn(&sp, &pid, NULL, &err) < 0)
		BD_FAIL("%s", err.message);
	close(p[1]);
	char *text = NULL;
	int status;
	BD_CHECK_INT(bd_fd_read(p[0], 1 << 16, &text, NULL), 0);
	close(p[0]);
	BD_CHECK(waitpid(pid, &status, 0) == pid);
	BD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
	return text;
}

static const struct bd_spawn plain = {.max_core_bytes = -1, .out_fd = -1, .err_fd = -1};

#define HAS(text, line)                                           \
	do {                                                      \
		if (!strstr(text, line))                          \
			BD_FAIL("no \"%s\" in:\n%s", line, text); \
	} while (0)

BD_TEST(nothing_is_inherited)
{
	BD_CHECK(fcntl(0, F_DUPFD, 7) >= 0 && fcntl(0, F_DUPFD, 99) >= 0 && fcntl(0, F_DUPFD, 300) >= 0);
	setenv("SECRET", "1", 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigset_t set;
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	bd_auto_free char *text = facts(plain);
	HAS(text, "fds 0 1 2\n");
	HAS(text, "args [one two]\n");
	HAS(text, "env\n");
	HAS(text, "cwd /\nleader 1\n");
	HAS(text, "SigBlk:\t0000000000000000\n");
	HAS(text, "SigIgn:\t0000000000000000\n");
	HAS(text, "to stderr\n");
}

BD_TEST(gets_what_it_is_given)
{
	struct bd_spawn sp = plain;
	/* numbers that collide with those the child will use, in an order that a plain dup2 would overwrite */
	int a = open("/dev/null", O_RDONLY), b = open("/dev/zero", O_RDONLY);
	int four = dup2(a, 4), three = dup2(b, 3);
	const int fds[] = {four, three, 0};
	char *const env[] = {(char *)"A=1", (char *)"B=", NULL};
	sp.fds = fds;
	sp.fds_len = BD_LEN(fds);
	sp.envp = env;
	sp.cwd = "/usr";
	sp.max_core_bytes = 0;
	sp.max_files = 64;
	bd_auto_free char *text = facts(sp);
	HAS(text, "fds 0 1 2 3 4 5\n");
	HAS(text, "env [A=1] [B=]\n");
	HAS(text, "cwd /usr\n");
	HAS(text, "core 0\nfiles 64\n");
}

BD_TEST(privileges_are_dropped)
{
	struct bd_spawn sp = plain;
	bd_auto_free char *kept = facts(sp);
	HAS(kept, "NoNewPrivs:\t0\n"); /* the control; this program itself has not given anything up */
	sp.drop_privileges = true;
	bd_auto_free char *text = facts(sp);
	HAS(text, "NoNewPrivs:\t1\n");
	HAS(text, "CapEff:\t0000000000000000\n");
	HAS(text, "CapPrm:\t0000000000000000\n");
	HAS(text, "CapInh:\t0000000000000000\n");
	HAS(text, "CapAmb:\t0000000000000000\n");
	if (getuid() == 0 && !strstr(kept, "CapEff:\t0000000000000000\n"))
		HAS(text, "CapBnd:\t0000000000000000\n");
}

static void fails(const char *program, const char *cwd, int code, const char *words)
{
	char *const argv[] = {(char *)"x", NULL};
	struct bd_spawn sp = plain;
	sp.program = program;
	sp.argv = argv;
	sp.cwd = cwd;
	pid_t pid = -7;
	int pidfd = -7;
	struct bd_error err;
	BD_CHECK_INT(bd_spawn(&sp, &pid, &pidfd, &err), code);
	BD_CHECK_STR(err.key, "worker-missing");
	BD_CHECK(strstr(err.message, words) && strstr(err.message, program));
	BD_CHECK(pid == -7 && pidfd == -7);
	BD_CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* reaped */
}

BD_TEST(a_failed_exec_is_the_error_of_the_call)
{
	fails("/nonexistent/program", NULL, -ENOENT, "No such file");
	fails("/etc/passwd", NULL, -EACCES, "Permission denied");
	bd_auto_free char *program = lister();
	fails(program, "/nonexistent", -ENOENT, "No such file");
}

BD_TEST(kill_reaches_and_reaps)
{
	bd_auto_free char *program = lister();
	char *const argv[] = {(char *)"fd_lister", (char *)"wait", NULL};
	struct bd_spawn sp = plain;
	sp.program = program;
	sp.argv = argv;
	pid_t pid;
	int pidfd;
	BD_CHECK_INT(bd_spawn(&sp, &pid, &pidfd, NULL), 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	BD_CHECK_INT(poll(&p, 1, 0), 0);
	BD_CHECK(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
	bd_spawn_kill(pid);
	BD_CHECK_INT(poll(&p, 1, 0), 1);
	BD_CHECK(kill(pid, 0) < 0 && errno == ESRCH);
	bd_spawn_kill(0); /* nobody */
}

BD_TEST_MAIN
