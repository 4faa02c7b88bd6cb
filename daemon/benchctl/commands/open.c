/* benchctl open: the dashboard in a browser that is logged in. */
#include "bd_benchctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* A browser that cannot open anything says so soon; one that still runs after this has opened the page. */
#define FAILS_MS 1500

static const struct bd_option options[] = {
	{"print", 0, BD_OPT_FLAG, NULL, "print the URL instead of opening it", false, 0, 0, BD_WORDS_NONE},
};

/* ---- the browser ------------------------------------------------------------------------------------------------ */

/* The browser starts in /, so that it keeps no folder from being unmounted. */
static char *absolute(const char *path)
{
	bd_auto_free char *here = path[0] == '/' ? NULL : realpath(".", NULL);
	return here ? bd_printf("%s/%s", here, path) : bd_strdup(path);
}

/* The executable a word of a command line means, as a shell finds it; NULL when there is none. Caller frees. */
static char *find_program(const char *name)
{
	/* links are left as they are: some programs go by the name they were started with */
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? absolute(name) : NULL;
	const char *path = getenv("PATH");
	bd_auto_strv struct bd_strv folders = {0};
	bd_strv_split(&folders, path ? path : "/usr/local/bin:/usr/bin:/bin", ':');
	for (size_t i = 0; i < folders.n; i++) {
		bd_auto_free char *program = bd_printf("%s/%s", *folders.v[i] ? folders.v[i] : ".", name);
		if (access(program, X_OK) == 0)
			return absolute(program);
	}
	return NULL;
}

/* "firefox --new-window %s" → words, with the URL in place of %s, else at the end. No shell: nothing in it is special. */
static void browser_words(const char *command, const char *url, struct bd_strv *ret)
{
	bd_auto_strv struct bd_strv words = {0};
	bd_strv_split(&words, command, ' ');
	bool placed = false;
	for (size_t i = 0; i < words.n; i++) {
		const char *word = words.v[i], *place = strstr(word, "%s");
		if (!*word || bd_streq(word, "&")) /* as one writes it for a shell: ours is always in the background */
			continue;
		if (place) {
			bd_strv_addf(ret, "%.*s%s%s", (int)(place - word), word, url, place + 2);
			placed = true;
		} else {
			bd_strv_add(ret, word);
		}
	}
	if (!placed)
		bd_strv_add(ret, url);
}

/* The user's own environment, without the key to another benchd. */
static void browser_environment(struct bd_strv *env)
{
	for (char **e = environ; *e; e++)
		if (!bd_starts_with(*e, "BENCHD_TOKEN="))
			bd_strv_add(env, *e);
}

/* Whether this browser took the page. */
static bool start_browser(const char *command, const char *url)
{
	bd_auto_strv struct bd_strv words = {0}, env = {0};
	browser_words(command, url, &words);
	bd_auto_free char *program = find_program(words.v[0]);
	if (!program)
		return false;
	browser_environment(&env);
	bd_auto_free char **argv = bd_strv_argv(&words), **envp = bd_strv_argv(&env);
	const struct bd_spawn sp =
		{.program = program, .argv = argv, .envp = envp, .out_fd = -1, .err_fd = -1, .max_core_bytes = -1};
	bd_auto_close int pidfd = -1;
	pid_t pid;
	if (bd_spawn(&sp, &pid, &pidfd, NULL) < 0)
		return false;
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int status = 0;
	if (poll(&p, 1, FAILS_MS) <= 0 || waitpid(pid, &status, WNOHANG) != pid)
		return true;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);
	return value && *value;
}

