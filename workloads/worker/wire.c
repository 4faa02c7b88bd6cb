#include "bd_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static int in_fd = -1, out_fd = -1;
static pid_t owner;
static char *buffer;
static size_t have, capacity;

int bd_fd_high(int fd)
{
	struct rlimit files;
	int least = 900; /* beyond what code that closes "all" descriptors names, and below 1024 of select() */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 1000)
		least = (int)files.rlim_cur - 40;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, BD_MAX(least, 3));
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

int bd_wire_open_nogil(void)
{
	const char *fds = getenv("BENCHD_FDS");
	int r, w, end = 0;
	if (!fds || sscanf(fds, "%d,%d%n", &r, &w, &end) != 2 || fds[end] || r < 0 || w < 0)
		return -EINVAL;
	/* A case may start programs: they must not keep the conversation open. */
	if (fcntl(r, F_SETFD, FD_CLOEXEC) < 0 || fcntl(w, F_SETFD, FD_CLOEXEC) < 0)
		return -EINVAL;
	/* … nor close it: they, and code under test, close descriptors by number. */
	in_fd = bd_fd_high(r);
	out_fd = bd_fd_high(w);
	owner = getpid();
	unsetenv("BENCHD_FDS");
	return 0;
}

void bd_wire_close_nogil(void)
{
	close(in_fd);
	close(out_fd);
	in_fd = out_fd = -1;
}

cJSON *bd_wire_read_nogil(void)
{
	for (;;) {
		char *end = have ? memchr(buffer, '\n', have) : NULL;
		if (end) {
			*end = '\0';
			cJSON *json = cJSON_Parse(buffer);
			size_t used = (size_t)(end - buffer) + 1;
			memmove(buffer, buffer + used, have - used);
			have -= used;
			if (!cJSON_IsObject(json)) {
				cJSON_Delete(json);
				bd_wire_fault_nogil("protocol", "a line is not one JSON object");
			}
			return json;
		}
		if (have >= BD_WIRE_LINE_MAX)
			bd_wire_fault_nogil("protocol", "a line is longer than %u bytes", BD_WIRE_LINE_MAX);
		if (have == capacity) {
			capacity = capacity ? 2 * capacity : 1 << 16;
			buffer = bd_realloc(buffer, capacity);
		}
		ssize_t n = read(in_fd, buffer + have, capacity - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		have += (size_t)n;
	}
}

void bd_wire_send_nogil(const char *type, cJSON *object)
{
	if (out_fd < 0) {
		cJSON_Delete(object);
		return;
	}
	if (getpid() != owner) /* a case forked, and its child came back here */
		_exit(0);
	/* "type" first: people read these lines too */
	cJSON *t = cJSON_CreateString(type);
	if (!cJSON_InsertItemInArray(object, 0, t))
		abort();
	t->string = bd_strdup("type");
	bd_auto_free char *text = bd_json_text(object);
	cJSON_Delete(object);
	size_t len = strlen(text);
	text[len++] = '\n'; /* in the place of the NUL */
	for (size_t at = 0; at < len;) {
		ssize_t n = write(out_fd, text + at, len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0); /* nobody listens any more: the same as end of input */
		at += (size_t)n;
	}
}

void bd_wire_log_nogil(const char *level, const char *fmt, ...)
{
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "level", level);
	cJSON_AddStringToObject(o, "message", text.s);
	bd_wire_send_nogil("log", o);
}

void bd_wire_fault_nogil(const char *key, const char *fmt, ...)
{
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	cJSON *o = cJSON_CreateObject(), *reason = cJSON_AddObjectToObject(o, "reason");
	cJSON_AddNullToObject(reason, "check");
	cJSON_AddStringToObject(reason, "key", key);
	cJSON_AddStringToObject(reason, "message", text.s);
	cJSON_AddStringToObject(reason, "hint", "");
	bd_wire_send_nogil("fault", o);
	_exit(70);
}
