/* Connections on which no request has come yet. civetweb gives a thread to each and waits for BD_HTTP_TIMEOUT_MS, so a few
 * hundred that say nothing, made anew as soon as they are ended, would keep everybody else waiting for seconds. Two
 * things are done about that: the kernel keeps back connections on which nothing has come at all, and when many threads
 * wait none the less, they wait less long. A client that means it sends its request at once. */
#include "call.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define MANY (BD_HTTP_THREADS / 2)
#define PATIENCE_NS INT64_C(500000000) /* when there are many */
#define LOOK_NS INT64_C(50000000)
#define KEPT_BACK_S 3

struct bd_http_guest { /* a connection that has a thread */
	bool there, waiting;
	int peer_port; /* known when it has sent a request */
};
struct seen { /* by the port of the other side */
	int64_t since_ns;
	uint64_t look;
};
struct bd_http_crowd {
	struct bd_http *http;
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t thread;
	bool running, over;
	size_t waiting;
	struct bd_http_guest guests[BD_HTTP_THREADS];
	struct seen *seen; /* [UINT16_MAX + 1]; of those looked at, so little of it is touched */
	uint64_t look;
};

struct bd_http_guest *bd_http_crowd_enter(struct bd_http_crowd *c)
{
	struct bd_http_guest *guest = NULL;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < BD_LEN(c->guests) && !guest; i++)
		if (!c->guests[i].there)
			guest = &c->guests[i];
	if (guest) {
		*guest = (struct bd_http_guest){.there = true, .waiting = true};
		if (++c->waiting == MANY)
			pthread_cond_signal(&c->change);
	}
	pthread_mutex_unlock(&c->lock);
	return guest;
}

bool bd_http_crowd_serve(struct bd_http_crowd *c, struct bd_http_guest *guest, int peer_port)
{
	pthread_mutex_lock(&c->lock);
	bool first = guest && guest->waiting;
	if (first) {
		guest->waiting = false;
		guest->peer_port = peer_port;
		c->waiting--;
	}
	pthread_mutex_unlock(&c->lock);
	return first;
}

void bd_http_crowd_leave(struct bd_http_crowd *c, struct bd_http_guest *guest)
{
	bd_http_crowd_serve(c, guest, 0);
	pthread_mutex_lock(&c->lock);
	if (guest)
		guest->there = false;
	pthread_mutex_unlock(&c->lock);
}

/* With the lock held: a connection cannot leave, so its socket is still its own. civetweb does not say which socket waits:
 * those of which no request has come, and nothing that is still to be read. */
static void hang_up_old(int fd, const struct sockaddr_in *peer, void *arg)
{
	struct bd_http_crowd *c = arg;
	int unread = 0;
	if (!peer)
		return;
	int peer_port = ntohs(peer->sin_port);
	for (size_t i = 0; i < BD_LEN(c->guests); i++)
		if (c->guests[i].there && c->guests[i].peer_port == peer_port)
			return;
	struct seen *s = &c->seen[peer_port];
	if (s->look + 1 != c->look)
		s->since_ns = bd_clock_mono_ns();
	s->look = c->look;
	if (bd_clock_mono_ns() - s->since_ns > PATIENCE_NS && ioctl(fd, FIONREAD, &unread) == 0 && unread == 0)
		shutdown(fd, SHUT_RDWR);
}

static void *watch(void *arg)
{
	struct bd_http_crowd *c = arg;
	pthread_mutex_lock(&c->lock);
	while (!c->over) {
		if (c->waiting < MANY) {
			c->look++; /* those seen last were not seen just now */
			pthread_cond_wait(&c->change, &c->lock);
			continue;
		}
		c->look++;
		bd_http_each_socket(c->http->port, hang_up_old, c);
		pthread_mutex_unlock(&c->lock);
		bd_sleep_ns(LOOK_NS);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int bd_http_crowd_new(struct bd_http *h, struct bd_http_crowd **ret, struct bd_error *err)
{
	struct bd_http_crowd *c = bd_alloc(sizeof *c);
	c->http = h;
	c->look = 1;
	c->seen = bd_alloc((UINT16_MAX + 1) * sizeof *c->seen);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->change, NULL);
	int e = pthread_create(&c->thread, NULL, watch, c);
	c->running = e == 0;
	if (e) {
		bd_http_crowd_free(&c);
		return bd_error_set(err, -e, "internal", NULL, "cannot start a thread: %s", strerror(e));
	}
	*ret = c;
	return 0;
}

void bd_http_crowd_free(struct bd_http_crowd **cp)
{
	struct bd_http_crowd *c = *cp;
	*cp = NULL;
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->over = true;
	pthread_cond_signal(&c->change);
	pthread_mutex_unlock(&c->lock);
	if (c->running)
		pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->change);
	pthread_mutex_destroy(&c->lock);
	free(c->seen);
	free(c);
}

static void keep_back(int fd, const struct sockaddr_in *peer, void *arg)
{
	(void)arg;
	int seconds = KEPT_BACK_S;
	if (!peer && setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds) < 0)
		bd_log(BD_LOG_DEBUG, "http: silent connections are not kept back: %s", strerror(errno));
}

void bd_http_crowd_keep_back(int port)
{
	bd_http_each_socket(port, keep_back, NULL);
}
