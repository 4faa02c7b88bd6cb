/* One measurement per machine: a lock on /run/lock/benchd.measure, shared by every user's benchd. */
#include "engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_lock(const char *path)
{
	/* Without O_CREAT first: in a sticky folder the kernel refuses O_CREAT on another user's file. */
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0)
			fchmod(fd, 0666); /* other users lock it too; the umask must not stop them */
		else if (errno == EEXIST)
			fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	}
	struct stat st;
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int machine_lock_try(const char *data, int64_t *ret_holder)
{
	bd_auto_close int fd = open_lock("/run/lock/benchd.measure");
	if (fd < 0) {
		bd_auto_free char *path = bd_printf("%s/measure.lock", data);
		fd = open_lock(path);
		if (fd < 0)
			return -errno;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		char text[32] = "";
		ssize_t n = pread(fd, text, sizeof text - 1, 0);
		*ret_holder = n > 0 ? strtoll(text, NULL, 10) : 0;
		return -EWOULDBLOCK;
	}
	char text[32];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0) {
		/* a full /run: the lock holds all the same, only the holder stays unnamed */
	}
	return BD_TAKE_FD(fd);
}
