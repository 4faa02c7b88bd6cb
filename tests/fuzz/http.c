/* Whole requests to a real server in this process: civetweb, router, engine and store behind it. Workers are scripts, the
 * machine's turn to measure never comes, so a run that is asked for waits until it is cancelled here.
 *
 * The first character says by its bits which headers are put behind the first line: 1 the right Host, 2 the token, 4 JSON
 * with its length, 8 the cookie of a browser session, 16 the own Origin. The rest is the request. */
#include "bd_fuzz.h"
#include "bd_http.h"

#include "../../daemon/engine/engine_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN "t"
#define RUN "01J00000000000000000000000"

static char folder[] = "/dev/shm/bd-fuzz-http-XXXXXX";
static struct bd_store *store;
static struct bd_engine *engine;
static struct bd_http *http;
static char cookie[80];

/* In place of the one of machine_lock.c: somebody else measures. */
int machine_lock_try(const char *data, int64_t *ret_holder)
{
	(void)data;
	*ret_holder = 1;
	return -EWOULDBLOCK;
}

/* ---- the server ---------------------------------------------------------------------------------------------- */

static const char worker[] =
	"#!/bin/sh\n"
	"read -r hello <&3\n"
	"echo '{\"type\":\"ready\",\"protocol\":1,\"pid\":'$$',\"cap_eff\":\"0\",\"no_new_privs\":1,\"python\":\"3.11.2\"}' >&4\n"
	"read -r describe <&3\n"
	"echo '{\"type\":\"catalogue\",\"cases\":[{\"name\":\"gil-contention\",\"summary\":\"s\",\"shape\":\"contended\","
	"\"params\":[{\"name\":\"gil\",\"values\":[\"hold\",\"release\"]},{\"name\":\"u\",\"values\":[\"1us\",\"10us\",\"100us\"]}]},"
	"{\"name\":\"empty-loop\",\"summary\":\"s\",\"shape\":\"iterations\",\"plain\":\"plain\",\"params\":[]}],"
	"\"bindings\":[{\"name\":\"capi\",\"variants\":[\"fastcall\",\"varargs\"]},"
	"{\"name\":\"cffi\",\"variants\":[\"api\"],\"unsupported\":{\"key\":\"no-cffi\",\"message\":\"m\"}}]}' >&4\n";

static void make(const char *path, const char *text, mode_t mode)
{
	bd_auto_free char *file = bd_printf("%s/%s", folder, path);
	BD_FUZZ_CHECK(bd_file_write(file, text, strlen(text), mode) == 0);
}

static void make_folder(const char *path)
{
	bd_auto_free char *full = bd_printf("%s/%s", folder, path);
	BD_FUZZ_CHECK(mkdir(full, 0700) == 0);
}

static void on_event(const struct bd_event *event, void *arg)
{
	(void)arg;
	bd_http_event(event, http);
}

static void on_finished(const char *run_id, void *arg)
{
	(void)arg;
	BD_FUZZ_CHECK(bd_report_finish(store, run_id, NULL) == 0);
}

static void on_stop(void *arg)
{
	(void)arg;
}

/* A finished run of one cell with one sample; requests may delete it. */
static void make_run(void)
{
	struct bd_error err;
	struct bd_run run = {0};
	if (bd_store_run_get(store, RUN, &run, &err) == 0) {
		bd_run_done(&run);
		return;
	}
	struct bd_cell cell = {.case_name = (char *)"gil-contention",
		.id = (char *)"gil-contention/threads=1",
		.reference = -1,
		.scaling = -1,
		.twin = -1,
		.role = (char *)"cell",
		.status = BD_CELL_OK,
		.iterations = 100};
	bd_axes_set(&cell.axes, "python", "3.11.2");
	bd_axes_set(&cell.axes, "threads", "1");
	run = (struct bd_run){.id = (char *)RUN,
		.suite = (char *)"gil-contention",
		.state = BD_RUN_COMPLETE,
		.created_ns = 1767323045000000000,
		.started_ns = 1767323045000000000,
		.finished_ns = 1767323046000000000,
		.wall_s = 1,
		.setup_s = 0.5,
		.measure_s = 0.5,
		.batch_s = 0.25,
		.seed = 1,
		.launches = 1,
		.rounds = 1,
		.cells = 1};
	struct bd_sample_thread thread = {.tid = 1, .ops = 100, .cpu_ns = 1000000};
	const struct bd_sample sample = {.wall_ns = 1000000,
		.probe_ns = {50000, 50001},
		.threads = &thread,
		.threads_len = 1};
	BD_FUZZ_CHECK(bd_store_run_create(store, &run, &cell, 1, &err) == 0);
	BD_FUZZ_CHECK(bd_store_round_put(store, RUN, &sample, 1, &err) == 0);
	BD_FUZZ_CHECK(bd_report_finish(store, RUN, &err) == 0);
	bd_axes_done(&cell.axes);
}

static void tidy(void)
{
	bd_http_set_engine(http, NULL);
	bd_engine_free(&engine);
	bd_http_stop(&http);
	bd_store_free(&store);
	bd_auto_free char *rm = bd_printf("rm -r %s", folder);
	BD_FUZZ_CHECK(system(rm) == 0);
}

/* ---- the client ---------------------------------------------------------------------------------------------- */

static void say(int fd, const void *p, size_t n)
{
	const char *at = p;
	while (n) {
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);
		if (k <= 0)
			break; /* it may be refused before all of it was said */
		at += k;
		n -= (size_t)k;
	}
	shutdown(fd, SHUT_WR);
}

