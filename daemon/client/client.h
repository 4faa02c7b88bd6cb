/* Inside bd_client. */
#ifndef BD_CLIENT_INTERNAL_H
#define BD_CLIENT_INTERNAL_H

#include "bd_client.h"

#include <curl/curl.h>

#define CONNECT_MS 3000L
#define ANSWER_MAX (256 * 1024 * 1024)

struct bd_client {
	char *url, *token;
	char *data;    /* folder of the private daemon we found; NULL: a server that was named */
	CURL *curl;    /* for calls; an event stream has one of its own */
	long limit_ms; /* for one call; 0 = as long as the slowest answer may take */
};
int client_new(const char *url, const char *token, struct bd_client **ret, struct bd_error *err);

/* What every request has: where, who we are, no redirects, no proxy on this machine. headers is filled and to be freed
 * after the request. */
void client_prepare(const struct bd_client *c, CURL *curl, const char *path, struct curl_slist **headers);
/* After a connection that broke: 0 when a private daemon lives on our data folder, which is then the one we talk to (it
 * may have been started since), or when nothing can be known; daemon-lost when it has ended. */
int client_renew(struct bd_client *c, struct bd_error *err);
/* The error in an answer that is one. */
int client_refusal(const struct bd_client *c, long status, const char *body, struct bd_error *err);

#endif
