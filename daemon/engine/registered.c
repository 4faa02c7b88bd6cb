/* Programs and files that requests may name: DATA/registered/ID.json, written by benchctl and by nobody else. A request
 * says the id; what it stands for never comes over the network. */
#include "engine_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGISTERED_MAX (1 << 20)
#define KEEP_S (30LL * 24 * 3600)

static const char *const targets[] = {"python", "plugin", "command"};
static const char *const sides[] = {"folder", "venv", "object"};

/* Nothing that could lead out of the folder. */
static bool is_id(const char *id)
{
	return strlen(id) == BD_ULID_LEN - 1 && strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == BD_ULID_LEN - 1;
}

static int unknown(const char *id, struct bd_error *err)
{
	return bd_error_set(err, -ENOENT, "not-found",
		"benchctl registers what it is told to measure; it is kept for 30 days",
		"nothing is registered as '%.64s'", id);
}

static int bad(const char *id, const char *why, struct bd_error *err)
{
	return bd_error_set(err, -EINVAL, "bad-registered", "start it again with benchctl",
		"what is registered as %s %s", id, why);
}

static bool is_one_of(const char *word, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bd_streq(v[i], word))
			return true;
	return false;
}

bool registered_is_target(const struct bd_registered *g)
{
	return is_one_of(g->kind, targets, BD_LEN(targets));
}

static const char *fault(const struct bd_registered *g)
{
	bool command = bd_streq(g->kind, "command"), module = bd_streq(g->kind, "module");
	if (!registered_is_target(g) && !is_one_of(g->kind, sides, BD_LEN(sides)) && !module)
		return "is of an unknown kind";
	bool named = module && !g->path; /* it is imported by its name */
	if (command ? !g->argv.n || g->argv.v[0][0] != '/' : !named && (!g->path || g->path[0] != '/'))
		return "does not name an absolute path";
	if (!g->name || !*g->name)
		return "has no name";
	if (g->cwd && g->cwd[0] != '/')
		return "has a working folder that is not absolute";
	const cJSON *object;
	if (g->manifest && !cJSON_IsArray(g->manifest))
		return "has a manifest that is no list";
	cJSON_ArrayForEach(object, g->manifest)
		if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(object, "path")) ||
			!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(object, "build_id")))
			return "has a manifest with an entry without path or build_id";
	if (module && (g->argv.n != 1 || g->argv.v[0][0] != '/'))
		return "does not name one interpreter by its absolute path";
	if (g->calls && g->calls[0] != '/')
		return "has a file of calls that is not absolute";
	return NULL;
}

int registered_load(const char *data, const char *id, struct bd_registered *ret, struct bd_error *err)
{
	if (!is_id(id))
		return unknown(id, err);
	bd_auto_free char *path = bd_printf("%s/registered/%s.json", data, id);
	struct stat st = {0};
	bd_auto_close int fd = bd_file_open_own(path, 077, &st);
	if (fd == -ENOENT)
		return unknown(id, err);
	if (fd == -ELOOP)
		return bad(id, "is a symbolic link", err);
	if (fd == -EPERM)
		return bad(id,
			!S_ISREG(st.st_mode)             ? "is no file"
				: st.st_uid != geteuid() ? "belongs to somebody else"
							 : "is open to others",
			err);
	bd_auto_free char *text = NULL;
	size_t len = 0;
	int r = fd < 0 ? fd : bd_fd_read(fd, REGISTERED_MAX, &text, &len);
	if (r < 0) {
		bd_auto_free char *why = bd_printf("cannot be read: %s", strerror(-r));
		return bad(id, why, err);
	}
	bd_auto_json cJSON *json = NULL;
	struct bd_registered g;
	struct bd_error inner;
	bd_doc_init(&bd_registered_doc, &g);
	r = strlen(text) != len ? -EINVAL : bd_json_parse(text, path, &json, NULL);
	if (r < 0)
		return bad(id, "is not JSON", err);
	r = bd_doc_decode(&bd_registered_doc, json, &g, &inner);
	const char *why = r < 0 ? NULL : fault(&g);
	if (r == 0 && !why) {
		*ret = g;
		return 0;
	}
	bd_auto_free char *decoded = r < 0 ? bd_printf("is wrong: %s", inner.message) : NULL;
	r = bad(id, decoded ? decoded : why, err);
	bd_doc_done(&bd_registered_doc, &g);
	return r;
}

void registered_sweep(const char *data)
{
	bd_auto_free char *path = bd_printf("%s/registered", data);
	bd_auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return;
	int dir = BD_TAKE_FD(fd); /* the stream's from here on */
	int64_t oldest_s = bd_clock_real_ns() / 1000000000 - KEEP_S;
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
			(int64_t)st.st_mtim.tv_sec < oldest_s && unlinkat(dir, e->d_name, 0) < 0)
			bd_log(BD_LOG_DEBUG, "cannot remove %s/%s: %s", path, e->d_name, strerror(errno));
	}
	closedir(d);
}
