/* benchd: the wiring. Starts store, HTTP and engine in the order in which they can refuse, says so to whoever started
 * it, and takes them down in the order in which nobody is left without an answer. */
#include "benchd.h"
#include "bd_engine.h"
#include "bd_http.h"
#include "bd_report.h"
#include "bd_store.h"
#include "bd_traces.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#define MAP_BYTES (256 * 1024)
#define LAST_WORDS_NS INT64_C(1000000000) /* for event streams to take the end of their run */

struct daemon {
	struct options options;
	struct data data;
	struct bd_store *store;
	struct bd_http *http;
	struct bd_engine *engine;
	struct bd_traces *traces;
	char *build, *interpreters, *suites, *tracer;
};

/* ---- telling whoever started us ----------------------------------------------------------------------------------------- */

static void ready_say(struct daemon *d, const struct bd_error *err)
{
	int *fd = &d->options.ready_fd;
	if (*fd < 0)
		return;
	bd_auto_json cJSON *j = cJSON_CreateObject();
	if (err) {
		cJSON *e = cJSON_AddObjectToObject(j, "error");
		cJSON_AddStringToObject(e, "key", err->key);
		cJSON_AddStringToObject(e, "message", err->message);
		cJSON_AddStringToObject(e, "hint", err->hint);
	} else {
		bd_auto_free char *url = bd_printf("http://127.0.0.1:%d", bd_http_port(d->http));
		cJSON_AddStringToObject(j, "url", url);
		cJSON_AddNumberToObject(j, "pid", getpid());
	}
	bd_auto_free char *text = bd_json_text(j);
	bd_auto_free char *line = bd_printf("%s\n", text);
	if (write(*fd, line, strlen(line)) < 0)
		bd_log(BD_LOG_DEBUG, "whoever started this is gone");
	bd_closep(fd);
}

/* ---- callbacks ------------------------------------------------------------------------------------------------------------ */

static void on_event(const struct bd_event *event, void *arg)
{
	struct daemon *d = arg;
	if (event->kind == BD_EVENT_STATE)
		bd_log(BD_LOG_INFO, "run %s is %s%s%s", event->run_id, bd_run_state_names[event->state],
			event->reason ? ": " : "", event->reason ? event->reason->message : "");
	bd_http_event(event, d->http);
}

static void on_finished(const char *run_id, void *arg)
{
	struct daemon *d = arg;
	struct bd_error err;
	if (bd_report_finish(d->store, run_id, &err) < 0)
		bd_log(BD_LOG_WARN, "run %s has no stored document: %s", run_id,
			err.message); /* it is made on request */
	life_touch();
}

static void on_trace(const char *trace_id, bool ended, void *arg)
{
	struct daemon *d = arg;
	if (ended) {
		bd_log(BD_LOG_INFO, "trace %s has ended", trace_id);
		life_touch();
	}
	bd_http_trace_event(d->http, trace_id, ended);
}

static void on_stop(void *arg)
{
	(void)arg;
	life_stop();
}

static int64_t last_use_ns(void *arg)
{
	struct daemon *d = arg;
	if (!bd_engine_idle(d->engine) || !bd_traces_idle(d->traces) || bd_http_streams(d->http) > 0)
		return INT64_MAX;
	return bd_http_last_request_ns(d->http);
}

static bool retire(void *arg)
{
	struct daemon *d = arg;
	return bd_engine_idle(d->engine) && bd_http_retire(d->http, (int64_t)(d->options.idle_exit_s * 1e9));
}

/* ---- starting ---------------------------------------------------------------------------------------------------------------- */

/* What tells two builds apart: the version alone does not. */
static char *build_name(void)
{
	char id[64];
	if (bd_elf_build_id("/proc/self/exe", id, sizeof id) < 0)
		snprintf(id, sizeof id, "unknown");
	return bd_printf("%s-%s", BENCHD_VERSION, id);
}

/* Of a trace that the daemon before could not finish there is a document from now on, made from what it had stored. */
static void start_traces(struct daemon *d)
{
	d->tracer = bd_printf("%s/bench-tracer", bd_program_dir());
	const struct bd_traces_config config = {.tracer = d->tracer, .on_change = on_trace, .on_change_arg = d};
	bd_traces_new(&config, d->store, &d->traces);
	struct bd_error why;
	if (bd_traces_recover(d->traces, &why) < 0)
		bd_log(BD_LOG_WARN, "a trace has no document: %s", why.message); /* tried again at the next start */
}

static int start_engine(struct daemon *d, struct bd_error *err)
{
	int worker_log = log_workers_open(err);
	if (worker_log < 0)
		return worker_log;
	d->interpreters = bd_program_file("lib/benchd/interpreters", NULL);
	d->suites = bd_program_file("share/benchd/suites", NULL);
	if (!d->suites)
		return bd_error_set(err, -ENOENT, "internal", "install benchd again",
			"the suites are missing beside %s", bd_program_dir());
	const struct bd_engine_config config = {.data = d->data.dir,
		.interpreters = d->interpreters ? d->interpreters : "",
		.tracer = d->tracer,
		.suites = d->suites,
		.worker_log_fd = worker_log,
		.on_event = on_event,
		.on_event_arg = d,
		.on_finished = on_finished};
	return bd_engine_new(&config, d->store, &d->engine, err);
}

