#include "bd_base.h"
#include "bd_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static char dir[] = "/tmp/bd-file-XXXXXX";

static char *at(const char *name)
{
	return bd_printf("%s/%s", dir, name);
}

static void in_folder(void (*f)(void))
{
	BD_CHECK(mkdtemp(dir));
	f();
	bd_auto_free char *command = bd_printf("rm -rf %s", dir);
	BD_CHECK_INT(system(command), 0);
}

static size_t entries(void)
{
	size_t n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void write_and_read(void)
{
	bd_auto_free char *path = at("f"), *text = NULL;
	size_t len = 0;
	BD_CHECK_INT(bd_file_write(path, "a\0b", 3, 0640), 0);
	BD_CHECK_INT(bd_file_read(path, 3, &text, &len), 0);
	BD_CHECK(len == 3 && memcmp(text, "a\0b", 4) == 0);
	struct stat st;
	BD_CHECK(stat(path, &st) == 0);
	BD_CHECK_INT(st.st_mode & 07777, 0640);
	char *untouched = (char *)1;
	BD_CHECK_INT(bd_file_read(path, 2, &untouched, NULL), -EFBIG);
	BD_CHECK_INT(bd_file_read("/nonexistent/x", 2, &untouched, NULL), -ENOENT);
	BD_CHECK(untouched == (char *)1);
	BD_CHECK_INT(bd_file_write("/nonexistent/x", "", 0, 0600), -ENOENT);
	/* a failed rename leaves nothing behind */
	bd_auto_free char *folder = at("folder");
	BD_CHECK(mkdir(folder, 0700) == 0);
	BD_CHECK(bd_file_write(folder, "x", 1, 0600) < 0);
	BD_CHECK_INT(entries(), 2);
}

BD_TEST(files_are_written_and_read_whole)
{
	in_folder(write_and_read);
}

/* ---- readers see the old or the new text, never half of one ------------------------------------------------ */

enum { SIZE = 1 << 16 };
struct race {
	char *path;
	int stop, torn;
	int64_t reads, changes;
	int (*write)(const char *path, const void *data, size_t len, mode_t mode);
};

static void *reader(void *arg)
{
	struct race *r = arg;
	char last = 0;
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		bd_auto_free char *text = NULL;
		size_t len = 0;
		if (bd_file_read(r->path, SIZE, &text, &len) < 0)
			continue;
		bool whole = len == SIZE;
		for (size_t i = 1; whole && i < len; i++)
			whole = text[i] == text[0];
		__atomic_fetch_add(&r->torn, !whole, __ATOMIC_RELEASE);
		r->changes += whole && text[0] != last;
		last = text[0];
		__atomic_fetch_add(&r->reads, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* The mutant: overwrites the file in place. */
static int write_in_place(const char *path, const void *data, size_t len, mode_t mode)
{
	bd_auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t half = len / 2;
	return fd >= 0 && write(fd, data, half) == (ssize_t)half && sched_yield() == 0 &&
			write(fd, (const char *)data + half, len - half) == (ssize_t)(len - half)
		? 0
		: -EIO;
}

/* Writes until enough reads happened and (for the mutant) until one of them was torn. Returns how many were. */
static int torn_reads(int (*write_file)(const char *, const void *, size_t, mode_t), bool until_torn)
{
	bd_auto_free char *path = at("raced"), *text = bd_alloc(SIZE);
	struct race r = {.path = path, .write = write_file};
	memset(text, 'a', SIZE);
	BD_CHECK_INT(bd_file_write(path, text, SIZE, 0600), 0);
	pthread_t t;
	BD_CHECK(pthread_create(&t, NULL, reader, &r) == 0);
	int64_t deadline = bd_clock_mono_ns() + INT64_C(60) * 1000000000;
	for (int i = 0; bd_clock_mono_ns() < deadline; i++) {
		memset(text, 'a' + i % 26, SIZE);
		BD_CHECK_INT(r.write(path, text, SIZE, 0600), 0);
		bool enough = until_torn ? __atomic_load_n(&r.torn, __ATOMIC_ACQUIRE) > 0
					 : __atomic_load_n(&r.reads, __ATOMIC_ACQUIRE) > 500;
		if (enough && i > 100)
			break;
	}
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	BD_CHECK(r.reads > 0);
	if (!until_torn)
		BD_CHECK(r.changes > 1);
	return r.torn;
}

static void race(void)
{
	BD_CHECK_INT(torn_reads(bd_file_write, false), 0);
	BD_CHECK(torn_reads(write_in_place, true) > 0);
}

BD_TEST(a_write_is_atomic_for_readers)
{
	in_folder(race);
}

static void folders(void)
{
	bd_auto_free char *deep = at("a/b/c"), *file = at("file"), *below = at("file/x");
	BD_CHECK_INT(bd_mkdirs(deep, 0700), 0);
	BD_CHECK_INT(bd_mkdirs(deep, 0700), 0);
	struct stat st;
	BD_CHECK(stat(deep, &st) == 0 && S_ISDIR(st.st_mode));
	BD_CHECK_INT(bd_file_write(file, "", 0, 0600), 0);
	BD_CHECK_INT(bd_mkdirs(file, 0700), -ENOTDIR);
	BD_CHECK_INT(bd_mkdirs(below, 0700), -ENOTDIR);
}

BD_TEST(folders_are_made)
{
	in_folder(folders);
}

BD_TEST(program_files_are_found_beside_the_program)
{
	BD_CHECK(bd_program_dir()[0] == '/');
	bd_auto_free char *cache = bd_program_file("CMakeCache.txt", "nonexistent"),
			  *second = bd_program_file("nonexistent", "CMakeCache.txt"),
			  *none = bd_program_file("nonexistent", "neither");
	BD_CHECK(cache && bd_streq(cache, second));
	BD_CHECK(access(cache, R_OK) == 0);
	BD_CHECK(!none);
}

/* The id this program was linked with, as readelf shows it. */
BD_TEST(build_id_is_the_linkers)
{
	char id[64] = "", untouched[64] = "x";
	BD_CHECK_INT(bd_elf_build_id("/proc/self/exe", id, sizeof id), 0);
	bd_auto_free char *command = bd_printf("LC_ALL=C readelf -n /proc/%d/exe | grep -q 'Build ID: %s$'",
		(int)getpid(), id);
	BD_CHECK_INT(strlen(id), 40);
	BD_CHECK_INT(system(command), 0);
	id[3] = id[3] == 'a' ? 'b' : 'a';
	bd_auto_free char *wrong = bd_printf("LC_ALL=C readelf -n /proc/%d/exe | grep -q 'Build ID: %s$'",
		(int)getpid(), id);
	BD_CHECK(system(wrong) != 0);
	BD_CHECK(bd_elf_build_id("/etc/passwd", untouched, sizeof untouched) < 0);
	BD_CHECK_INT(bd_elf_build_id("/nonexistent", untouched, sizeof untouched), -ENOENT);
	BD_CHECK(bd_elf_build_id("/proc/self/exe", untouched, 8) < 0); /* no room */
	BD_CHECK_STR(untouched, "x");
}

BD_TEST(times_are_utc)
{
	char s[BD_RFC3339_LEN];
	bd_rfc3339(INT64_C(1767323045999999999), s);
	BD_CHECK_STR(s, "2026-01-02T03:04:05Z");
	int64_t a = bd_clock_mono_ns();
	bd_sleep_ns(1000);
	BD_CHECK(bd_clock_mono_ns() - a >= 1000);
}

BD_TEST(own_files_are_told_from_others)
{
	char own[] = "/tmp/bd-own-XXXXXX";
	BD_CHECK(mkdtemp(own));
	bd_auto_free char *path = bd_printf("%s/f", own), *link = bd_printf("%s/l", own),
			  *pipe = bd_printf("%s/p", own);
	struct stat st = {0};
	BD_CHECK_INT(bd_file_open_own(path, 077, NULL), -ENOENT);
	BD_CHECK_INT(bd_file_write(path, "x", 1, 0600), 0);
	bd_auto_close int fd = bd_file_open_own(path, 077, NULL);
	BD_CHECK(fd >= 0);
	BD_CHECK_INT(symlink(path, link), 0);
	BD_CHECK_INT(bd_file_open_own(link, 077, NULL), -ELOOP);
	BD_CHECK_INT(mkfifo(pipe, 0600), 0);
	BD_CHECK_INT(bd_file_open_own(pipe, 077, &st), -EPERM); /* and does not wait */
	BD_CHECK(S_ISFIFO(st.st_mode));
	BD_CHECK_INT(chmod(path, 0644), 0);
	BD_CHECK_INT(bd_file_open_own(path, 077, &st), -EPERM);
	BD_CHECK_INT(st.st_mode & 0777, 0644);
	bd_auto_close int read_by_others = bd_file_open_own(path, 022, NULL);
	BD_CHECK(read_by_others >= 0);
	bd_auto_free char *rm = bd_printf("rm -r '%s'", own);
	BD_CHECK_INT(system(rm), 0);
}

BD_TEST_MAIN
