/* Asking for a run and staying with it to its end: what `run` and `ab` share. */
#include "measure.h"
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* ---- Ctrl-C ------------------------------------------------------------------------------------------------- */

static volatile int interrupted;
static bool stderr_is_terminal;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	if (interrupted) {
		if (stderr_is_terminal && write(STDERR_FILENO, "\r\033[K", 4) < 0)
			_exit(BD_EXIT_UNDECIDED);
		_exit(BD_EXIT_UNDECIDED); /* the second time: at once */
	}
	interrupted = 1;
}

/* From here on the first Ctrl-C cancels the run instead of ending this program. */
static void catch_interrupt(const struct bd_ctl *ctl)
{
	struct sigaction sa = {.sa_handler = on_interrupt};
	stderr_is_terminal = ctl->err.terminal;
	sigaction(SIGINT, &sa, NULL);
}

/* ---- the request -------------------------------------------------------------------------------------------- */

static void add_axis(struct bd_request *rq, const char *name, const struct bd_strv *values)
{
	if (!values->n)
		return;
	bd_auto_strv struct bd_strv all = {0};
	const struct bd_choice *known = bd_choices_get(&rq->axes, name);
	for (size_t i = 0; known && i < known->values.n; i++)
		bd_strv_add(&all, known->values.v[i]);
	for (size_t i = 0; i < values->n; i++)
		if (!bd_strv_has(&all, values->v[i]))
			bd_strv_add(&all, values->v[i]);
	bd_choices_set(&rq->axes, name, &all);
}

static void fill_axes(struct bd_request *rq, const struct bd_words *w)
{
	static const char *const shorthands[] = {"threads", "allocator", "objalloc", "binding", "python"};
	for (size_t i = 0; i < BD_LEN(shorthands); i++) {
		bd_auto_strv struct bd_strv values = {0};
		bd_words_list(w, shorthands[i], &values);
		add_axis(rq, shorthands[i], &values);
	}
	for (size_t i = 0; i < w->n; i++) {
		if (!bd_streq(w->v[i].option->name, "axis"))
			continue;
		const char *text = w->v[i].value, *equals = strchr(text, '=');
		bd_auto_free char *name = bd_strndup(text, (size_t)(equals - text));
		bd_auto_strv struct bd_strv values = {0};
		bd_strv_split(&values, equals + 1, ',');
		add_axis(rq, name, &values);
	}
}

void measure_request(struct bd_request *rq, const struct bd_words *w)
{
	fill_axes(rq, w);
	bd_words_list(w, "case", &rq->cases);
	rq->budget_s = bd_words_seconds(w, "budget");
	rq->precision = bd_words_part(w, "precision");
	rq->equivalence = bd_words_part(w, "equivalence");
	rq->launches = bd_words_whole(w, "launches");
	rq->rounds = bd_words_whole(w, "rounds");
	rq->seed = bd_words_whole(w, "seed");
	rq->trace = bd_strdup(bd_words_text(w, "trace"));
	bd_words_pairs(w, "label", &rq->labels);
	bd_words_pairs(w, "env", &rq->env);
	rq->wait_s = bd_words_seconds(w, "wait");
	rq->dry_run = bd_words_flag(w, "dry-run");
}

/* ---- suites of benchd.json ---------------------------------------------------------------------------------- */

static void take_suite(const struct config *config, const struct config_suite *suite, struct bd_request *rq,
	struct measure_target *ret)
{
	for (size_t i = 0; i < suite->axes.n; i++)
		if (!bd_choices_get(&rq->axes, suite->axes.v[i].name))
			bd_choices_set(&rq->axes, suite->axes.v[i].name, &suite->axes.v[i].values);
	if (isnan(rq->budget_s))
		rq->budget_s = suite->budget_s;
	*ret = (struct measure_target){bd_strdup(suite->target), bd_strdup(config->folder), bd_strdup(suite->name)};
}

int measure_target(const struct bd_words *w, struct bd_request *rq, struct measure_target *ret, struct bd_error *err)
{
	const char *word = w->operands.n ? w->operands.v[0] : NULL;
	struct measure_target t = {.word = bd_strdup(word)};
	/* what can only be a path, and a suite of our own, need no file to be read */
	if (word && !target_is_path(word, NULL, 0, false) && !target_is_suite(word)) {
		auto_config struct config config = {0};
		int r = config_load(NULL, &config, err);
		if (r < 0) {
			measure_target_done(&t);
			return r;
		}
		const struct config_suite *suite = config_suite(&config, word);
		if (suite) {
			measure_target_done(&t);
			take_suite(&config, suite, rq, &t);
		}
	}
	*ret = t;
	return 0;
}

void measure_target_done(struct measure_target *t)
{
	free(t->word);
	free(t->folder);
	free(t->name);
	*t = (struct measure_target){0};
}

/* ---- the virtual environment of this shell ------------------------------------------------------------------ */

