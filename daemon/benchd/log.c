/* The log file and what workers print, both bounded: a case that prints in a loop must not fill the disk. */
#include "benchd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_MAX (1024 * 1024)
#define LINES_PER_PERIOD 100
#define PERIOD_NS INT64_C(10000000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *path;
static int file = -1;
static enum bd_log_level max_level;

static pthread_t reader;
static int reader_in = -1, reader_out = -1;

static int open_file(void)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int log_open(const char *dir, enum bd_log_level level, struct bd_error *err)
{
	path = bd_printf("%s/benchd.log", dir);
	max_level = level;
	file = open_file();
	if (file < 0)
		return bd_error_set(err, -errno, errno == ENOSPC ? "store-full" : "data-unusable", NULL,
			"cannot open %s: %s", path, strerror(errno));
	bd_log_to(file, level);
	log_turn();
	return 0;
}

bool log_is_open(void)
{
	return file >= 0;
}

void log_turn(void)
{
	struct stat st;
	pthread_mutex_lock(&lock);
	if (file >= 0 && fstat(file, &st) == 0 && st.st_size > LOG_MAX) {
		bd_auto_free char *old = bd_printf("%s.1", path);
		int fd = rename(path, old) == 0 ? open_file() : -1;
		if (fd >= 0) {
			bd_log_to(fd, max_level); /* from here on nobody writes to the old one */
			close(file);
			file = fd;
		}
	}
	pthread_mutex_unlock(&lock);
}

/* ---- workers ---------------------------------------------------------------------------------------------------------------- */

struct allowance {
	int64_t since_ns;
	int lines, dropped;
};

static void say(struct allowance *a, const char *line, size_t n)
{
	int64_t now = bd_clock_mono_ns();
	if (now - a->since_ns > PERIOD_NS) {
		if (a->dropped)
			bd_log(BD_LOG_INFO, "worker: %d more lines not kept", a->dropped);
		*a = (struct allowance){.since_ns = now};
		log_turn();
	}
	if (a->lines++ < LINES_PER_PERIOD)
		bd_log(BD_LOG_INFO, "worker: %.*s", (int)n, line);
	else
		a->dropped++;
}

static void *read_workers(void *arg)
{
	(void)arg;
	struct allowance a = {.since_ns = bd_clock_mono_ns()};
	char buf[1024];
	size_t have = 0;
	for (;;) {
		ssize_t k = read(reader_in, buf + have, sizeof buf - have);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		have += (size_t)k;
		for (char *end; (end = memchr(buf, '\n', have)) || have == sizeof buf;) {
			size_t n = end ? (size_t)(end - buf) : have, used = end ? n + 1 : n;
			say(&a, buf, n);
			memmove(buf, buf + used, have - used);
			have -= used;
		}
	}
	if (have)
		say(&a, buf, have);
	return NULL;
}

int log_workers_open(struct bd_error *err)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return bd_error_set(err, -errno, "internal", NULL, "pipe: %s", strerror(errno));
	reader_in = p[0];
	reader_out = p[1];
	int e = pthread_create(&reader, NULL, read_workers, NULL);
	if (e) {
		bd_closep(&reader_in);
		bd_closep(&reader_out);
		return bd_error_set(err, -e, "internal", NULL, "pthread_create: %s", strerror(e));
	}
	return reader_out;
}

void log_close(void)
{
	if (reader_out >= 0) {
		bd_closep(
			&reader_out); /* the workers have ended and closed their copies; something they left behind may not have */
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_timedjoin_np(reader, NULL, &until);
	}
	if (file >= 0)
		bd_log_to(-1, BD_LOG_ERROR);
	bd_closep(&file);
	bd_freep(&path);
}
