/* The dashboard as the command line needs it: whether it is there, and a run as one self-contained file. */
#include "bd_benchctl.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int bd_ctl_dashboard(struct bd_client *c, struct bd_error *err)
{
	bd_auto_json cJSON *health = NULL;
	int r = bd_client_call(c, "GET", "/api/v1/health", NULL, &health, err);
	if (r < 0)
		return r;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(health, "dashboard")))
		return 0;
	struct bd_error why = {0};
	r = bd_client_call(c, "GET", "/", NULL, NULL, &why); /* where it would be, it says why it is not */
	if (r < 0 && bd_streq(why.key, "dashboard-off")) {
		if (err)
			*err = why;
		return r;
	}
	return bd_error_set(err, -EOPNOTSUPP, "dashboard-off", "benchctl doctor", "the benchd at %s has no dashboard",
		bd_client_url(c));
}

static int unwritable(const char *file, int code, struct bd_error *err)
{
	return bd_error_set(err, code, "store-failed", NULL, "cannot write %s: %s", file, strerror(-code));
}

/* The file that a new one takes the place of: what a link leads to, else the name itself. Never a device or a pipe, which
 * would be gone afterwards, nor a link that leads nowhere: whoever made it wants the file at its other end. */
int bd_page_target(const char *file, char **ret, struct bd_error *err)
{
	struct stat st;
	if (stat(file, &st) < 0) {
		if (errno != ENOENT)
			return unwritable(file, -errno, err);
		if (lstat(file, &st) == 0)
			return bd_error_set(err, -EINVAL, "store-failed", "name a file",
				"cannot write %s: it is a link that leads nowhere", file);
		*ret = bd_strdup(file);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return bd_error_set(err, -EINVAL, "store-failed", "name a file", "cannot write %s: it is %s", file,
			S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
	*ret = realpath(file, NULL);
	return *ret ? 0 : unwritable(file, -errno, err);
}

int bd_page_check(const char *file, struct bd_error *err)
{
	bd_auto_free char *path = NULL;
	int r = bd_page_target(file, &path, err);
	if (r < 0)
		return r;
	bd_auto_free char *trial = bd_printf("%s.XXXXXX", path);
	bd_auto_close int fd = mkstemp(trial);
	if (fd < 0)
		return unwritable(file, -errno, err);
	unlink(trial);
	return 0;
}

int bd_page_get(struct bd_client *c, const char *id, struct bd_str *ret, struct bd_error *err)
{
	bd_auto_free char *path = bd_ctl_run_path(id, "/page");
	int r = bd_ctl_dashboard(c, err);
	return r < 0 ? r : bd_client_fetch(c, path, "text/html", ret, err);
}

int bd_page_write(struct bd_client *c, const char *id, const char *file, struct bd_error *err)
{
	bd_auto_str struct bd_str page = {0};
	bd_auto_free char *path = NULL;
	int r = bd_page_get(c, id, &page, err);
	if (r == 0)
		r = bd_page_target(file, &path, err);
	if (r < 0)
		return r;
	mode_t mask = umask(0);
	umask(mask);
	r = bd_file_write(path, page.s, page.len, 0666 & ~mask);
	return r < 0 ? unwritable(file, r, err) : 0;
}
