/* benchctl doctor: what this machine can and cannot measure, and the command that mends it. */
#include "bd_benchctl.h"

#include "noise.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the order they are shown: who needs what. */
static const struct {
	const char *who, *title;
} parts[] = {
	{"client", "client (this program, your rights)"},
	{"daemon", "daemon (benchd)"},
	{"worker", "workers (the measured interpreters)"},
	{"tracer", "tracer (GIL waits; the only part with kernel rights)"},
	{"machine", "machine"},
};

static void add(cJSON *checks, const char *who, const char *name, bool ok, const char *message, const char *hint)
{
	cJSON *c = cJSON_CreateObject();
	cJSON_AddStringToObject(c, "name", name);
	cJSON_AddStringToObject(c, "who", who);
	cJSON_AddBoolToObject(c, "ok", ok);
	cJSON_AddStringToObject(c, "message", message);
	if (hint && *hint)
		cJSON_AddStringToObject(c, "hint", hint);
	else
		cJSON_AddNullToObject(c, "hint");
	cJSON_AddItemToArray(checks, c);
}

/* The data folder is where a private daemon says how it can be reached. */
static void check_data(cJSON *checks)
{
	bd_auto_free char *data = bd_client_data_dir();
	struct stat st;
	if (stat(data, &st) < 0) {
		bd_auto_free char *message = bd_printf("%s: %s", data, strerror(errno));
		bd_auto_free char *mend = bd_printf("mkdir -p -m 700 %s", data);
		add(checks, "client", "data", errno == ENOENT,
			errno == ENOENT ? "will be made by the first daemon" : message, errno == ENOENT ? NULL : mend);
		return;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
		bd_auto_free char *message = bd_printf("%s is %s", data,
			!S_ISDIR(st.st_mode)             ? "no folder"
				: st.st_uid != geteuid() ? "not yours"
							 : "open to others");
		bd_auto_free char *mend = S_ISDIR(st.st_mode) && st.st_uid == geteuid()
			? bd_printf("chmod 700 %s", data)
			: bd_strdup("set BENCHD_DATA to a folder of your own");
		add(checks, "client", "data", false, message, mend);
		return;
	}
	add(checks, "client", "data", true, data, NULL);
}

/* The daemon's own list; a daemon that cannot be reached is a finding like any other. */
static void check_daemon(const struct bd_ctl *ctl, cJSON *checks)
{
	struct bd_error err;
	bd_auto_json cJSON *json = NULL;
	bd_auto_client struct bd_client *client = NULL;
	if (bd_ctl_connect(ctl, NULL, &client, &err) < 0) {
		add(checks, "daemon", "reachable", false, err.message, err.hint);
		return;
	}
	add(checks, "daemon", "reachable", true, bd_client_url(client), NULL);
	if (bd_client_call(client, "GET", "/api/v1/doctor", NULL, &json, &err) < 0) {
		add(checks, "daemon", "doctor", false, err.message, err.hint);
		return;
	}
	cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "checks");
	while (cJSON_GetArraySize(list))
		cJSON_AddItemToArray(checks, cJSON_DetachItemFromArray(list, 0));
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(v) && *v->valuestring ? v->valuestring : NULL;
}

static bool is_ok(const cJSON *check)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(check, "ok"));
}

static void print_check(const struct bd_ctl *ctl, const cJSON *check, struct bd_str *out)
{
	const struct bd_screen *s = &ctl->out;
	const char *name = text_of(check, "name"), *message = text_of(check, "message"), *hint = text_of(check, "hint");
	bool ok = is_ok(check);
	bd_str_puts(out, "  ");
	bd_put(out, s, ok ? BD_GREEN : BD_RED, s->utf8 ? (ok ? "✓ " : "✗ ") : (ok ? "ok " : "!! "));
	bd_auto_free char *plain = bd_text_for(s, name ? name : "?"), *text = bd_text_for(s, message ? message : "");
	size_t indent = (s->utf8 ? 4 : 5) + 18, width = bd_text_width(plain), pad = width < 17 ? 18 - width : 1;
	bd_put(out, s, BD_PLAIN, plain);
	bd_str_printf(out, "%*s", (int)pad, "");
	bd_text_wrap(out, text, s->width, indent, indent - 18 + width + pad);
	bd_str_puts(out, "\n");
	if (!ok && hint) {
		/* not wrapped: it is there to be copied */
		bd_auto_free char *mend = bd_text_for(s, hint);
		bd_str_printf(out, "%*s", (int)indent, "");
		bd_put(out, s, BD_BOLD, mend);
		bd_str_puts(out, "\n");
	}
}

static void print(const struct bd_ctl *ctl, const cJSON *checks, size_t problems, struct bd_str *out)
{
	for (size_t p = 0; p <= BD_LEN(parts); p++) {
		bool titled = false;
		const cJSON *c;
		cJSON_ArrayForEach(c, checks) {
			const char *who = text_of(c, "who");
			size_t at = 0;
			while (at < BD_LEN(parts) && !bd_streq(parts[at].who, who))
				at++;
			if (at != p)
				continue;
			if (!titled) {
				bd_str_puts(out, out->len ? "\n" : "");
				bd_put(out, &ctl->out, BD_BOLD, p < BD_LEN(parts) ? parts[p].title : "other");
				bd_str_puts(out, "\n");
				titled = true;
			}
			print_check(ctl, c, out);
		}
	}
	if (problems)
		bd_str_printf(out, "\n%zu problem%s found.\n", problems, problems == 1 ? "" : "s");
	else
		bd_str_puts(out, "\nNo problem found.\n");
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	double noise_s = bd_words_seconds(w, "noise");
	if (!isnan(noise_s))
		return noise_measure(ctl, w, noise_s);
	bd_auto_json cJSON *json = cJSON_CreateObject();
	cJSON *checks = cJSON_AddArrayToObject(json, "checks");
	add(checks, "client", "version", true, "benchctl " BENCHD_VERSION, NULL);
	check_data(checks);
	check_daemon(ctl, checks);
	size_t problems = 0;
	const cJSON *c;
	cJSON_ArrayForEach(c, checks)
		problems += !is_ok(c);
	bd_auto_str struct bd_str out = {0};
	print(ctl, checks, problems, &out);
	int status = ctl->json ? bd_ctl_answer_json(ctl, json) : bd_ctl_answer(ctl, out.s);
	return status ? status : problems ? BD_EXIT_NO : BD_EXIT_OK;
}

static const struct bd_option options[] = {
	{"noise", 0, BD_OPT_SECONDS, "TIME",
		"instead measure for so long what differences this machine can tell apart now, for example 20s", false,
		0, 0, BD_WORDS_NONE},
};

const struct bd_command bd_command_doctor = {
	.name = "doctor",
	.summary = "say what this machine can and cannot measure, and what mends it",
	.details =
		"Looks at this program, the daemon, the workers, the tracer and the machine separately. The status is 0 when nothing "
		"is missing, 1 when something is.\n\n"
		"--noise measures the same native call against itself, in the same process and in a second one of the same "
		"configuration: what differs there is the machine. It says how far apart two things must be to be told apart within "
		"10 s and within a minute, and what the machine did meanwhile. It is an ordinary run of the suite noise, kept with the "
		"label doctor=noise; Ctrl-C ends it early. The status is 0, or 2 when it did not come to an interval.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl doctor",
	.run = run,
};
