/* benchctl trace: who waited for the GIL, for whom and at which line, in a running process or a command. */
#include "../registry.h"
#include "../trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PID_MOST 4194304 /* of Linux */

static const struct bd_option options[] = {
	{"pid", 0, BD_OPT_WHOLE, "PID", "trace this process, until Ctrl-C or its end", false, 1, PID_MOST,
		BD_WORDS_NONE},
	{"seconds", 0, BD_OPT_SECONDS, "TIME", "for so long, for example 10 or 500ms", false, 0, 0, BD_WORDS_NONE},
	{"out", 0, BD_OPT_TEXT, "FILE",
		"also write the trace to this file; -: to standard output, in place of the report", false, 0, 0,
		BD_WORDS_FILE},
	{"format", 0, BD_OPT_CHOICE, "perfetto|collapsed|speedscope|json",
		"of what is written (default json, the document); without --out to standard output", false, 0, 0,
		BD_WORDS_NONE},
	{"id", 0, BD_OPT_TEXT, "TRACE", "show a stored trace: its id, the beginning of one, or latest", false, 0, 0,
		BD_WORDS_TRACE},
	{"run", 0, BD_OPT_TEXT, "RUN", "show the trace of a run that was measured with --trace events", false, 0, 0,
		BD_WORDS_RUN},
	{"list", 0, BD_OPT_FLAG, NULL, "list the stored traces, the newest first", false, 0, 0, BD_WORDS_NONE},
	{"limit", 0, BD_OPT_WHOLE, "N", "list at most so many (default 20)", false, 1, 100000, BD_WORDS_NONE},
	{"dry-run", 0, BD_OPT_FLAG, NULL,
		"only say what would be traced and whether this machine can; nothing is attached, so whether this very process may be is not tried",
		false, 0, 0, BD_WORDS_NONE},
};

/* ---- stored traces ------------------------------------------------------------------------------------------------ */

static int list(const struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_json cJSON *json = NULL;
	int64_t limit = bd_words_whole(w, "limit");
	if (bd_ctl_connect(ctl, NULL, &c, &err) < 0 ||
		trace_list(c, NULL, limit > 0 ? (size_t)limit : 20, &json, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	bd_auto_str struct bd_str out = {0};
	if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "traces")))
		trace_list_table(json, &ctl->out, &out);
	else
		bd_ctl_note(ctl, "there is no trace yet (benchctl trace --pid PID makes one)");
	return bd_ctl_answer(ctl, out.s ? out.s : "");
}

/* ---- an ended trace, or one as it stands ------------------------------------------------------------------------------ */

struct wanted {                    /* what is written where */
	const char *file, *format; /* file: NULL = none */
	bool alone;                /* in place of the report */
};

static int wanted_of(const struct bd_ctl *ctl, const struct bd_words *w, struct wanted *ret, struct bd_error *err)
{
	const char *file = bd_words_text(w, "out"), *format = bd_words_text(w, "format");
	bool alone = bd_streq(file, "-") || (format && !file);
	if (alone && ctl->json)
		return bd_error_set(err, -EINVAL, "usage", "--out FILE goes with it", "--json does not go with --%s",
			file ? "out -" : "format alone");
	if (file && bd_words_flag(w, "dry-run") == false) {
		int r = trace_export_check(file, err);
		if (r < 0)
			return r;
	}
	*ret = (struct wanted){alone ? "-" : file, format ? format : "json", alone};
	return 0;
}

static int get_document(struct bd_client *c, const char *id, cJSON **ret, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("/api/v1/traces/%s", id);
	return bd_client_call(c, "GET", path, NULL, ret, err);
}

