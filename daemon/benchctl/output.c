/* What is written where: the answer to standard output, everything else to standard error. */
#include "bd_benchctl.h"

#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Of something that is no terminal: nothing is dropped, and lines stay readable in a pager. */
#define WIDTH_NO_TERMINAL 160
#define WIDTH_LEAST 40

size_t bd_screen_width(int fd)
{
	struct winsize size;
	return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void bd_screen_init(struct bd_screen *s, int fd, enum bd_colour_choice choice)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM"), *columns = getenv("COLUMNS");
	s->terminal = isatty(fd) == 1;
	s->utf8 = bd_streq(nl_langinfo(CODESET), "UTF-8");
	if (choice == BD_COLOUR_AUTO)
		s->colour = s->terminal && !(no && *no) && term && !bd_streq(term, "dumb");
	else
		s->colour = choice == BD_COLOUR_ALWAYS;
	s->width = bd_screen_width(fd);
	long asked = !s->width && columns ? strtol(columns, NULL, 10) : 0;
	if (!s->width)
		s->width = asked > 0 && asked < 10000 ? (size_t)asked : s->terminal ? 80 : WIDTH_NO_TERMINAL;
	s->width = BD_MAX(s->width, (size_t)WIDTH_LEAST);
}

void bd_put(struct bd_str *out, const struct bd_screen *s, enum bd_style style, const char *text)
{
	static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[31m", "\033[33m", "\033[32m"};
	bd_auto_free char *t = bd_text_for(s, text);
	bool on = s->colour && style != BD_PLAIN && *t;
	if (on)
		bd_str_puts(out, codes[style]);
	bd_str_puts(out, t);
	if (on)
		bd_str_puts(out, "\033[0m");
}

void bd_putf(struct bd_str *out, const struct bd_screen *s, enum bd_style style, const char *fmt, ...)
{
	bd_auto_str struct bd_str b = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&b, fmt, ap);
	va_end(ap);
	bd_put(out, s, style, b.s ? b.s : "");
}

void bd_put_wrapped(struct bd_str *out, const struct bd_screen *s, const char *text, size_t indent, size_t start)
{
	bd_auto_free char *plain = bd_text_for(s, text);
	bd_text_wrap(out, plain, s->width, indent, start);
}

int bd_write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int bd_ctl_connect(const struct bd_ctl *ctl, const char *idle_exit, struct bd_client **ret, struct bd_error *err)
{
	const char *url = ctl->server ? ctl->server : getenv("BENCHD_URL");
	struct bd_client_options o = {.server = url && *url ? url : NULL, .start = true, .idle_exit = idle_exit};
	return bd_client_connect(&o, ret, err);
}

int bd_ctl_get(const struct bd_ctl *ctl, const char *path, cJSON **ret, struct bd_error *err)
{
	bd_auto_client struct bd_client *client = NULL;
	int r = bd_ctl_connect(ctl, NULL, &client, err);
	return r < 0 ? r : bd_client_call(client, "GET", path, NULL, ret, err);
}

char *bd_ctl_path(const char *path, const char *name, const char *value)
{
	struct bd_str out = {0};
	bd_str_puts(&out, path);
	if (value)
		bd_str_printf(&out, "%s%s=", strchr(path, '?') ? "&" : "?", name);
	for (const char *p = value; p && *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("-._~", *p))
			bd_str_append(&out, p, 1);
		else
			bd_str_printf(&out, "%%%02X", (unsigned)(unsigned char)*p);
	}
	return bd_str_take(&out);
}

int bd_ctl_fail(const struct bd_ctl *ctl, const struct bd_error *err)
{
	bd_auto_str struct bd_str line = {0};
	bd_put(&line, &ctl->err, BD_RED, "benchctl:");
	bd_putf(&line, &ctl->err, BD_PLAIN, " %s", err->message);
	if (*err->hint)
		bd_putf(&line, &ctl->err, BD_PLAIN, " (%s)", err->hint);
	bd_str_puts(&line, "\n");
	bd_write_all(STDERR_FILENO, line.s, line.len);
	return bd_error_kind(err->key)->exit_status;
}

void bd_ctl_note(const struct bd_ctl *ctl, const char *fmt, ...)
{
	if (ctl->verbosity < 0)
		return;
	bd_auto_str struct bd_str text = {0}, line = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	bd_put(&line, &ctl->err, BD_PLAIN, text.s);
	bd_str_puts(&line, "\n");
	bd_write_all(STDERR_FILENO, line.s, line.len);
}

int bd_ctl_answer(const struct bd_ctl *ctl, const char *text)
{
	int r = bd_write_all(STDOUT_FILENO, text, strlen(text));
	if (r == -EPIPE) /* `| head` has seen enough: end as SIGPIPE would have ended us */
		_exit(128 + SIGPIPE);
	if (r == 0)
		return BD_EXIT_OK;
	struct bd_error err;
	bd_error_set(&err, r, "store-failed", NULL, "cannot write the answer: %s", strerror(-r));
	return bd_ctl_fail(ctl, &err);
}

int bd_ctl_answer_json(const struct bd_ctl *ctl, const cJSON *json)
{
	bd_auto_free char *text = ctl->out.terminal ? bd_json_pretty(json) : bd_json_text(json);
	bd_auto_str struct bd_str out = {0};
	bd_str_puts(&out, text);
	if (!out.len || out.s[out.len - 1] != '\n')
		bd_str_puts(&out, "\n");
	return bd_ctl_answer(ctl, out.s);
}

int bd_ctl_answer_document(const struct bd_ctl *ctl, const cJSON *document,
	void (*report)(const cJSON *document, const struct bd_screen *s, struct bd_str *out))
{
	if (ctl->json)
		return bd_ctl_answer_json(ctl, document);
	bd_auto_str struct bd_str out = {0};
	report(document, &ctl->out, &out);
	return bd_ctl_answer(ctl, out.s);
}

int bd_ctl_catalogue(struct bd_ctl *ctl, const struct bd_words *w, const char *path, bd_catalogue_table table)
{
	struct bd_error err;
	bd_auto_json cJSON *json = NULL;
	bd_auto_free char *whole = bd_ctl_path(path, "python", bd_words_text(w, "python"));
	if (bd_ctl_get(ctl, whole, &json, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	struct bd_catalogue c;
	bd_doc_init(&bd_catalogue_doc, &c);
	if (bd_doc_decode(&bd_catalogue_doc, json, &c, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_auto_str struct bd_str out = {0};
	table(ctl, &c, &out);
	bd_doc_done(&bd_catalogue_doc, &c);
	return bd_ctl_answer(ctl, out.s);
}
