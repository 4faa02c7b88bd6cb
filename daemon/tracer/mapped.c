#include "mapped.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPS_MAX (64U << 20)
#define DELETED " (deleted)"

int bd_maps_read(int proc_fd, char **ret)
{
	bd_auto_close int fd = openat(proc_fd, "maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return bd_fd_read(fd, MAPS_MAX, ret, NULL);
}

static bool number(const char **at, int base, char end, uint64_t *ret)
{
	char *rest;
	if (!isxdigit((unsigned char)**at)) /* strtoull would look for one on the next line */
		return false;
	*ret = strtoull(*at, &rest, base);
	if (rest == *at || *rest != end)
		return false;
	*at = rest + 1;
	return true;
}

/* "start-end perms offset device inode   path" */
static bool parse(const char *at, const char *line_end, struct bd_mapping *ret)
{
	struct bd_mapping m = {0};
	if (!number(&at, 16, '-', &m.start) || !number(&at, 16, ' ', &m.end) || line_end - at < 5)
		return false;
	m.executable = at[2] == 'x';
	at += 5;
	if (!number(&at, 16, ' ', &m.offset))
		return false;
	while (at < line_end && *at != ' ') /* device */
		at++;
	if (at == line_end)
		return false;
	at++;
	while (at < line_end && *at >= '0' && *at <= '9')
		m.inode = m.inode * 10 + (uint64_t)(*at++ - '0');
	while (at < line_end && *at == ' ')
		at++;
	m.path = at;
	m.path_len = (size_t)(line_end - at);
	size_t mark = strlen(DELETED);
	if (m.path_len > mark && memcmp(line_end - mark, DELETED, mark) == 0) {
		m.deleted = true;
		m.path_len -= mark;
	}
	*ret = m;
	return m.start < m.end;
}

bool bd_maps_next(const char **at, struct bd_mapping *ret)
{
	while (**at) {
		const char *line = *at, *end = line + strcspn(line, "\n");
		*at = *end ? end + 1 : end;
		if (parse(line, end, ret))
			return true;
	}
	return false;
}

/* A regular file, and that of this inode when one is wanted. */
static int try_open(int dir, const char *path, uint64_t inode)
{
	bd_auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (inode && st.st_ino != inode))
		return -ENOENT;
	return BD_TAKE_FD(fd);
}

int bd_mapped_open(int proc_fd, const struct bd_mapping *m)
{
	if (!m->path_len || m->path[0] != '/')
		return -ENOENT;
	bd_auto_free char *path = bd_strndup(m->path, m->path_len);
	bd_auto_free char *inside = bd_printf("root%s", path),
			  *mapped = bd_printf("map_files/%lx-%lx", m->start, m->end);
	int fd;
	/* By inode first. Paths in the list are told from our own root where the process changed its with chroot. */
	if (!m->deleted &&
		((fd = try_open(proc_fd, inside, m->inode)) >= 0 || (fd = try_open(AT_FDCWD, path, m->inode)) >= 0))
		return fd;
	/* What is mapped itself; only root may, but then it is always the right one. */
	if ((fd = try_open(proc_fd, mapped, 0)) >= 0)
		return fd;
	if ((fd = try_open(proc_fd, "exe", m->inode)) >= 0)
		return fd;
	/* Layered file systems tell other inodes than those of the list. */
	return m->deleted ? -ENOENT : try_open(proc_fd, inside, 0);
}