/* What the options say is made of it; the exit status of that. */
static int present(const struct bd_ctl *ctl, const struct wanted *out, struct bd_client *c, const char *id,
	const cJSON *json, const struct trace_document *d)
{
	struct bd_error err;
	int status = BD_EXIT_OK;
	bool failed = bd_streq(d->state, "failed") && d->reason;
	if (out->alone)
		return trace_export(c, id, out->format, "-", &err) < 0 ? bd_ctl_fail(ctl, &err) : BD_EXIT_OK;
	if (ctl->json) {
		status = bd_ctl_answer_json(ctl, json);
	} else if (!failed || d->threads_len) {
		bd_auto_str struct bd_str text = {0};
		trace_report(d, &ctl->out, &text);
		status = bd_ctl_answer(ctl, text.s);
	}
	if (failed) {
		bd_error_set(&err, -EIO, d->reason->key, d->reason->hint, "the trace failed: %s",
			d->reason->message ? d->reason->message : d->reason->key);
		bd_ctl_fail(ctl, &err);
	}
	if (status || !out->file)
		return status;
	if (trace_export(c, id, out->format, out->file, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_ctl_note(ctl, "wrote %s", out->file);
	return BD_EXIT_OK;
}

static int show(const struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	struct wanted out;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_free char *id = NULL;
	bd_auto_json cJSON *json = NULL;
	const char *run = bd_words_text(w, "run");
	auto_trace struct trace_document d;
	bd_doc_init(&trace_document_doc, &d);
	int r = wanted_of(ctl, w, &out, &err);
	if (r == 0)
		r = bd_ctl_connect(ctl, NULL, &c, &err);
	if (r == 0)
		r = run ? trace_of_run(c, run, &id, &err) : trace_find(c, bd_words_text(w, "id"), &id, &err);
	if (r == 0)
		r = get_document(c, id, &json, &err);
	if (r == 0)
		r = bd_doc_decode(&trace_document_doc, json, &d, &err);
	return r < 0 ? bd_ctl_fail(ctl, &err) : present(ctl, &out, c, id, json, &d);
}

/* ---- following --------------------------------------------------------------------------------------------------------- */

struct follow {
	struct trace_view *view;
	bool ended;
};

static int on_event(const char *type, const cJSON *data, void *arg)
{
	struct follow *f = arg;
	if (bd_streq(type, "trace"))
		trace_view_snapshot(f->view, data);
	if (bd_streq(type, "state"))
		f->ended = trace_ended(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "state")));
	return f->ended ? 1 : 0;
}

static int stop(struct bd_client *c, const char *id, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("/api/v1/traces/%s/stop", id);
	struct bd_error e;
	int r = bd_client_call(c, "POST", path, NULL, NULL, &e);
	if (r < 0 && !bd_streq(e.key, "conflict")) { /* conflict: it ended on its own meanwhile */
		if (err)
			*err = e;
		return r;
	}
	return 0;
}

/* Until the trace has ended. A stream that ends early is opened again. *ret_stopped: it was ended here. */
static int follow(struct bd_client *c, const char *id, struct trace_view *view, bool *ret_stopped, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf("/api/v1/traces/%s/events", id);
	const volatile int *interrupted = trace_view_interrupted(view);
	struct follow f = {.view = view};
	while (!f.ended) {
		int64_t begun = bd_clock_mono_ns();
		int r = bd_client_events(c, path, on_event, &f, interrupted, err);
		if (f.ended)
			break;
		if (__atomic_load_n(interrupted, __ATOMIC_RELAXED)) {
			*ret_stopped = true;
			return stop(c, id, err);
		}
		if (r < 0)
			return r;
		bd_auto_json cJSON *json = NULL;
		r = get_document(c, id, &json, err);
		if (r < 0)
			return r;
		f.ended = trace_ended(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "state")));
		if (!f.ended && bd_clock_mono_ns() - begun < 100 * 1000000)
			bd_sleep_ns(
				100 * 1000000); /* a daemon that closes streams at once is not asked in a tight loop */
	}
	return 0;
}

/* ---- a process or a command ---------------------------------------------------------------------------------------------- */

struct session {
	const struct bd_ctl *ctl;
	const struct bd_words *w;
	struct wanted out;
	double asked_s;
	int64_t pid;
	struct trace_child child;
	char *command; /* all its words; NULL without one */
	sigset_t before;
};

/* Processes are of this machine. */
static int check_server(const struct bd_ctl *ctl, const struct bd_words *w, struct bd_error *err)
{
	if (registry_check(ctl, "", NULL) == 0)
		return 0;
	if (w->program.n)
		return registry_check(ctl, w->program.v[0], err);
	const char *url = ctl->server ? ctl->server : getenv("BENCHD_URL");
	return bd_error_set(err, -EINVAL, "usage", "leave --server out, and your own benchd traces it",
		"process %s is of this machine, and the benchd at %s cannot be told to trace it",
		bd_words_text(w, "pid"), url ? url : "");
}

/* The process a thread belongs to; 0 when it is one itself, or cannot be known. */
static long long process_of(int64_t tid)
{
	bd_auto_free char *path = bd_printf("/proc/%lld/status", (long long)tid), *text = NULL;
	if (bd_file_read(path, 65536, &text, NULL) < 0)
		return 0;
	const char *line = strstr(text, "\nTgid:");
	long long of = line ? strtoll(line + strlen("\nTgid:"), NULL, 10) : 0;
	return of == tid ? 0 : of;
}

