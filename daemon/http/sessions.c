/* Browser sessions and the codes they begin with. Sessions are kept in a file beside the token, so that a page that is open
 * goes on when its benchd is started anew. They end when the token is another one (who removes it means to shut
 * everybody out) and when the port is: another program has it now, and may have been sent the cookie. */
#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CODES 16
#define SESSIONS 32
#define FILE_MAX 16384
#define SECOND INT64_C(1000000000)

struct secret {
	char text[BD_HTTP_SECRET_LEN];
	int64_t expires_ns; /* codes: monotonic; sessions: real time, which goes on when no benchd runs */
};
struct bd_http_sessions {
	pthread_mutex_t lock;
	struct secret codes[CODES], sessions[SESSIONS];
	char *file, *bond; /* bond: what token and port they belong to */
};

/* ---- the file ---------------------------------------------------------------------------------------------------- */

struct kept {
	char *cookie;
	int64_t expires; /* seconds since 1970 */
};
static const struct bd_field kept_fields[] = {
	{.name = "cookie", .type = BD_F_STRING, .offset = offsetof(struct kept, cookie), .required = true},
	{.name = "expires", .type = BD_F_INT, .offset = offsetof(struct kept, expires), .required = true},
};
static const struct bd_doc kept_doc = {.name = "session",
	.size = sizeof(struct kept),
	.fields = kept_fields,
	.fields_len = BD_LEN(kept_fields)};

struct kept_file {
	char *bond;
	struct kept *v;
	size_t n;
};
static const struct bd_field kept_file_fields[] = {
	{.name = "bond", .type = BD_F_STRING, .offset = offsetof(struct kept_file, bond), .required = true},
	{.name = "sessions", .type = BD_F_ARRAY, .offset = offsetof(struct kept_file, v), .doc = &kept_doc},
};
static const struct bd_doc kept_file_doc = {.name = "sessions",
	.size = sizeof(struct kept_file),
	.fields = kept_file_fields,
	.fields_len = BD_LEN(kept_file_fields)};

/* Text of a file that nobody else can have read or written. */
static int read_private(const char *path, char **ret, struct bd_error *err)
{
	bd_auto_close int fd = bd_file_open_own(path, 077, NULL);
	if (fd == -ENOENT)
		return -ENOENT;
	if (fd == -EPERM)
		return bd_error_set(err, fd, "internal", NULL, "it is not a file of ours alone");
	if (fd < 0)
		return bd_error_set(err, fd, "internal", NULL, "%s",
			fd == -ELOOP ? "it is a symbolic link" : strerror(-fd));
	int r = bd_fd_read(fd, FILE_MAX, ret, NULL);
	return r < 0 ? bd_error_set(err, r, "internal", NULL, "%s", strerror(-r)) : 0;
}

static bool is_secret(const char *text)
{
	return strlen(text) == BD_HTTP_SECRET_LEN - 1 && strspn(text, "0123456789abcdef") == BD_HTTP_SECRET_LEN - 1;
}

/* The one that expires first: its place is given away. */
static struct secret *oldest(struct secret *v, size_t n)
{
	struct secret *found = &v[0];
	for (size_t i = 1; i < n; i++)
		if (v[i].expires_ns < found->expires_ns)
			found = &v[i];
	return found;
}

/* Those that are alive; of more than there is room for, those that live longest. */
static void take(struct bd_http_sessions *s, const struct kept_file *f)
{
	int64_t now = bd_clock_real_ns();
	for (size_t i = 0; i < f->n; i++) {
		int64_t left = f->v[i].expires - now / SECOND;
		if (!is_secret(f->v[i].cookie) || left <= 0 || left > BD_HTTP_SESSION_S)
			continue; /* one that lives too long was made by another clock */
		struct secret *place = oldest(s->sessions, SESSIONS);
		int64_t expires_ns = f->v[i].expires * SECOND;
		if (expires_ns <= place->expires_ns)
			continue;
		memcpy(place->text, f->v[i].cookie, BD_HTTP_SECRET_LEN);
		place->expires_ns = expires_ns;
	}
}

static int load(struct bd_http_sessions *s, struct bd_error *err)
{
	bd_auto_free char *text = NULL;
	bd_auto_json cJSON *json = NULL;
	struct kept_file f;
	bd_doc_init(&kept_file_doc, &f);
	int r = read_private(s->file, &text, err);
	if (r < 0)
		return r;
	if (strlen(text) > 0 && text[0] != '{') /* before a parser that recurses */
		return bd_error_set(err, -EINVAL, "internal", NULL, "it is damaged");
	r = bd_json_parse(text, "it", &json, err);
	if (r == 0)
		r = bd_doc_decode(&kept_file_doc, json, &f, err);
	if (r < 0)
		return r;
	if (bd_streq(f.bond, s->bond))
		take(s, &f);
	else
		r = bd_error_set(err, -ESTALE, "internal", NULL, "the token or the port is another one");
	bd_doc_done(&kept_file_doc, &f);
	return r;
}

