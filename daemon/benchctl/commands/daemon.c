/* benchctl daemon start|stop|status|log: the private benchd of this user. */
#include "bd_benchctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse_server(const struct bd_ctl *ctl)
{
	struct bd_error err;
	bd_error_set(&err, -EINVAL, "usage", "only your own benchd is started, stopped and read like this",
		"daemon does not work on --server");
	return bd_ctl_fail(ctl, &err);
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(v) ? v->valuestring : "?";
}

static double number_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static bool is_running(const cJSON *status)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(status, "running"));
}

static void status_text(const cJSON *j, struct bd_str *out)
{
	if (!is_running(j)) {
		bd_str_puts(out, "not running\n");
		return;
	}
	if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(j, "url"))) {
		bd_str_printf(out, "running, but not to be reached: it starts or stops\n  data     %s\n",
			text_of(j, "data"));
		return;
	}
	double up = number_of(j, "uptime_s");
	bd_auto_free char *uptime = bd_text_seconds(up);
	bd_str_printf(out, "running at %s%s\n", text_of(j, "url"), isfinite(up) ? "" : ", but it does not answer");
	bd_str_printf(out, "  pid      %.0f%s%s\n", number_of(j, "pid"), isfinite(up) ? ", for " : "",
		isfinite(up) ? uptime : "");
	bd_str_printf(out, "  data     %s\n", text_of(j, "data"));
	bd_str_printf(out, "  token    %s\n", text_of(j, "token_file"));
	bd_str_printf(out, "  version  %s, build %s\n", text_of(j, "version"), text_of(j, "build"));
}