static int check_process(int64_t pid, struct bd_error *err)
{
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return bd_error_set(err, -ESRCH, "no-such-process", "ps -C python3 lists some",
			"there is no process %lld", (long long)pid);
	long long of = process_of(pid);
	if (of) {
		bd_auto_free char *hint = bd_printf("--pid %lld traces all its threads", of);
		return bd_error_set(err, -ESRCH, "no-such-process", hint, "%lld is a thread of process %lld",
			(long long)pid, of);
	}
	return 0;
}

static char *joined(const struct bd_strv *words)
{
	struct bd_str out = {0};
	for (size_t i = 0; i < words->n; i++)
		bd_str_printf(&out, "%s%s", i ? " " : "", words->v[i]);
	return bd_str_take(&out);
}

static int ask(const struct session *s, struct bd_client *c, char **ret_id, struct bd_error *err)
{
	bd_auto_json cJSON *request = cJSON_CreateObject(), *answer = NULL;
	cJSON_AddNumberToObject(request, "pid", (double)s->pid);
	cJSON_AddStringToObject(request, "level", "events");
	if (isfinite(s->asked_s))
		cJSON_AddNumberToObject(request, "seconds", s->asked_s);
	if (s->command) {
		cJSON_AddBoolToObject(request, "await", true);
		cJSON_AddStringToObject(request, "command", s->command);
	}
	int r = bd_client_call(c, "POST", "/api/v1/traces", request, &answer, err);
	if (r < 0)
		return r;
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "id"));
	if (!id)
		return bd_error_set(err, -EPROTO, "internal", NULL, "the daemon accepted the trace without naming it");
	*ret_id = bd_strdup(id);
	return 0;
}

static void note_end(const struct session *s, int status)
{
	if (WIFSIGNALED(status))
		bd_ctl_note(s->ctl, "%s was ended by signal %d (%s)", s->child.named, WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		bd_ctl_note(s->ctl, "%s ended with status %d", s->child.named, WEXITSTATUS(status));
}

/* A command that goes on when its trace has ended keeps the terminal until it ends, too. */
static void wait_child(struct session *s)
{
	int status;
	if (!s->child.pid)
		return;
	auto_view struct trace_view *view = trace_view_new(s->ctl, NAN, &s->child);
	pid_t pid = s->child.pid;
	if (trace_child_wait(&s->child, trace_view_interrupted(view), &status) == 0)
		note_end(s, status);
	else
		bd_ctl_note(s->ctl, "%s goes on as process %d", s->child.named, (int)pid);
}

/* From here to the end of this program signals wait while no view takes them: between two, and while the report is printed, the
 * command must not lose us. */
static void hold_signals(sigset_t *ret_before)
{
	static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < BD_LEN(held); i++)
		sigaddset(&set, held[i]);
	pthread_sigmask(SIG_BLOCK, &set, ret_before);
}

static int watch(struct session *s, struct bd_client *c, const char *id, struct bd_error *err)
{
	bool stopped = false;
	auto_view struct trace_view *view = trace_view_new(s->ctl, s->asked_s, &s->child);
	if (s->child.pid) {
		int r = trace_child_go(&s->child, err);
		if (r < 0) {
			stop(c, id, NULL);
			return r;
		}
	}
	int r = follow(c, id, view, &stopped, err);
	trace_view_free(&view);
	if (!s->child.pid)
		pthread_sigmask(SIG_SETMASK, &s->before, NULL);
	if (r < 0 && (bd_streq(err->key, "stopping") || bd_streq(err->key, "daemon-lost"))) {
		struct bd_error lost;
		bd_auto_free char *hint = bd_printf("what it had stored is kept: benchctl trace --id %s", id);
		bd_error_set(&lost, err->code, "daemon-lost", hint, "benchd ended while the trace was not: %.200s",
			err->message);
		*err = lost;
	}
	if (r < 0)
		return r;
	int ended;
	if (s->child.pid) {
		pid_t got = waitpid(s->child.pid, &ended, WNOHANG);
		if (got == s->child.pid) {
			s->child.pid = 0;
			note_end(s, ended);
		}
	}
	bd_auto_json cJSON *json = NULL;
	auto_trace struct trace_document d;
	bd_doc_init(&trace_document_doc, &d);
	r = get_document(c, id, &json, err);
	if (r == 0)
		r = bd_doc_decode(&trace_document_doc, json, &d, err);
	if (r < 0)
		return r;
	int status = present(s->ctl, &s->out, c, id, json, &d);
	if (status == BD_EXIT_OK)
		status = trace_exit(&d);
	/* asked for so long, and ended before by the user: whoever asked has not got it */
	return status == BD_EXIT_OK && stopped && isfinite(s->asked_s) && d.seconds < s->asked_s ? BD_EXIT_UNDECIDED
												 : status;
}