/* The first bytes of the answer; all of it is read. */
static char *ask(const void *request, size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)bd_http_port(http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval patience = {.tv_usec = 300000}; /* for the event streams of runs that wait */
	bd_auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	BD_FUZZ_CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
	/* from another address each time: closed connections keep their port for a minute, and here it takes less to use up
	 * all those of one address */
	static uint32_t from = 0;
	const int later = 1;
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + from++ % 1000)};
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later, sizeof later);
	BD_FUZZ_CHECK(bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
	BD_FUZZ_CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	say(fd, request, len);
	struct bd_str answer = {0};
	char chunk[16384];
	for (ssize_t k; (k = recv(fd, chunk, sizeof chunk, 0)) > 0;)
		if (answer.len < sizeof chunk)
			bd_str_append(&answer, chunk, (size_t)k);
	return bd_str_take(&answer);
}

static void check_answer(const char *answer)
{
	if (!*answer)
		return;
	BD_FUZZ_CHECK(bd_starts_with(answer, "HTTP/1.1 "));
	int status = atoi(answer + 9);
	BD_FUZZ_CHECK((status >= 100 && status < 500) || status == 503);
	const char *body = strstr(answer, "\r\n\r\n");
	BD_FUZZ_CHECK(body);
	if (status < 400 || !body[4]) /* empty: to HEAD */
		return;
	const char *html = strstr(answer, "\r\nContent-Type: text/html");
	if (html && html < body) { /* to who prefers it: the dashboard's view of nothing */
		BD_FUZZ_CHECK(status == 404);
		return;
	}
	bd_auto_json cJSON *j = cJSON_Parse(body + 4);
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(j, "error");
	BD_FUZZ_CHECK(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(error, "key")));
}

/* Behind the first line, what the bits ask for. */
static void request(unsigned bits, const char *text, size_t len, struct bd_str *ret)
{
	const char *line = memmem(text, len, "\r\n", 2), *head = memmem(text, len, "\r\n\r\n", 4);
	size_t first = line ? (size_t)(line - text) + 2 : 0;
	bd_str_append(ret, text, first);
	if (bits & 1)
		bd_str_printf(ret, "Host: 127.0.0.1:%d\r\n", bd_http_port(http));
	if (bits & 2)
		bd_str_puts(ret, "Authorization: Bearer " TOKEN "\r\n");
	if (bits & 4 && head)
		bd_str_printf(ret, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			len - (size_t)(head + 4 - text));
	if (bits & 8)
		bd_str_printf(ret, "Cookie: benchd_session_%d=%s\r\n", bd_http_port(http), cookie);
	if (bits & 16)
		bd_str_printf(ret, "Origin: http://127.0.0.1:%d\r\n", bd_http_port(http));
	bd_str_append(ret, text + first, len - first);
}

static char *ask_text(unsigned bits, const char *text)
{
	bd_auto_str struct bd_str r = {0};
	request(bits, text, strlen(text), &r);
	return ask(r.s, r.len);
}

static void log_in(void)
{
	bd_auto_free char *made = ask_text(1 | 2 | 4, "POST /api/v1/sessions HTTP/1.1\r\n\r\n{}");
	const char *code = strstr(made, "\"code\":\"");
	BD_FUZZ_CHECK(code);
	bd_auto_free char *login = bd_printf("POST /login HTTP/1.1\r\n\r\n{\"code\":\"%.64s\"}", code + 8);
	bd_auto_free char *answer = ask_text(1 | 4 | 16, login);
	const char *at = strstr(answer, "benchd_session_");
	BD_FUZZ_CHECK(at && sscanf(at, "benchd_session_%*d=%79[0-9a-f]", cookie) == 1);
}

/* ---- ----------------------------------------------------------------------------------------------------------- */

void bd_fuzz_begin(void)
{
	struct bd_error err;
	BD_FUZZ_CHECK(mkdtemp(folder));
	make_folder("data");
	make_folder("interpreters");
	make_folder("interpreters/3.11.2");
	make("interpreters/3.11.2/interpreter.json", "{\"id\":\"3.11.2\",\"default\":true}", 0600);
	make("interpreters/3.11.2/bench-worker", worker, 0700);
	bd_log_to(-1, BD_LOG_ERROR);
	bd_auto_free char *data = bd_printf("%s/data", folder), *interpreters = bd_printf("%s/interpreters", folder),
			  *suites = bd_program_file("share/benchd/suites", NULL);
	BD_FUZZ_CHECK(suites && bd_store_open(data, &store, &err) == 0);
	static char kept[64];
	snprintf(kept, sizeof kept, "%s", data);
	const struct bd_engine_config config = {.data = data,
		.interpreters = interpreters,
		.tracer = "/nonexistent/bench-tracer",
		.suites = suites,
		.worker_log_fd = -1,
		.on_event = on_event,
		.on_finished = on_finished};
	BD_FUZZ_CHECK(bd_engine_new(&config, store, &engine, &err) == 0);
	const struct bd_http_config server = {.token = TOKEN,
		.store = store,
		.engine = engine,
		.version = "0",
		.build = "0",
		.data = kept,
		.token_file = "/nonexistent",
		.on_stop = on_stop};
	BD_FUZZ_CHECK(bd_http_start(&server, &http, &err) == 0);
	atexit(tidy);
	make_run();
	log_in();
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	if (!len)
		return;
	bd_auto_str struct bd_str r = {0};
	request(data[0], (const char *)data + 1, len - 1, &r);
	bd_auto_free char *answer = ask(r.s, r.len);
	check_answer(answer);
	char id[BD_ULID_LEN];
	while (!bd_engine_idle(engine)) {
		bd_engine_current(engine, id);
		if (id[0])
			bd_engine_cancel(engine, id, NULL);
	}
	make_run();
}
