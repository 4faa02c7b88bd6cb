/* One mistake per word: what a sanitizer must find, and `none`, in which it must find nothing. */
#include <arpa/inet.h>
#include <civetweb.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile int zero; /* not known to the compiler */
static int shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *volatile kept;

static int overflow(void)
{
	char *text = malloc(8);
	memset(text, 'x', 8);
	int c = text[8 + zero];
	free(text);
	return c;
}

static int after_free(void)
{
	char *text = malloc(8);
	memset(text, 'x', 8);
	free(text);
	return text[zero];
}

__attribute__((noinline)) static char *own_frame(void)
{
	char text[8];
	memset(text, 'x', sizeof text);
	kept = text;
	return kept;
}

static int after_return(void)
{
	return own_frame()[zero];
}

static int leak(void)
{
	kept = malloc(8);
	kept[0] = 'x';
	kept = NULL;
	return 0;
}

static int undefined(void)
{
	int large = 0x7fffffff - zero;
	return large + 1 + zero > 0;
}

/* ---- two threads ------------------------------------------------------------------------------------------- */

static void *count(void *locked)
{
	if (locked)
		pthread_mutex_lock(&lock);
	shared++;
	if (locked)
		pthread_mutex_unlock(&lock);
	return NULL;
}

static int both(void *locked)
{
	pthread_t a, b;
	if (pthread_create(&a, NULL, count, locked) != 0 || pthread_create(&b, NULL, count, locked) != 0)
		return 1;
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	return 0;
}

/* Called by civetweb's threads, and civetweb is not instrumented. Two calls meet here, in a way that orders nothing: else
 * the locks of civetweb's queue might order them. */
static int on_request(struct mg_connection *connection)
{
	static atomic_int met;
	count(mg_get_user_data(mg_get_context(connection)));
	for (atomic_fetch_add_explicit(&met, 1, memory_order_relaxed);
		atomic_load_explicit(&met, memory_order_relaxed) < 2;)
		sched_yield();
	mg_printf(connection, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	return 204;
}

static int ask(int port)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0 || write(fd, text, strlen(text)) < 0)
		return -1;
	return fd;
}

static int in_server(void *locked)
{
	const char *options[] = {"listening_ports", "127.0.0.1:0", "num_threads", "2", NULL};
	const struct mg_callbacks callbacks = {.begin_request = on_request};
	struct mg_server_port got;
	mg_init_library(0);
	struct mg_context *server = mg_start(&callbacks, locked, options);
	if (!server || mg_get_server_ports(server, 1, &got) != 1)
		return 1;
	int status = 0, fd[8];
	for (size_t i = 0; i < sizeof fd / sizeof fd[0]; i++)
		status |= (fd[i] = ask(got.port)) < 0;
	for (size_t i = 0; i < sizeof fd / sizeof fd[0]; i++) {
		char answer[256];
		status |= read(fd[i], answer, sizeof answer) <= 0;
		close(fd[i]);
	}
	mg_stop(server);
	mg_exit_library();
	return status;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "overflow") == 0)
		return overflow() == 1;
	if (strcmp(what, "after-free") == 0)
		return after_free() == 1;
	if (strcmp(what, "after-return") == 0)
		return after_return() == 1;
	if (strcmp(what, "leak") == 0)
		return leak();
	if (strcmp(what, "undefined") == 0)
		return undefined() == 2;
	if (strcmp(what, "race") == 0)
		return both(NULL);
	if (strcmp(what, "race-in-server") == 0)
		return in_server(NULL);
	if (strcmp(what, "none") == 0)
		return both(&lock) + in_server(&lock);
	return 64;
}