/* ---- --dry-run ------------------------------------------------------------------------------------------------------ */

/* What the process is called, as ps shows it; caller frees. */
static char *command_of(int64_t pid)
{
	bd_auto_free char *path = bd_printf("/proc/%lld/cmdline", (long long)pid), *text = NULL;
	size_t len;
	if (bd_file_read(path, 65536, &text, &len) < 0 || !len)
		return bd_printf("process %lld", (long long)pid);
	for (size_t i = 0; i + 1 < len; i++)
		if (!text[i])
			text[i] = ' ';
	return BD_TAKE_PTR(text);
}

/* What would be traced, and what the daemon knows to be in the way. Nothing is attached, so what only attaching shows stays
 * unknown. */
static int dry_run(const struct bd_ctl *ctl, const struct bd_words *w, double asked_s)
{
	struct bd_error err;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_json cJSON *doctor = NULL, *json = cJSON_CreateObject();
	int64_t pid = bd_words_whole(w, "pid");
	struct bd_registered found;
	bd_doc_init(&bd_registered_doc, &found);
	int r = w->program.n ? target_command(&w->program, NULL, NULL, &found, &err) : check_process(pid, &err);
	bd_doc_done(&bd_registered_doc, &found);
	if (r == 0)
		r = bd_ctl_connect(ctl, NULL, &c, &err);
	if (r == 0)
		r = bd_client_call(c, "GET", "/api/v1/doctor", NULL, &doctor, &err);
	if (r < 0)
		return bd_ctl_fail(ctl, &err);
	bd_auto_free char *command = w->program.n ? joined(&w->program) : command_of(pid);
	bd_auto_str struct bd_str text = {0};
	bd_putf(&text, &ctl->out, BD_PLAIN, "would trace %s", command);
	cJSON_AddStringToObject(json, "command", command);
	if (w->program.n) {
		cJSON_AddNullToObject(json, "pid");
	} else {
		bd_str_printf(&text, " (pid %lld)", (long long)pid);
		cJSON_AddNumberToObject(json, "pid", (double)pid);
	}
	if (isfinite(asked_s)) {
		bd_auto_free char *time = bd_text_seconds(asked_s);
		bd_str_printf(&text, " for %s\n", time);
		cJSON_AddNumberToObject(json, "seconds", asked_s);
	} else {
		bd_str_puts(&text, " until it ends or Ctrl-C\n");
		cJSON_AddNullToObject(json, "seconds");
	}
	cJSON *problems = cJSON_AddArrayToObject(json, "problems");
	const cJSON *check;
	cJSON_ArrayForEach(check, cJSON_GetObjectItemCaseSensitive(doctor, "checks")) {
		const char *who = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(check, "who"));
		if (!bd_streq(who, "tracer") || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(check, "ok")))
			continue;
		const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(check, "message"));
		const char *hint = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(check, "hint"));
		bd_putf(&text, &ctl->out, BD_YELLOW, "but %s", message ? message : "bench-tracer cannot work");
		if (hint)
			bd_putf(&text, &ctl->out, BD_PLAIN, " (%s)", hint);
		bd_str_puts(&text, "\n");
		cJSON_AddItemToArray(problems, cJSON_Duplicate(check, true));
	}
	int status = ctl->json ? bd_ctl_answer_json(ctl, json) : bd_ctl_answer(ctl, text.s);
	return status ? status : cJSON_GetArraySize(problems) ? BD_EXIT_NO : BD_EXIT_OK;
}

/* ---- to its end ---------------------------------------------------------------------------------------------------------- */

static int session(struct session *s, struct bd_error *err)
{
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_free char *id = NULL;
	if (s->w->program.n) {
		/* what it prints must not be in the middle of an answer for a program */
		bool apart = s->ctl->json || s->out.alone;
		int r = trace_child_hold(&s->w->program, apart ? STDERR_FILENO : STDOUT_FILENO, &s->child, err);
		if (r < 0)
			return r;
		s->pid = s->child.pid;
		s->command = joined(&s->w->program);
	} else {
		s->pid = bd_words_whole(s->w, "pid");
		int r = check_process(s->pid, err);
		if (r < 0)
			return r;
	}
	int r = bd_ctl_connect(s->ctl, NULL, &c, err);
	if (r < 0)
		return r;
	/* from here on there may be a trace: a signal waits until the view takes it, and ends that */
	sigset_t before;
	hold_signals(&before);
	r = ask(s, c, &id, err);
	if (r < 0) {
		if (!s->child.pid)
			pthread_sigmask(SIG_SETMASK, &before, NULL);
		return r;
	}
	s->before = before;
	bd_log(BD_LOG_INFO, "trace %s at %s", id, bd_client_url(c));
	return watch(s, c, id, err);
}

