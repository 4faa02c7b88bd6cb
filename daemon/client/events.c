/* The event stream of a run, across broken connections. */
#include "client.h"

#include <errno.h>
#include <stdio.h>

#define LOST_NS INT64_C(10000000000)
#define AGAIN_MS 200
#define POLL_MS 100
#define LINE_MAX_BYTES (16 * 1024 * 1024)

struct stream {
	struct bd_client *client;
	bd_client_event_fn fn;
	void *arg;
	CURL *curl;
	struct bd_str line, data; /* being received */
	char type[32];
	char last_id[32];
	bool final;            /* the run's last state was seen */
	bool heard;            /* something came over this connection */
	int stop;              /* what fn returned */
	struct bd_str refusal; /* body of an answer that is no stream */
};

/* May be set by another thread, or by a signal. */
static bool cancelled(const volatile int *cancel)
{
	return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED);
}

static bool is_final(const cJSON *data)
{
	static const char *const final[] = {"complete", "interrupted", "failed", "cancelled"};
	const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "state"));
	for (size_t i = 0; i < BD_LEN(final); i++)
		if (bd_streq(state, final[i]))
			return true;
	return false;
}

static void dispatch(struct stream *s)
{
	if (s->data.len) {
		bd_auto_json cJSON *j = cJSON_Parse(s->data.s);
		if (j && !s->final) {
			s->stop = s->fn(s->type, j, s->arg);
			s->final = bd_streq(s->type, "state") && is_final(j);
		}
	}
	bd_str_clear(&s->data);
	s->type[0] = 0;
}

static void field(struct stream *s, const char *line)
{
	const char *colon = strchr(line, ':');
	size_t n = colon ? (size_t)(colon - line) : strlen(line);
	const char *value = colon ? colon + 1 + (colon[1] == ' ') : "";
	if (n == 5 && strncmp(line, "event", n) == 0)
		snprintf(s->type, sizeof s->type, "%s", value);
	else if (n == 2 && strncmp(line, "id", n) == 0)
		snprintf(s->last_id, sizeof s->last_id, "%s", value);
	else if (n == 4 && strncmp(line, "data", n) == 0) {
		if (s->data.len)
			bd_str_puts(&s->data, "\n");
		bd_str_puts(&s->data, value);
	}
}

static size_t receive(char *p, size_t size, size_t n, void *arg)
{
	struct stream *s = arg;
	size_t len = size * n;
	long status = 0;
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		bd_str_append(&s->refusal, p, BD_MIN(len, (size_t)65536));
		return s->refusal.len > 65536 ? 0 : len;
	}
	s->heard = true;
	for (const char *end = p + len; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		bd_str_append(&s->line, p, (size_t)((newline ? newline : end) - p));
		if (s->line.len > LINE_MAX_BYTES)
			return 0;
		if (!newline)
			break;
		p += (newline - p) + 1;
		while (s->line.len && s->line.s[s->line.len - 1] == '\r')
			s->line.s[--s->line.len] = 0;
		if (s->line.len)
			field(s, s->line.s);
		else
			dispatch(s);
		bd_str_clear(&s->line);
		if (s->stop || s->final)
			return 0; /* ends the transfer */
	}
	return len;
}

/* One connection until it ends. 0, or -EINTR when *cancel was set, or the transfer's error. */
static int transfer(struct stream *s, const volatile int *cancel, struct bd_error *err)
{
	CURLM *multi = curl_multi_init();
	int running = 1, r = 0;
	curl_multi_add_handle(multi, s->curl);
	while (running && r == 0) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			r = -EIO;
		else if (cancelled(cancel))
			r = bd_error_set(err, -EINTR, "cancelled", NULL, "cancelled");
		else if (running)
			curl_multi_poll(multi, NULL, 0, POLL_MS, NULL);
	}
	CURLMsg *m;
	int left;
	while (r == 0 && (m = curl_multi_info_read(multi, &left)))
		if (m->msg == CURLMSG_DONE && m->data.result != CURLE_OK && !s->stop && !s->final)
			r = bd_error_set(err, -EPIPE, "daemon-lost", "benchctl daemon status", "lost benchd at %s: %s",
				s->client->url, curl_easy_strerror(m->data.result));
	curl_multi_remove_handle(multi, s->curl);
	curl_multi_cleanup(multi);
	return r;
}

static int connect_once(struct stream *s, const char *path, const volatile int *cancel, long *ret_status,
	struct bd_error *err)
{
	struct curl_slist *headers = NULL;
	client_prepare(s->client, s->curl, path, &headers);
	headers = curl_slist_append(headers, "Accept: text/event-stream");
	if (s->last_id[0]) {
		bd_auto_free char *line = bd_printf("Last-Event-ID: %s", s->last_id);
		headers = curl_slist_append(headers, line);
	}
	curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
	/* the daemon sends a sign of life every 15 s; half a minute of silence is a dead one */
	curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_TIME, 40L);
	bd_str_clear(&s->line);
	bd_str_clear(&s->data);
	bd_str_clear(&s->refusal);
	s->heard = false;
	int r = transfer(s, cancel, err);
	*ret_status = 0;
	if (r == 0)
		curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, ret_status);
	curl_slist_free_all(headers);
	return r;
}

static int follow(struct stream *s, const char *path, const volatile int *cancel, struct bd_error *err)
{
	int64_t lost_since = 0;
	for (;;) {
		struct bd_error why = {0};
		long status;
		int r = connect_once(s, path, cancel, &status, &why);
		if (r == 0 && s->stop)
			return s->stop;
		if (r == 0 && (s->final || status == 204))
			return 0;
		if (r == 0 && status != 200) {
			r = client_refusal(s->client, status, s->refusal.s, &why);
			if (status == 503)
				r = -EAGAIN; /* too many streams, or a daemon that is about to go: for a while */
		} else if (r == 0) {
			r = bd_error_set(&why, -EPIPE, "daemon-lost", "benchctl daemon status",
				"benchd at %s ended the stream before the run", s->client->url);
		}
		int64_t now = bd_clock_mono_ns();
		if (s->heard || !lost_since)
			lost_since = now;
		if ((r != -EPIPE && r != -EAGAIN) || now - lost_since > LOST_NS) {
			if (err)
				*err = why;
			return r;
		}
		for (int ms = 0; ms < AGAIN_MS && !cancelled(cancel); ms += 20)
			bd_sleep_ns(20000000);
		/* after the pause: one that dies closes its connections a moment before its lock */
		r = client_renew(s->client, err);
		if (r < 0)
			return r;
	}
}

int bd_client_events(struct bd_client *c, const char *path, bd_client_event_fn fn, void *arg,
	const volatile int *cancel, struct bd_error *err)
{
	struct stream s = {.client = c, .fn = fn, .arg = arg, .curl = curl_easy_init()};
	if (!s.curl)
		return bd_error_set(err, -ENOMEM, "internal", NULL, "libcurl does not start");
	int r = follow(&s, path, cancel, err);
	curl_easy_cleanup(s.curl);
	bd_str_done(&s.line);
	bd_str_done(&s.data);
	bd_str_done(&s.refusal);
	return r;
}