/* With the lock held. One that cannot be kept is good as long as we live. */
static void save(struct bd_http_sessions *s)
{
	int64_t now = bd_clock_real_ns();
	if (!s->file)
		return;
	struct kept_file f = {.bond = bd_strdup(s->bond)};
	for (size_t i = 0; i < SESSIONS; i++)
		if (s->sessions[i].expires_ns > now)
			*BD_PUSH(f.v, f.n) = (struct kept){bd_strdup(s->sessions[i].text),
				s->sessions[i].expires_ns / SECOND};
	bd_auto_json cJSON *json = bd_doc_encode(&kept_file_doc, &f);
	bd_auto_free char *text = bd_json_text(json);
	bd_doc_done(&kept_file_doc, &f);
	int r = bd_file_write(s->file, text, strlen(text), 0600);
	if (r < 0)
		bd_log(BD_LOG_DEBUG, "cannot write %s: %s", s->file, strerror(-r));
}

void bd_http_sessions_bind(struct bd_http_sessions *s, const char *token, int port)
{
	pthread_mutex_lock(&s->lock);
	free(s->bond);
	s->bond = bd_printf("%016llx-%d", (unsigned long long)bd_hash(token, strlen(token)), port);
	pthread_mutex_unlock(&s->lock);
}

int bd_http_sessions_new(const struct bd_http_config *config, struct bd_http_sessions **ret, struct bd_error *why)
{
	struct bd_http_sessions *s = bd_alloc(sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	s->file = bd_strdup(config->sessions_file);
	bd_http_sessions_bind(s, config->token, config->port);
	int r = s->file ? load(s, why) : 0;
	if (r < 0 && r != -ENOENT)
		unlink(s->file); /* what is not believed now is not believed later */
	*ret = s;
	return r == -ENOENT ? 0 : r;
}

void bd_http_sessions_free(struct bd_http_sessions **s)
{
	if (*s) {
		pthread_mutex_destroy(&(*s)->lock);
		free((*s)->file);
		free((*s)->bond);
	}
	bd_freep(s);
}

/* ---- codes and sessions -------------------------------------------------------------------------------------------- */

/* A new secret in the place of the one that expires first: never refused, and never more than there is room for. */
static int issue(struct secret *v, size_t n, int64_t expires_ns, char ret[BD_HTTP_SECRET_LEN], struct bd_error *err)
{
	unsigned char raw[(BD_HTTP_SECRET_LEN - 1) / 2];
	int r = bd_random_bytes(raw, sizeof raw);
	if (r < 0)
		return bd_error_set(err, r, "internal", NULL, "no random bytes: %s", strerror(-r));
	struct secret *place = oldest(v, n);
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(place->text + 2 * i, 3, "%02x", raw[i]);
	place->expires_ns = expires_ns;
	memcpy(ret, place->text, BD_HTTP_SECRET_LEN);
	return 0;
}

/* Looks at every secret, so that the time taken does not tell which one was near. One that would live longer than it
 * was given has seen the clock set back. */
static struct secret *find(struct secret *v, size_t n, const char *text, int64_t now, int64_t seconds)
{
	struct secret *found = NULL;
	for (size_t i = 0; i < n; i++)
		if (v[i].expires_ns > now && v[i].expires_ns - now <= seconds * SECOND &&
			bd_equal_secret(v[i].text, text))
			found = &v[i];
	return found;
}

int bd_http_sessions_code(struct bd_http_sessions *s, char ret_code[BD_HTTP_SECRET_LEN], struct bd_error *err)
{
	pthread_mutex_lock(&s->lock);
	int r = issue(s->codes, CODES, bd_clock_mono_ns() + BD_HTTP_CODE_S * SECOND, ret_code, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int bd_http_sessions_login(struct bd_http_sessions *s, const char *code, char ret_cookie[BD_HTTP_SECRET_LEN],
	struct bd_error *err)
{
	pthread_mutex_lock(&s->lock);
	struct secret *c = find(s->codes, CODES, code, bd_clock_mono_ns(), BD_HTTP_CODE_S);
	int r;
	if (c) {
		*c = (struct secret){0};
		r = issue(s->sessions, SESSIONS, bd_clock_real_ns() + BD_HTTP_SESSION_S * SECOND, ret_cookie, err);
		if (r == 0)
			save(s);
	} else {
		r = bd_error_set(err, -EACCES, "unauthorized", "ask for a new one: benchctl open",
			"this login code is spent, expired or none");
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

bool bd_http_sessions_has(struct bd_http_sessions *s, const char *cookie)
{
	pthread_mutex_lock(&s->lock);
	bool has = find(s->sessions, SESSIONS, cookie, bd_clock_real_ns(), BD_HTTP_SESSION_S) != NULL;
	pthread_mutex_unlock(&s->lock);
	return has;
}