static int trace(const struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	struct session s = {.ctl = ctl,
		.w = w,
		.asked_s = bd_words_seconds(w, "seconds"),
		.child = {.go = -1, .told = -1}};
	int r = check_server(ctl, w, &err);
	if (r == 0 && s.asked_s <= 0)
		r = bd_error_set(&err, -EINVAL, "usage", "for example --seconds 3",
			"--seconds needs more than no time");
	if (r == 0)
		r = wanted_of(ctl, w, &s.out, &err);
	if (r == 0 && bd_words_flag(w, "dry-run"))
		return dry_run(ctl, w, s.asked_s);
	if (r == 0)
		r = session(&s, &err);
	int status = r < 0 ? bd_ctl_fail(ctl, &err) : r;
	if (s.child.go < 0)
		wait_child(&s);
	trace_child_done(&s.child);
	free(s.command);
	return status;
}

/* ---- the command ------------------------------------------------------------------------------------------------------- */

/* What there are two of makes no sense. */
static int check(const struct bd_words *w, const char **ret_what, struct bd_error *err)
{
	static const char *const whats[] = {"pid", "id", "run", "list"};
	const char *first = w->program.n ? "-- COMMAND" : NULL;
	bool program = w->program.n;
	for (size_t i = 0; i < BD_LEN(whats); i++) {
		if (!bd_words_flag(w, whats[i]))
			continue;
		if (first)
			return bd_error_set(err, -EINVAL, "usage", NULL, "--%s does not go with %s%s", whats[i],
				program ? "" : "--", first);
		first = whats[i];
	}
	if (!first)
		return bd_error_set(err, -EINVAL, "usage", "for example benchctl trace --pid PID --seconds 10",
			"trace needs --pid PID, -- COMMAND [ARG...], --id TRACE, --run RUN or --list");
	bool live = program || bd_streq(first, "pid"), listing = bd_streq(first, "list");
	static const struct {
		const char *name;
		bool live, stored, list; /* where it means something */
	} needs[] = {{"seconds", true, false, false}, {"dry-run", true, false, false}, {"out", true, true, false},
		{"format", true, true, false}, {"limit", false, false, true}};
	for (size_t i = 0; i < BD_LEN(needs); i++)
		if (bd_words_flag(w, needs[i].name) &&
			!(live                    ? needs[i].live
					: listing ? needs[i].list
						  : needs[i].stored))
			return bd_error_set(err, -EINVAL, "usage", NULL, "--%s does not go with %s%s", needs[i].name,
				program ? "" : "--", first);
	*ret_what = first;
	return 0;
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	const char *what = NULL;
	if (check(w, &what, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (bd_streq(what, "list"))
		return list(ctl, w);
	return bd_streq(what, "id") || bd_streq(what, "run") ? show(ctl, w) : trace(ctl, w);
}

const struct bd_command bd_command_trace = {
	.name = "trace",
	.summary = "say who waited for the GIL, for whom and at which line, in any running Python process",
	.program = "COMMAND [ARG...]",
	.details =
		"Traces a running CPython 3.11 or newer that was not changed or prepared in any way, or what follows -- from its "
		"first instruction. Shows it as it goes on, and a report at the end: how long each thread waited and why (a holder, "
		"the run queue, a forced switch, the GIL's own mutex), who waited for whom, at which lines, and what the GIL was held "
		"for. An interpreter without a GIL is traced for the locks its threads slept for and spun on. Traces are kept: --list, "
		"--id.\n\n"
		"Ctrl-C ends the trace and prints the report. A COMMAND has this terminal for itself, and gets Ctrl-C too; a second "
		"one ends the trace of a command that goes on. With --json, and with --format but no --out, its standard output is "
		"our standard error.\n\n"
		"The status is that of the trace, whatever COMMAND ended with: 0 when it is complete, 2 when it was cut short or "
		"benchd was lost, 66 when there is no such process or program, 77 when it may not be traced.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl trace --seconds 2 -- python3 -m timeit pass",
	.run = run,
};
