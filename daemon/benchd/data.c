/* The data folder: ours alone, served by one benchd at a time. */
#include "benchd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_BYTES 32
#define TOKEN_MIN 32 /* characters; shorter ones can be guessed */
#define TOKEN_MAX 512
#define PORT_MAX 16

static bool folder_empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;
	if (!d) {
		bd_closep(&fd);
		return false;
	}
	for (struct dirent *e; (e = readdir(d));)
		n += !bd_streq(e->d_name, "start"); /* the lock of the client that starts us */
	closedir(d);
	return n <= 2;
}

static int folder_check(const char *dir, struct bd_error *err)
{
	int r = bd_mkdirs(dir, 0700);
	if (r == -ENOTDIR || r == -EEXIST)
		return bd_error_set(err, -ENOTDIR, "data-unusable", "name a folder with --data or BENCHD_DATA",
			"%s is not a folder", dir);
	if (r < 0)
		return bd_error_set(err, r, "data-unusable", "name another with --data or BENCHD_DATA",
			"cannot make the data folder %s: %s", dir, strerror(-r));
	bd_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return bd_error_set(err, -errno, "data-unusable", NULL, "cannot use the data folder %s: %s", dir,
			strerror(errno));
	if (st.st_uid != geteuid())
		return bd_error_set(err, -EPERM, "data-unusable",
			"name a folder of your own with --data or BENCHD_DATA",
			"the data folder %s belongs to user %u, not to %u", dir, st.st_uid, geteuid());
	if (!(st.st_mode & 077))
		return 0;
	/* Made by hand for us: closed to others. One that others could reach while it was in use may have been read. */
	if (folder_empty(fd) && fchmod(fd, 0700) == 0)
		return 0;
	bd_auto_free char *hint = bd_printf("chmod 700 %s", dir);
	return bd_error_set(err, -EPERM, "data-unusable", hint, "the data folder %s is open to others (mode %o)", dir,
		st.st_mode & 07777U);
}

/* An OFD lock: asking about it (F_OFD_GETLK) does not take it, so that clients never stand in the way of a start. */
static int lock_take(struct data *d, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("%s/lock", d->dir);
	bd_auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return bd_error_set(err, -errno, errno == ENOSPC ? "store-full" : "data-unusable", NULL,
			"cannot open %s: %s", path, strerror(errno));
	struct flock lk = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lk) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return bd_error_set(err, -errno, "data-unusable", "use a local file system",
				"cannot lock %s: %s", path, strerror(errno));
		bd_auto_free char *pid = NULL;
		if (bd_fd_read(fd, 64, &pid, NULL) < 0)
			pid = NULL;
		return bd_error_set(err, -EBUSY, "data-in-use", "benchctl daemon status",
			"%s is served by another benchd, process %d", d->dir, pid ? atoi(pid) : 0);
	}
	bd_auto_free char *text = bd_printf("%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		bd_log(BD_LOG_DEBUG, "cannot write %s: %s", path, strerror(errno)); /* only for people to read */
	d->lock = BD_TAKE_FD(fd);
	return 0;
}

static int token_make(struct data *d, struct bd_error *err)
{
	unsigned char raw[TOKEN_BYTES];
	char text[2 * TOKEN_BYTES + 2];
	int r = bd_random_bytes(raw, sizeof raw);
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(text + 2 * i, 3, "%02x", raw[i]);
	text[2 * sizeof raw] = '\n';
	if (r == 0)
		r = bd_file_write(d->token_file, text, sizeof text - 1, 0600);
	if (r < 0)
		return bd_error_set(err, r, r == -ENOSPC ? "store-full" : "token-unusable", NULL,
			"cannot write the token file %s: %s", d->token_file, strerror(-r));
	d->token = bd_strndup(text, 2 * sizeof raw);
	return 0;
}

static bool token_good(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return n >= TOKEN_MIN;
}