/* The id of the interpreter that this program is; NULL when the daemon has none of it. Caller frees. */
static char *interpreter_of(const cJSON *pythons, const char *program)
{
	bd_auto_free char *real = realpath(program, NULL);
	const cJSON *p;
	cJSON_ArrayForEach(p, pythons) {
		const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "id")),
			   *executable = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(p, "executable"));
		bd_auto_free char *own = executable ? realpath(executable, NULL) : NULL;
		if (real && own && id && bd_streq(real, own) && !strchr(id, '+'))
			return bd_strdup(id);
	}
	return NULL;
}

int measure_venv(const struct bd_ctl *ctl, struct bd_client *c, struct bd_request *rq, struct bd_registered *targets,
	size_t n, struct bd_error *err)
{
	const char *folder = getenv("VIRTUAL_ENV");
	bd_auto_free char *python = folder && folder[0] == '/' ? bd_printf("%s/bin/python", folder) : NULL, *id = NULL;
	bd_auto_json cJSON *answer = NULL;
	if (!bd_streq(targets[0].kind, "python") || !python || access(python, X_OK) < 0 ||
		bd_choices_get(&rq->axes, "python"))
		return 0;
	int r = bd_client_call(c, "GET", "/api/v1/pythons", NULL, &answer, err);
	if (r < 0)
		return r;
	id = interpreter_of(cJSON_GetObjectItemCaseSensitive(answer, "pythons"), python);
	if (!id) {
		bd_ctl_note(ctl,
			"measured without the packages of %s, whose interpreter benchd has no worker for (benchctl "
			"python add %s)",
			folder, python);
		return 0;
	}
	bd_auto_strv struct bd_strv values = {0};
	bd_strv_add(&values, id);
	bd_choices_set(&rq->axes, "python", &values);
	for (size_t i = 0; i < n; i++) {
		bd_map_set(&targets[i].env, "VIRTUAL_ENV", folder);
		bd_map_set(&targets[i].env, "BENCHD_PYTHON", python);
	}
	return 0;
}

/* ---- following ---------------------------------------------------------------------------------------------- */

struct follow {
	struct bd_live *live;
	bool ended;
};

static int on_event(const char *type, const cJSON *data, void *arg)
{
	struct follow *f = arg;
	bd_live_event(f->live, type, data);
	if (bd_streq(type, "state")) {
		const cJSON *state = cJSON_GetObjectItemCaseSensitive(data, "state");
		f->ended = cJSON_IsString(state) && bd_run_ended(state->valuestring);
	}
	return f->ended ? 1 : 0;
}

/* The run as the daemon tells it now. */
static int get_run(struct bd_client *c, const char *id, cJSON **ret, struct bd_run_document *ret_doc,
	struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("/api/v1/runs/%s", id);
	bd_auto_json cJSON *json = NULL;
	int r = bd_client_call(c, "GET", path, NULL, &json, err);
	if (r == 0)
		r = bd_doc_decode(&bd_run_document_doc, json, ret_doc, err);
	if (r == 0)
		*ret = BD_TAKE_PTR(json);
	return r;
}

static int cancel(struct bd_client *c, const char *id, struct bd_live *live, const char *stopping, struct bd_error *err)
{
	bd_live_note(live, "benchctl: %s (Ctrl-C again leaves at once)",
		stopping ? stopping : "stopping after the batch in flight; what was measured is kept");
	bd_auto_free char *path = bd_printf("/api/v1/runs/%s/cancel", id);
	struct bd_error e;
	int r = bd_client_call(c, "POST", path, NULL, NULL, &e);
	if (r < 0 && !bd_streq(e.key, "conflict")) { /* conflict: it ended on its own meanwhile */
		if (err)
			*err = e;
		return r;
	}
	return 0;
}

/* Until the run has ended. A stream that ends early is opened again. */
static int follow(struct bd_client *c, const char *id, struct bd_live *live, const char *stopping, struct bd_error *err)
{
	static const volatile int never;
	bd_auto_free char *path = bd_printf("/api/v1/runs/%s/events", id);
	struct follow f = {.live = live};
	bool cancelled = false;
	while (!f.ended) {
		int64_t begun = bd_clock_mono_ns();
		int r = bd_client_events(c, path, on_event, &f, cancelled ? &never : &interrupted, err);
		if (f.ended)
			break;
		if (interrupted && !cancelled) {
			cancelled = true;
			r = cancel(c, id, live, stopping, err);
		}
		if (r < 0)
			return r;
		struct bd_run_document doc;
		bd_doc_init(&bd_run_document_doc, &doc);
		bd_auto_json cJSON *json = NULL;
		r = get_run(c, id, &json, &doc, err);
		f.ended = r == 0 && bd_run_ended(doc.run.state);
		bd_doc_done(&bd_run_document_doc, &doc);
		if (r < 0)
			return r;
		if (!f.ended && bd_clock_mono_ns() - begun < 100 * 1000000)
			bd_sleep_ns(
				100 * 1000000); /* a daemon that closes streams at once is not asked in a tight loop */
	}
	return 0;
}

