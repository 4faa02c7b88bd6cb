/* A trace in a format of somebody else's, to a file or to standard output. It may be large: it is written as it comes. */
#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int trace_export_check(const char *file, struct bd_error *err)
{
	return bd_streq(file, "-") ? 0 : bd_page_check(file, err);
}

struct sink {
	int fd, code; /* code: what writing ended with */
	sigset_t ending;
};

/* Ctrl-C is waiting: the part of a file that was written goes first. */
static bool ended(const struct sink *s)
{
	sigset_t pending;
	sigpending(&pending);
	return (sigismember(&s->ending, SIGINT) && sigismember(&pending, SIGINT)) ||
		(sigismember(&s->ending, SIGTERM) && sigismember(&pending, SIGTERM)) ||
		(sigismember(&s->ending, SIGHUP) && sigismember(&pending, SIGHUP));
}

static int take(const void *data, size_t n, void *arg)
{
	struct sink *s = arg;
	s->code = bd_write_all(s->fd, data, n);
	if (s->code == 0 && ended(s))
		s->code = -EINTR;
	return s->code;
}

static int fetch(struct bd_client *c, const char *path, struct sink *s, const char *file, struct bd_error *err)
{
	int r = bd_client_stream(c, path, take, s, err);
	if (s->code == -EPIPE && s->fd == STDOUT_FILENO)
		_exit(128 + SIGPIPE); /* `| head` has seen enough */
	if (s->code == -EINTR)
		return bd_error_set(err, -EINTR, "cancelled", NULL, "cancelled");
	if (s->code < 0)
		return bd_error_set(err, s->code, s->code == -ENOSPC ? "store-full" : "store-failed", NULL,
			"cannot write %s: %s", s->fd == STDOUT_FILENO ? "the answer" : file, strerror(-s->code));
	return r;
}

/* Into a file beside the one it becomes. */
static int to_file(struct bd_client *c, const char *path, struct sink *s, const char *file, struct bd_error *err)
{
	bd_auto_free char *target = NULL;
	int r = bd_page_target(file, &target, err);
	if (r < 0)
		return r;
	bd_auto_free char *part = bd_printf("%s.XXXXXX", target);
	bd_auto_close int fd = mkstemp(part);
	if (fd < 0)
		return bd_error_set(err, -errno, "store-failed", NULL, "cannot write %s: %s", file, strerror(errno));
	mode_t mask = umask(0);
	umask(mask);
	s->fd = fd;
	r = fetch(c, path, s, file, err);
	if (r == 0 && (fchmod(fd, 0666 & ~mask) < 0 || fsync(fd) < 0 || rename(part, target) < 0))
		r = bd_error_set(err, -errno, errno == ENOSPC ? "store-full" : "store-failed", NULL,
			"cannot write %s: %s", file, strerror(errno));
	if (r < 0)
		unlink(part);
	return r;
}

int trace_export(struct bd_client *c, const char *id, const char *format, const char *file, struct bd_error *err)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	struct sink s = {.fd = STDOUT_FILENO};
	bd_auto_free char *path = bd_printf("/api/v1/traces/%s%s%s", id,
		bd_streq(format, "json") ? "" : "/export?format=", bd_streq(format, "json") ? "" : format);
	sigset_t before;
	sigemptyset(&s.ending);
	for (size_t i = 0; i < BD_LEN(ending); i++)
		sigaddset(&s.ending, ending[i]);
	sigprocmask(SIG_BLOCK, &s.ending, &before);
	int r = bd_streq(file, "-") ? fetch(c, path, &s, file, err) : to_file(c, path, &s, file, err);
	sigprocmask(SIG_SETMASK, &before, NULL); /* what was waiting ends us now */
	return r;
}
