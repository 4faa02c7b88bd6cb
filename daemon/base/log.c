#include "bd_base.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO;
static enum bd_log_level log_max = BD_LOG_WARN;

void bd_log_to(int fd, enum bd_log_level max)
{
	pthread_mutex_lock(&lock);
	log_fd = fd;
	log_max = max;
	pthread_mutex_unlock(&lock);
}

void bd_log(enum bd_log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	int saved = errno;
	char line[2048], when[BD_RFC3339_LEN];
	bd_rfc3339(bd_clock_real_ns(), when);
	int n = snprintf(line, sizeof line, "%s %s: ", when, names[level]);
	va_list ap;
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	va_end(ap);
	size_t len = BD_MIN((size_t)n, sizeof line - 2);
	line[len++] = '\n';
	pthread_mutex_lock(&lock);
	if (level <= log_max && log_fd >= 0 && write(log_fd, line, len) < 0) {
		/* nowhere left to say it */
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
}
