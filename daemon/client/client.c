/* Requests and their answers. */
#include "client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>

#define CALL_MS 120000L /* the slowest answer starts a worker to ask it what it offers */
#define SILENCE_S 60L   /* in the middle of an answer: then nobody is there any more */
#define REFUSAL_MAX 65536

static void init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

int client_new(const char *url, const char *token, struct bd_client **ret, struct bd_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, init);
	CURL *curl = curl_easy_init();
	if (!curl)
		return bd_error_set(err, -ENOMEM, "internal", NULL, "libcurl does not start");
	struct bd_client *c = bd_alloc(sizeof *c);
	size_t n = strlen(url);
	while (n && url[n - 1] == '/')
		n--;
	c->url = bd_strndup(url, n);
	c->token = bd_strdup(token);
	c->curl = curl;
	*ret = c;
	return 0;
}

void bd_client_free(struct bd_client **cp)
{
	struct bd_client *c = *cp;
	*cp = NULL;
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c->url);
	free(c->token);
	free(c->data);
	free(c);
}

const char *bd_client_url(const struct bd_client *c)
{
	return c->url;
}

void client_prepare(const struct bd_client *c, CURL *curl, const char *path, struct curl_slist **headers)
{
	bd_auto_free char *url = bd_printf("%s%s", c->url, path);
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "benchctl");
	if (c->token) {
		bd_auto_free char *line = bd_printf("Authorization: Bearer %s", c->token);
		*headers = curl_slist_append(*headers, line);
	}
	*headers = curl_slist_append(*headers, "Expect:"); /* no second's wait before a body */
}

int client_refusal(const struct bd_client *c, long status, const char *body, struct bd_error *err)
{
	bd_auto_json cJSON *j = body ? cJSON_Parse(body) : NULL;
	const cJSON *e = cJSON_GetObjectItemCaseSensitive(j, "error");
	const char *key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "key"));
	const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "message"));
	const char *hint = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "hint"));
	if (!key || !message)
		return bd_error_set(err, -EPROTO, "daemon-lost", "is it a benchd?",
			"%s answers with status %ld and no reason", c->url, status);
	return bd_error_set(err, bd_streq(key, "not-found") ? -ENOENT : -EREMOTEIO, key, hint, "%s", message);
}

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
	struct bd_str *b = arg;
	if (b->len + size * n > ANSWER_MAX)
		return 0;
	bd_str_append(b, data, size * n);
	return size * n;
}

static int perform(struct bd_client *c, struct bd_str *answer, long *ret_status, struct bd_error *err)
{
	char detail[CURL_ERROR_SIZE] = "";
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, c->limit_ms ? c->limit_ms : CALL_MS);
	curl_easy_setopt(c->curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, answer);
	CURLcode rc = curl_easy_perform(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
	if (rc == CURLE_OK) {
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, ret_status);
		return 0;
	}
	if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
		return bd_error_set(err, -EINVAL, "usage", "http://127.0.0.1:PORT", "'%s' is not the URL of a benchd",
			c->url);
	return bd_error_set(err, rc == CURLE_COULDNT_CONNECT ? -ECONNREFUSED : -EPIPE, "daemon-lost",
		"benchctl daemon status", "lost benchd at %s: %s", c->url, detail[0] ? detail : curl_easy_strerror(rc));
}

/* An answer that is no error. */
static int request(struct bd_client *c, const char *method, const char *path, const cJSON *body, struct bd_str *answer,
	struct bd_error *err)
{
	struct curl_slist *headers = NULL;
	bd_auto_free char *text = body ? bd_json_text(body) : NULL;
	long status = 0;
	client_prepare(c, c->curl, path, &headers);
	if (text) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
	} else if (bd_streq(method, "POST")) {
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
	}
	curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	int r = perform(c, answer, &status, err);
	curl_slist_free_all(headers);
	if (r == 0 && (status < 200 || status > 299))
		r = client_refusal(c, status, answer->s, err);
	return r;
}

int bd_client_call(struct bd_client *c, const char *method, const char *path, const cJSON *body, cJSON **ret_json,
	struct bd_error *err)
{
	bd_auto_str struct bd_str answer = {0};
	int r = request(c, method, path, body, &answer, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *json = NULL;
	if (answer.len && bd_json_parse(answer.s, "the answer of benchd", &json, NULL) < 0)
		return bd_error_set(err, -EPROTO, "daemon-lost", "is it a benchd?",
			"%s answers with something that is not JSON", c->url);
	if (ret_json)
		*ret_json = BD_TAKE_PTR(json);
	return 0;
}

int bd_client_fetch(struct bd_client *c, const char *path, const char *type, struct bd_str *ret, struct bd_error *err)
{
	bd_auto_str struct bd_str answer = {0};
	int r = request(c, "GET", path, NULL, &answer, err);
	if (r < 0)
		return r;
	char *got = NULL;
	curl_easy_getinfo(c->curl, CURLINFO_CONTENT_TYPE, &got);
	if (!got || strncasecmp(got, type, strlen(type)) != 0)
		return bd_error_set(err, -EPROTO, "daemon-lost", "is it a benchd?", "%s answers with %s, not with %s",
			c->url, got ? got : "something", type);
	*ret = answer;
	answer = (struct bd_str){0};
	return 0;
}

struct parts {
	CURL *curl;
	bd_client_part_fn fn;
	void *arg;
	struct bd_str refusal; /* body of an answer that is an error */
	int stop;              /* what fn returned */
};

static size_t take_part(char *data, size_t size, size_t n, void *arg)
{
	struct parts *p = arg;
	long status = 0;
	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status <= 299) {
		p->stop = p->fn(data, size * n, p->arg);
		return p->stop ? 0 : size * n;
	}
	if (p->refusal.len + size * n > REFUSAL_MAX)
		return 0;
	bd_str_append(&p->refusal, data, size * n);
	return size * n;
}

int bd_client_stream(struct bd_client *c, const char *path, bd_client_part_fn fn, void *arg, struct bd_error *err)
{
	struct curl_slist *headers = NULL;
	struct parts p = {.curl = c->curl, .fn = fn, .arg = arg};
	long status = 0;
	client_prepare(c, c->curl, path, &headers);
	curl_easy_setopt(c->curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_part);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &p);
	curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
	CURLcode rc = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	int r = 0;
	if (p.stop)
		r = BD_MIN(p.stop, 0);
	else if (status && (status < 200 || status > 299))
		r = client_refusal(c, status, p.refusal.s, err);
	else if (rc != CURLE_OK)
		r = bd_error_set(err, rc == CURLE_COULDNT_CONNECT ? -ECONNREFUSED : -EPIPE, "daemon-lost",
			"benchctl daemon status", "lost benchd at %s: %s", c->url, curl_easy_strerror(rc));
	bd_str_done(&p.refusal);
	return r;
}