int measure_print(const struct bd_ctl *ctl, const struct bd_words *w, const cJSON *json,
	const struct bd_run_document *doc)
{
	(void)w;
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	bd_auto_str struct bd_str out = {0};
	bd_run_table(doc, &ctl->out, &out);
	return bd_ctl_answer(ctl, out.s);
}

/* A page that could not be written outweighs what the run itself ended with. */
static int write_page(const struct bd_ctl *ctl, struct bd_client *c, const char *id, const char *file, int status)
{
	struct bd_error err;
	if (bd_page_write(c, id, file, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_ctl_note(ctl, "wrote %s", file);
	return status;
}

static int watch(const struct bd_ctl *ctl, const struct bd_words *w, struct bd_client *c, const char *id,
	const struct measure_end *end)
{
	const char *html = bd_words_text(w, "html");
	struct bd_error err;
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	bd_auto_json cJSON *json = NULL;
	int r = get_run(c, id, &json, &doc, &err);
	if (r == 0) {
		bd_auto_live struct bd_live *live = bd_live_new(ctl, &doc);
		r = follow(c, id, live, end->stopping, &err);
	}
	bd_doc_done(&bd_run_document_doc, &doc);
	bd_jsonp(&json);
	json = NULL;
	if (r == 0)
		r = get_run(c, id, &json, &doc, &err);
	int status;
	if (r < 0 && (bd_streq(err.key, "stopping") || bd_streq(err.key, "daemon-lost"))) {
		struct bd_error lost;
		bd_auto_free char *hint = bd_printf("what it had measured is kept: benchctl runs show %s", id);
		bd_error_set(&lost, err.code, "daemon-lost", hint, "benchd ended while the run was not: %.200s",
			err.message);
		status = bd_ctl_fail(ctl, &lost);
	} else if (r < 0) {
		status = bd_ctl_fail(ctl, &err);
	} else {
		status = end->print(ctl, w, json, &doc);
		if (status == BD_EXIT_OK)
			status = end->status(&doc);
		if (bd_streq(doc.run.state, "failed") && doc.run.reason) {
			const struct bd_reason *reason = doc.run.reason;
			bd_error_set(&err, -EIO, reason->key, reason->hint, "%s%s",
				end->what ? end->what : "the run failed: ",
				reason->message ? reason->message : reason->key);
			bd_ctl_fail(ctl, &err);
		}
		if (html)
			status = write_page(ctl, c, id, html, status);
	}
	bd_doc_done(&bd_run_document_doc, &doc);
	return status;
}

static int print_plan(const struct bd_ctl *ctl, const cJSON *json)
{
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	struct bd_error err;
	struct bd_plan_document doc;
	bd_doc_init(&bd_plan_document_doc, &doc);
	if (bd_doc_decode(&bd_plan_document_doc, json, &doc, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_auto_str struct bd_str out = {0};
	bd_plan_table(&doc, &ctl->out, &out);
	bd_doc_done(&bd_plan_document_doc, &doc);
	return bd_ctl_answer(ctl, out.s);
}

int measure_check(const struct bd_words *w, struct bd_error *err)
{
	const char *html = bd_words_text(w, "html");
	if (!html || bd_words_flag(w, "dry-run"))
		return 0;
	if (bd_words_flag(w, "detach"))
		return bd_error_set(err, -EINVAL, "usage", "when it has ended: benchctl runs show ID --html FILE",
			"--html does not go with --detach");
	if (bd_streq(html, "-"))
		return bd_error_set(err, -EINVAL, "usage", "benchctl runs show latest --html - prints the page alone",
			"--html needs the name of a file here");
	return bd_page_check(html, err);
}

int measure(const struct bd_ctl *ctl, const struct bd_words *w, struct bd_client *c, const struct bd_request *rq,
	struct registry *registry, const struct measure_end *end)
{
	struct bd_error err;
	bd_auto_json cJSON *request = bd_doc_encode(&bd_request_doc, rq), *answer = NULL;
	if (bd_words_text(w, "html") && !rq->dry_run && bd_ctl_dashboard(c, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (!rq->dry_run)
		catch_interrupt(ctl);
	if (bd_client_call(c, "POST", "/api/v1/runs", request, &answer, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (rq->dry_run)
		return print_plan(ctl, answer);
	registry->keep = true;
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(answer, "id");
	if (!cJSON_IsString(id)) {
		bd_error_set(&err, -EPROTO, "internal", NULL, "the daemon accepted the run without naming it");
		return bd_ctl_fail(ctl, &err);
	}
	if (bd_words_flag(w, "detach")) {
		bd_auto_free char *line = bd_printf("%s\n", id->valuestring);
		return ctl->json ? bd_ctl_answer_json(ctl, answer) : bd_ctl_answer(ctl, line);
	}
	bd_log(BD_LOG_INFO, "run %s at %s", id->valuestring, bd_client_url(c));
	return watch(ctl, w, c, id->valuestring, end);
}