/* $BROWSER, a list separated by colons, else what the desktop has. Gives the command that took it; caller frees. */
static char *start_any_browser(const char *url)
{
	bd_auto_strv struct bd_strv commands = {0};
	if (is_set("BROWSER"))
		bd_strv_split(&commands, getenv("BROWSER"), ':');
	if (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"))
		bd_strv_add(&commands, "xdg-open");
	for (size_t i = 0; i < commands.n; i++)
		if (strspn(commands.v[i], " &") < strlen(commands.v[i]) && start_browser(commands.v[i], url))
			return bd_strdup(commands.v[i]);
	return NULL;
}

/* ---- the address -------------------------------------------------------------------------------------------------- */

static const char *loopback_port(const char *url)
{
	static const char *const local[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
	for (size_t i = 0; i < BD_LEN(local); i++)
		if (bd_starts_with(url, local[i]))
			return url + strlen(local[i]);
	return NULL;
}

/* How a browser on another machine gets here; benchd listens on loopback only, and wants to be called by its own port. */
static void note_tunnel(const struct bd_ctl *ctl, const char *url)
{
	const char *port = loopback_port(url), *ssh = getenv("SSH_CONNECTION");
	if (!port)
		return;
	char host[256] = "";
	bd_auto_strv struct bd_strv parts = {0}; /* client, its port, server, its port */
	bd_strv_split(&parts, ssh ? ssh : "", ' ');
	gethostname(host, sizeof host - 1);
	bd_ctl_note(ctl, "from another machine, first: ssh -N -L %s:127.0.0.1:%s %s", port, port,
		parts.n == 4 ? parts.v[2] : host);
}

/* A code for one browser, in the URL that spends it and goes on to the page. */
static int ask(const struct bd_ctl *ctl, const char *run, struct bd_client **ret_client, char **ret_page,
	cJSON **ret_answer, struct bd_error *err)
{
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_free char *id = NULL;
	bd_auto_json cJSON *session = NULL, *known = NULL;
	int r = bd_ctl_connect(ctl, NULL, &c, err);
	if (r == 0)
		r = bd_ctl_dashboard(c, err);
	if (r == 0 && run)
		r = bd_ctl_run_id(c, run, &id, err);
	if (r == 0 && id) {
		bd_auto_free char *path = bd_ctl_run_path(id, "");
		r = bd_client_call(c, "GET", path, NULL, &known, err);
	}
	if (r == 0)
		r = bd_client_call(c, "POST", "/api/v1/sessions", NULL, &session, err);
	if (r < 0)
		return r;
	const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(session, "code"));
	const cJSON *expires = cJSON_GetObjectItemCaseSensitive(session, "expires_s");
	if (!code || !cJSON_IsNumber(expires))
		return bd_error_set(err, -EPROTO, "internal", NULL, "the daemon made a session without a code");
	bd_auto_free char *next = id ? bd_printf("?next=/runs/%s", id) : NULL;
	bd_auto_free char *url = bd_printf("%s/login%s#%s", bd_client_url(c), next ? next : "", code);
	*ret_answer = cJSON_CreateObject();
	cJSON_AddStringToObject(*ret_answer, "url", url);
	cJSON_AddNumberToObject(*ret_answer, "expires_s", expires->valuedouble);
	*ret_page = id ? bd_printf("%s/runs/%s", bd_client_url(c), id) : bd_printf("%s/", bd_client_url(c));
	*ret_client = BD_TAKE_PTR(c);
	return 0;
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_free char *page = NULL, *browser = NULL;
	bd_auto_json cJSON *answer = NULL;
	bool print = bd_words_flag(w, "print");
	if (ask(ctl, w->operands.n ? w->operands.v[0] : NULL, &c, &page, &answer, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, answer);
	const char *url = cJSON_GetObjectItemCaseSensitive(answer, "url")->valuestring;
	if (!print)
		browser = start_any_browser(url);
	bd_auto_free char *line = browser ? bd_printf("opened %s with %s\n", page, browser) : bd_printf("%s\n", url);
	int status = bd_ctl_answer(ctl, line);
	if (browser || status)
		return status;
	if (!print)
		bd_ctl_note(ctl, "%s here: open this yourself within %.0f s",
			is_set("BROWSER")                                        ? "$BROWSER does not work"
				: is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") ? "xdg-open does not work"
										 : "no display and no $BROWSER",
			cJSON_GetObjectItemCaseSensitive(answer, "expires_s")->valuedouble);
	if (!print || is_set("SSH_CONNECTION"))
		note_tunnel(ctl, bd_client_url(c));
	return status;
}

const struct bd_command bd_command_open = {
	.name = "open",
	.summary = "open the dashboard, or the page of one run, in a browser",
	.operands = "[RUN]",
	.words = BD_WORDS_RUN,
	.operands_max = 1,
	.details =
		"RUN is the id of a run, the beginning of one, or latest; without it the list of runs is opened. The browser is "
		"$BROWSER (a list separated by colons, %s stands for the URL), else what xdg-open chooses. Where there is none the URL "
		"is printed. --json prints it too, and opens nothing.\n\n"
		"The URL holds a code that logs in one browser, once, within 60 seconds. While the browser starts, other users of "
		"this machine may see the code on its command line; who comes first spends it, and the other is told. Where they are "
		"not to be trusted, --print keeps it off every command line.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl open latest",
	.run = run,
};