/* At the port that was asked for; else where pages that are open look for us, or else anywhere. */
static int start_http(struct daemon *d, struct bd_error *err)
{
	const bool asked = d->options.port != PORT_LAST;
	struct bd_http_config config = {.port = asked ? d->options.port : d->data.port,
		.token = d->data.token,
		.sessions_file = d->data.sessions_file,
		.store = d->store,
		.version = BENCHD_VERSION,
		.build = d->build,
		.data = d->data.dir,
		.token_file = d->data.token_file,
		.on_stop = on_stop,
		.arg = d};
	int r = bd_http_start(&config, &d->http, err);
	if (r < 0 && !asked && config.port) {
		bd_log(BD_LOG_INFO, "port %d is taken", config.port);
		config.port = 0;
		r = bd_http_start(&config, &d->http, err);
	}
	if (r == 0 && bd_http_warning(d->http))
		bd_log(BD_LOG_WARN, "%s", bd_http_warning(d->http));
	return r;
}

static int start(struct daemon *d, struct bd_error *err)
{
	int r = data_open(d->options.data, &d->data, err);
	if (r == 0 && !d->options.foreground)
		r = log_open(d->data.dir, d->options.log_level, err);
	if (r < 0)
		return r;
	if (d->options.foreground)
		bd_log_to(STDERR_FILENO, d->options.log_level);
	d->build = build_name();
	bd_log(BD_LOG_INFO, "benchd %s starts on %s", d->build, d->data.dir);
	r = bd_store_open(d->data.dir, &d->store, err);
	if (r == 0)
		r = bd_store_recover(d->store, err);
	if (r < 0)
		return r;
	/* of runs that the daemon before could not finish: from now on they are as whole as they get */
	struct bd_error why;
	if (bd_report_recover(d->store, &why) < 0)
		bd_log(BD_LOG_WARN, "a run has no stored document: %s", why.message); /* it is made on request */
	start_traces(d);
	r = start_http(d, err);
	if (r == 0)
		r = start_engine(d, err);
	if (r < 0)
		return r;
	bd_http_set_traces(d->http, d->traces);
	bd_http_set_engine(d->http, d->engine);
	r = data_announce(&d->data, bd_http_port(d->http), d->build, err);
	if (r == 0)
		bd_log(BD_LOG_INFO, "serving http://127.0.0.1:%d", bd_http_port(d->http));
	return r;
}

/* ---- ending -------------------------------------------------------------------------------------------------------------------- */

static void stop(struct daemon *d)
{
	data_withdraw(&d->data);
	if (d->http) {
		bd_http_set_engine(d->http, NULL);
		bd_http_set_traces(d->http, NULL);
	}
	/* what is in progress becomes interrupted, and its streams are told */
	bd_traces_free(&d->traces);
	bd_engine_free(&d->engine);
	int64_t end = bd_clock_mono_ns() + LAST_WORDS_NS;
	while (d->http && bd_http_streams(d->http) > 0 && bd_clock_mono_ns() < end)
		bd_sleep_ns(5000000);
	bd_http_stop(&d->http);
	bd_store_free(&d->store);
	free(d->build);
	free(d->interpreters);
	free(d->suites);
	free(d->tracer);
}

static int fail(struct daemon *d, const struct bd_error *err)
{
	fprintf(stderr, err->hint[0] ? "benchd: %s (%s)\n" : "benchd: %s%s\n", err->message, err->hint);
	if (log_is_open())
		bd_log(BD_LOG_ERROR, "%s", err->message);
	ready_say(d, err);
	return bd_error_kind(err->key)->exit_status;
}

/* A thread per connection, and each takes the memory for an answer and gives it back: with a heap for every few threads,
 * all of them grow to the largest answer there was. One heap is no bottleneck for what is asked here. What is large is
 * mapped by itself and returned at once, and so is a free end of the heap. */
static void keep_small(char **argv)
{
	/* What each thread keeps for itself of all sizes it ever freed, 220 kB of 128 threads, can be had only at the start. */
	static const char tunables[] = "GLIBC_TUNABLES";
	char self[4096];
	ssize_t n = getenv(tunables) ? -1 : readlink("/proc/self/exe", self, sizeof self - 1);
	if (n > 0) {
		self[n] = 0;
		setenv(tunables, "glibc.malloc.tcache_count=0", 1);
		execv(self, argv); /* when it fails there is just more memory in use */
	}
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, MAP_BYTES);
}

int main(int argc, char **argv)
{
	keep_small(argv);
	bd_open_standard();
	struct daemon d = {.data = DATA_NONE};
	struct bd_error err = {0};
	int status = BD_EXIT_OK, r = options_read(&d.options, argc, argv, &err);
	if (d.options.ready_fd >= 0)
		fcntl(d.options.ready_fd, F_SETFD, FD_CLOEXEC);
	if (r < 0) {
		status = fail(&d, &err);
	} else if (d.options.help || d.options.manual) {
		bd_auto_str struct bd_str text = {0};
		(d.options.help ? options_help : options_manual)(&text);
		fputs(text.s, stdout);
	} else if (d.options.version) {
		puts("benchd " BENCHD_VERSION);
	} else {
		r = life_init(&err);
		if (r == 0)
			r = start(&d, &err);
		if (r < 0) {
			status = fail(&d, &err);
		} else {
			ready_say(&d, NULL);
			const struct life life = {.idle_exit_s = d.options.idle_exit_s,
				.last_use_ns = last_use_ns,
				.retire = retire,
				.arg = &d};
			const char *why = life_wait(&life);
			bd_log(BD_LOG_INFO, "ending: %s", why);
			life_ending();
		}
		stop(&d);
		log_close();
	}
	data_done(&d.data); /* the lock goes last: who waits for it may start */
	options_done(&d.options);
	return status;
}
