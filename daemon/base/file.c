#include "bd_base.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int bd_fd_read(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	bd_auto_str struct bd_str b = {0};
	char chunk[16384];
	bd_str_append(&b, "", 0);
	for (;;) {
		ssize_t k = read(fd, chunk, sizeof chunk);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			break;
		bd_str_append(&b, chunk, (size_t)k);
		if (b.len > max)
			return -EFBIG;
	}
	if (ret_len)
		*ret_len = b.len;
	*ret_text = bd_str_take(&b);
	return 0;
}

int bd_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	bd_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	return bd_fd_read(fd, max, ret_text, ret_len);
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t k = write(fd, p, len);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		len -= (size_t)k;
	}
	return 0;
}

int bd_file_write(const char *path, const void *data, size_t len, mode_t mode)
{
	bd_auto_free char *tmp = bd_printf("%s.XXXXXX", path);
	bd_auto_close int fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, data, len);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0))
		r = -errno;
	if (r < 0)
		unlink(tmp);
	return r;
}

int bd_file_open_own(const char *path, mode_t forbidden, struct stat *ret_stat)
{
	bd_auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & forbidden))
		return BD_TAKE_FD(fd);
	if (ret_stat)
		*ret_stat = st;
	return -EPERM;
}

int bd_mkdirs(const char *path, mode_t mode)
{
	bd_auto_free char *p = bd_strdup(path);
	for (char *s = p + 1;; s++) {
		if (*s && *s != '/')
			continue;
		char c = *s;
		*s = 0;
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return -errno;
		*s = c;
		if (!c)
			break;
	}
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

const char *bd_program_dir(void)
{
	static char dir[PATH_MAX];
	if (!dir[0]) {
		char buf[PATH_MAX];
		ssize_t n = readlink("/proc/self/exe", buf, sizeof buf - 1);
		if (n <= 0)
			return ".";
		buf[n] = 0;
		char *slash = strrchr(buf, '/');
		*slash = 0;
		memcpy(dir, buf, sizeof dir);
	}
	return dir;
}

char *bd_program_file(const char *in_build, const char *installed)
{
	const char *const names[] = {in_build, installed};
	for (size_t i = 0; i < 2; i++) {
		if (!names[i])
			continue;
		bd_auto_free char *p = bd_printf("%s/../%s", bd_program_dir(), names[i]);
		char *real = realpath(p, NULL);
		if (real)
			return real;
	}
	return NULL;
}

char *bd_data_dir(void)
{
	const char *data = getenv("BENCHD_DATA"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data && data[0] == '/')
		return bd_strdup(data);
	if (data && *data) {
		char cwd[PATH_MAX];
		return bd_printf("%s/%s", getcwd(cwd, sizeof cwd) ? cwd : "", data);
	}
	if (xdg && xdg[0] == '/') /* a relative one is to be ignored, says the XDG base directory specification */
		return bd_printf("%s/benchd", xdg);
	struct passwd *pw = home && home[0] == '/' ? NULL : getpwuid(geteuid());
	return bd_printf("%s/.local/share/benchd", pw ? pw->pw_dir : home && home[0] == '/' ? home : "");
}

int bd_elf_build_id(const char *path, char *out, size_t size)
{
	bd_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	Elf64_Ehdr eh;
	if (pread(fd, &eh, sizeof eh, 0) != (ssize_t)sizeof eh || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 ||
		eh.e_ident[EI_CLASS] != ELFCLASS64)
		return -ENOEXEC;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;
		if (pread(fd, &ph, sizeof ph, (off_t)(eh.e_phoff + i * sizeof ph)) != (ssize_t)sizeof ph)
			return -ENOEXEC;
		if (ph.p_type != PT_NOTE || ph.p_filesz > 65536)
			continue;
		bd_auto_free char *notes = bd_alloc(ph.p_filesz);
		if (pread(fd, notes, ph.p_filesz, (off_t)ph.p_offset) != (ssize_t)ph.p_filesz)
			continue;
		size_t at = 0;
		while (at + sizeof(Elf64_Nhdr) <= ph.p_filesz) {
			Elf64_Nhdr nh;
			memcpy(&nh, notes + at, sizeof nh);
			size_t name = at + sizeof nh, desc = name + ((nh.n_namesz + 3U) & ~3U);
			size_t next = desc + ((nh.n_descsz + 3U) & ~3U);
			if (next > ph.p_filesz)
				break;
			if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
				(size_t)nh.n_descsz * 2 + 1 <= size) {
				for (size_t k = 0; k < nh.n_descsz; k++)
					snprintf(out + 2 * k, 3, "%02x", (unsigned char)notes[desc + k]);
				return 0;
			}
			at = next;
		}
	}
	return -ENODATA;
}