static int answer_status(const struct bd_ctl *ctl, bool *ret_running)
{
	struct bd_error err;
	bd_auto_json cJSON *json = NULL;
	bd_auto_free char *data = bd_client_data_dir();
	if (bd_client_daemon_status(data, &json, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	*ret_running = is_running(json);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	bd_auto_str struct bd_str out = {0};
	status_text(json, &out);
	return bd_ctl_answer(ctl, out.s);
}

/* ---- verbs ------------------------------------------------------------------------------------------------------- */

static int status(struct bd_ctl *ctl, const struct bd_words *w)
{
	(void)w;
	if (ctl->server)
		return refuse_server(ctl);
	bool running = false;
	int r = answer_status(ctl, &running);
	return r ? r : running ? BD_EXIT_OK : BD_EXIT_NO;
}

static int start(struct bd_ctl *ctl, const struct bd_words *w)
{
	if (ctl->server)
		return refuse_server(ctl);
	struct bd_error err;
	bd_auto_client struct bd_client *c = NULL;
	double idle = bd_words_seconds(w, "idle-exit");
	bd_auto_free char *idle_exit = isfinite(idle) ? bd_printf("%.0f", ceil(idle)) : NULL;
	struct bd_client_options o = {.start = true, .idle_exit = idle_exit};
	if (bd_client_connect(&o, &c, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bool running = false;
	return answer_status(ctl, &running);
}

static int stop(struct bd_ctl *ctl, const struct bd_words *w)
{
	if (ctl->server)
		return refuse_server(ctl);
	struct bd_error err;
	bd_auto_json cJSON *before = NULL;
	bd_auto_free char *data = bd_client_data_dir();
	if (bd_client_daemon_status(data, &before, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bool running = is_running(before);
	if (running && bd_client_daemon_stop(data, bd_words_flag(w, "force"), &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (ctl->json) {
		bd_auto_json cJSON *json = cJSON_CreateObject();
		cJSON_AddBoolToObject(json, "stopped", running);
		return bd_ctl_answer_json(ctl, json);
	}
	return bd_ctl_answer(ctl, running ? "stopped\n" : "not running\n");
}

/* ---- log ----------------------------------------------------------------------------------------------------------- */

#define LOG_LINES 50
#define LOG_MOST (8 << 20) /* of the end of the file */

/* Where the last n lines start in text. */
static const char *last_lines(const char *text, size_t len, int64_t n)
{
	const char *p = text + len;
	if (p > text && p[-1] == '\n')
		p--;
	for (; p > text; p--)
		if (p[-1] == '\n' && --n == 0)
			break;
	return p;
}

static int read_end(int fd, char **ret, size_t *ret_len)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > LOG_MOST && lseek(fd, st.st_size - LOG_MOST, SEEK_SET) < 0)
		return -errno;
	return bd_fd_read(fd, (size_t)LOG_MOST * 2, ret, ret_len);
}

static int log_json(const struct bd_ctl *ctl, const char *text)
{
	bd_auto_json cJSON *json = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(json, "lines");
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.n; i++)
		if (i + 1 < lines.n || *lines.v[i])
			cJSON_AddItemToArray(array, cJSON_CreateString(lines.v[i]));
	return bd_ctl_answer_json(ctl, json);
}

static int show_log(struct bd_ctl *ctl, const struct bd_words *w)
{
	if (ctl->server)
		return refuse_server(ctl);
	struct bd_error err;
	bd_auto_free char *data = bd_client_data_dir(), *text = NULL;
	bd_auto_free char *path = bd_printf("%s/benchd.log", data);
	bd_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	int r = fd < 0 ? -errno : read_end(fd, &text, &len);
	if (r < 0) {
		bd_error_set(&err, r, r == -ENOENT ? "no-such-input" : "data-unusable",
			r == -ENOENT ? "a benchd makes it when it starts: benchctl daemon start" : "", "%s: %s", path,
			strerror(-r));
		return bd_ctl_fail(ctl, &err);
	}
	int64_t lines = bd_words_whole(w, "lines");
	const char *from = lines == 0 ? text + len : last_lines(text, len, lines > 0 ? lines : LOG_LINES);
	return ctl->json ? log_json(ctl, from) : bd_ctl_answer(ctl, from);
}

/* ---- the command ----------------------------------------------------------------------------------------------------- */

static const struct bd_option start_options[] = {
	{"idle-exit", 0, BD_OPT_SECONDS, "TIME",
		"it ends after so long without work or questions; 0: never (default 15m)", false, 0, 0, BD_WORDS_NONE},
};
static const struct bd_option stop_options[] = {
	{"force", 0, BD_OPT_FLAG, NULL, "also while a run measures; the run is then interrupted", false, 0, 0,
		BD_WORDS_NONE},
};
static const struct bd_option log_options[] = {
	{"lines", 0, BD_OPT_WHOLE, "N", "the last N lines (default 50)", false, 0, 0, BD_WORDS_NONE},
};

static const struct bd_command verbs[] = {
	{
		.name = "start",
		.summary = "start your benchd, unless it is running",
		.options = start_options,
		.options_len = BD_LEN(start_options),
		.example = "benchctl daemon start --idle-exit 1h",
		.run = start,
	},
	{
		.name = "status",
		.summary = "say whether your benchd runs; never starts one",
		.details = "The status is 0 when it runs, 1 when it does not.",
		.example = "benchctl daemon status --json",
		.run = status,
	},
	{
		.name = "log",
		.summary = "print the end of its log",
		.options = log_options,
		.options_len = BD_LEN(log_options),
		.example = "benchctl daemon log --lines 20",
		.run = show_log,
	},
	{
		.name = "stop",
		.summary = "stop your benchd and wait until it has gone",
		.options = stop_options,
		.options_len = BD_LEN(stop_options),
		.example = "benchctl daemon stop",
		.run = stop,
	},
};

const struct bd_command bd_command_daemon = {
	.name = "daemon",
	.summary = "start, stop and look at your benchd",
	.details = "Other commands start one when they need it, and it ends by itself when it has been idle.",
	.example = "benchctl daemon status",
	.verbs = verbs,
	.verbs_len = BD_LEN(verbs),
};