static int token_read(struct data *d, struct bd_error *err)
{
	bd_auto_free char *hint = bd_printf("remove %s, a new one is made at the next start", d->token_file);
	struct stat st;
	bd_auto_close int fd = bd_file_open_own(d->token_file, 077, &st);
	if (fd == -ENOENT)
		return token_make(d, err);
	if (fd == -ELOOP)
		return bd_error_set(err, fd, "token-unusable", hint, "the token file %s is a symbolic link",
			d->token_file);
	if (fd < 0 && fd != -EPERM)
		return bd_error_set(err, fd, "token-unusable", hint, "cannot open the token file %s: %s", d->token_file,
			strerror(-fd));
	if (fd < 0 && !S_ISREG(st.st_mode))
		return bd_error_set(err, -EINVAL, "token-unusable", hint, "the token file %s is not a file",
			d->token_file);
	if (fd < 0 && st.st_uid != geteuid())
		return bd_error_set(err, -EPERM, "token-unusable", hint, "the token file %s belongs to user %u",
			d->token_file, st.st_uid);
	if (fd < 0)
		return bd_error_set(err, -EPERM, "token-unusable", hint,
			"the token file %s is open to others (mode %o)", d->token_file, st.st_mode & 07777U);
	bd_auto_free char *text = NULL;
	int r = bd_fd_read(fd, TOKEN_MAX, &text, NULL);
	if (r < 0)
		return bd_error_set(err, r, "token-unusable", hint, "cannot read the token file %s: %s", d->token_file,
			strerror(-r));
	text[strcspn(text, "\r\n")] = 0;
	if (!token_good(text))
		return bd_error_set(err, -EINVAL, "token-unusable", hint,
			"the token file %s does not hold a token of %d characters or more", d->token_file, TOKEN_MIN);
	d->token = BD_TAKE_PTR(text);
	return 0;
}

/* Only a wish: whatever is wrong with it, there are other ports. */
static int port_read(const char *path)
{
	bd_auto_close int fd = bd_file_open_own(path, 022, NULL);
	bd_auto_free char *text = NULL;
	if (fd < 0 || bd_fd_read(fd, PORT_MAX, &text, NULL) < 0)
		return 0;
	char *end;
	long port = strtol(text, &end, 10);
	return text[0] >= '1' && text[0] <= '9' && (*end == '\n' || !*end) && port <= 65535 ? (int)port : 0;
}

int data_open(const char *dir, struct data *ret, struct bd_error *err)
{
	struct data d = DATA_NONE;
	d.dir = bd_strdup(dir);
	d.token_file = bd_printf("%s/token", dir);
	d.state_file = bd_printf("%s/daemon.json", dir);
	d.port_file = bd_printf("%s/port", dir);
	d.sessions_file = bd_printf("%s/sessions", dir);
	int r = folder_check(dir, err);
	if (r == 0)
		r = lock_take(&d, err);
	if (r == 0)
		r = token_read(&d, err);
	if (r < 0) {
		data_done(&d);
		return r;
	}
	unlink(d.state_file); /* of one that died: we hold its lock */
	d.port = port_read(d.port_file);
	*ret = d;
	return 0;
}

int data_announce(struct data *d, int port, const char *build, struct bd_error *err)
{
	bd_auto_free char *url = bd_printf("http://127.0.0.1:%d", port);
	bd_auto_json cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "url", url);
	cJSON_AddNumberToObject(j, "pid", getpid());
	cJSON_AddStringToObject(j, "token_file", d->token_file);
	cJSON_AddStringToObject(j, "build", build);
	bd_auto_free char *text = bd_json_text(j);
	bd_auto_free char *line = bd_printf("%s\n", text);
	int r = bd_file_write(d->state_file, line, strlen(line), 0600);
	if (r < 0)
		return bd_error_set(err, r, r == -ENOSPC ? "store-full" : "data-unusable", NULL, "cannot write %s: %s",
			d->state_file, strerror(-r));
	d->announced = true;
	bd_auto_free char *number = bd_printf("%d\n", port);
	r = port == d->port ? 0 : bd_file_write(d->port_file, number, strlen(number), 0600);
	if (r < 0)
		bd_log(BD_LOG_DEBUG, "cannot write %s: %s", d->port_file, strerror(-r));
	return 0;
}

/* Whether the folder at our path is still the one we serve: somebody may have removed it, and another benchd made it anew. */
static bool still_ours(const struct data *d)
{
	bd_auto_free char *path = bd_printf("%s/lock", d->dir);
	struct stat held, there;
	return fstat(d->lock, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev &&
		held.st_ino == there.st_ino;
}

void data_withdraw(struct data *d)
{
	if (d->announced && still_ours(d))
		unlink(d->state_file);
	d->announced = false;
}

void data_done(struct data *d)
{
	data_withdraw(d);
	free(d->dir);
	free(d->token_file);
	free(d->token);
	free(d->state_file);
	free(d->port_file);
	free(d->sessions_file);
	bd_closep(&d->lock);
	*d = (struct data)DATA_NONE;
}
