/* The command line, parsed from descriptors. */
#include "bd_benchctl.h"

#include <ctype.h>
#include <errno.h>

const struct bd_option bd_global_options[] = {
	{"server", 0, BD_OPT_TEXT, "URL",
		"use the benchd at URL (or $BENCHD_URL; token in $BENCHD_TOKEN) instead of your own", false, 0, 0,
		BD_WORDS_NONE},
	{"json", 0, BD_OPT_FLAG, NULL, "print the answer as JSON", false, 0, 0, BD_WORDS_NONE},
	{"verbose", 'v', BD_OPT_FLAG, NULL, "say more on standard error", true, 0, 0, BD_WORDS_NONE},
	{"quiet", 'q', BD_OPT_FLAG, NULL, "no progress and no notes, only errors", false, 0, 0, BD_WORDS_NONE},
	{"color", 0, BD_OPT_CHOICE, "auto|always|never", "colours; auto: on a terminal, unless NO_COLOR is set", false,
		0, 0, BD_WORDS_NONE},
	{"help", 'h', BD_OPT_FLAG, NULL, "show this help", false, 0, 0, BD_WORDS_NONE},
	{"version", 0, BD_OPT_FLAG, NULL, "show the version", false, 0, 0, BD_WORDS_NONE},
};
const size_t bd_global_options_len = BD_LEN(bd_global_options);

#define MAX_WHOLE ((int64_t)1 << 53)

void bd_words_done(struct bd_words *w)
{
	free(w->v);
	bd_strv_done(&w->operands);
	bd_strv_done(&w->program);
	*w = (struct bd_words){0};
}

char *bd_words_title(const struct bd_words *w)
{
	if (!w->command)
		return bd_strdup("benchctl");
	return w->parent ? bd_printf("%s %s", w->parent->name, w->command->name) : bd_strdup(w->command->name);
}

/* Digits and a point: strtod would take "inf", "nan", signs, blanks and other bases. *ret_unit: what follows. */
static int parse_number(const char *s, double *ret, char **ret_unit)
{
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	*ret = strtod(s, ret_unit);
	return errno || !isfinite(*ret) || memchr(s, 'x', (size_t)(*ret_unit - s)) ? -EINVAL : 0;
}

int bd_percent_parse(const char *s, double *ret)
{
	double value;
	char *end;
	if (parse_number(s, &value, &end) < 0 || !bd_streq(end, "%") || !(value > 0) || value > 100)
		return -EINVAL;
	*ret = value / 100;
	return 0;
}

int bd_seconds_parse(const char *s, double *ret)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"", 1}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
	char *end;
	double value;
	if (parse_number(s, &value, &end) < 0)
		return -EINVAL;
	for (size_t i = 0; i < BD_LEN(units); i++)
		if (bd_streq(end, units[i].unit)) {
			*ret = value * units[i].seconds;
			return 0;
		}
	return -EINVAL;
}

static int parse_whole(const char *s, int64_t *ret)
{
	char *end;
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	long long value = strtoll(s, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* A value that its option's kind does not allow. */
static int check_value(const struct bd_option *o, const char *value, struct bd_error *err)
{
	bd_auto_strv struct bd_strv parts = {0};
	int64_t whole;
	double seconds, part;
	switch (o->kind) {
	case BD_OPT_FLAG:
		return 0;
	case BD_OPT_TEXT:
		if (*value)
			return 0;
		return bd_error_set(err, -EINVAL, "usage", NULL, "--%s needs a %s, not an empty word", o->name,
			o->argument);
	case BD_OPT_WHOLE: {
		int64_t max = o->max ? o->max : MAX_WHOLE - 1;
		if (parse_whole(value, &whole) == 0 && whole >= o->min && whole <= max)
			return 0;
		return bd_error_set(err, -EINVAL, "usage", NULL,
			"--%s needs a whole number from %lld to %lld, not '%s'", o->name, (long long)o->min,
			(long long)max, value);
	}
	case BD_OPT_SECONDS:
		if (bd_seconds_parse(value, &seconds) == 0)
			return 0;
		return bd_error_set(err, -EINVAL, "usage", "for example 30s, 500ms, 10m", "--%s needs a time, not '%s'",
			o->name, value);
	case BD_OPT_PERCENT:
		if (bd_percent_parse(value, &part) == 0)
			return 0;
		return bd_error_set(err, -EINVAL, "usage", "for example 1%, 0.5%",
			"--%s needs a percentage up to 100%%, not '%s'", o->name, value);
	case BD_OPT_LIST:
		bd_strv_split(&parts, value, ',');
		for (size_t i = 0; i < parts.n; i++)
			if (!*parts.v[i])
				return bd_error_set(err, -EINVAL, "usage", NULL, "--%s has an empty entry in '%s'",
					o->name, value);
		return 0;
	case BD_OPT_PAIR:
	case BD_OPT_AXIS: {
		const char *equals = strchr(value, '=');
		if (!equals || equals == value)
			return bd_error_set(err, -EINVAL, "usage", NULL, "--%s needs %s, not '%s'", o->name,
				o->argument, value);
		if (o->kind == BD_OPT_PAIR)
			return 0;
		bd_strv_split(&parts, equals + 1, ',');
		for (size_t i = 0; i < parts.n; i++)
			if (!*parts.v[i])
				return bd_error_set(err, -EINVAL, "usage", NULL, "--%s has an empty entry in '%s'",
					o->name, value);
		return 0;
	}
	case BD_OPT_CHOICE: {
		bd_strv_split(&parts, o->argument, '|');
		if (bd_strv_has(&parts, value))
			return 0;
		const char *near = bd_nearest(value, (const char *const *)parts.v, parts.n);
		bd_auto_free char *hint = near ? bd_printf("did you mean %s?", near)
					       : bd_printf("one of %s", o->argument);
		return bd_error_set(err, -EINVAL, "usage", hint, "--%s does not know '%s'", o->name, value);
	}
	}
	return -EINVAL;
}

const struct bd_option *bd_option_find(const struct bd_command *c, const char *name, size_t len, char letter)
{
	for (int global = 0; global < 2; global++) {
		const struct bd_option *o = global ? bd_global_options : c ? c->options : NULL;
		size_t n = global ? bd_global_options_len : c ? c->options_len : 0;
		for (size_t i = 0; i < n; i++)
			if (name ? strlen(o[i].name) == len && memcmp(o[i].name, name, len) == 0
				 : letter && o[i].letter == letter)
				return &o[i];
	}
	return NULL;
}

static int unknown_option(const struct bd_words *w, const char *name, struct bd_error *err)
{
	const struct bd_command *c = w->command;
	size_t n = 0, options_len = c ? c->options_len : 0;
	bd_auto_free const char **names = bd_alloc((options_len + bd_global_options_len) * sizeof *names);
	for (size_t i = 0; i < options_len; i++)
		names[n++] = c->options[i].name;
	for (size_t i = 0; i < bd_global_options_len; i++)
		names[n++] = bd_global_options[i].name;
	const char *near = bd_nearest(name, names, n);
	bd_auto_free char *title = bd_words_title(w);
	bd_auto_free char *hint = near ? bd_printf("did you mean --%s?", near)
		: c                    ? bd_printf("benchctl %s --help lists its options", title)
				       : bd_strdup("benchctl --help lists the options");
	return bd_error_set(err, -EINVAL, "usage", hint, "%s has no option --%s", title, name);
}

/* "did you mean runs list or python list?": the commands that have a verb of this name; nothing when none has. */
static void offer_owners(const struct bd_command *const *commands, size_t n, const char *verb, struct bd_str *hint)
{
	for (size_t i = 0; i < n; i++)
		for (size_t v = 0; v < commands[i]->verbs_len; v++)
			if (bd_streq(commands[i]->verbs[v].name, verb))
				bd_str_printf(hint, "%s %s %s", hint->len ? " or" : "did you mean", commands[i]->name,
					verb);
	if (hint->len)
		bd_str_puts(hint, "?");
}

static int unknown_command(const struct bd_words *w, const struct bd_command *const *commands, size_t n,
	const char *word, struct bd_error *err)
{
	bd_auto_free const char **names = bd_alloc(n * sizeof *names);
	for (size_t i = 0; i < n; i++)
		names[i] = commands[i]->name;
	const char *near = bd_nearest(word, names, n);
	bd_auto_str struct bd_str hint = {0};
	if (!w->command)
		offer_owners(commands, n, word, &hint);
	if (hint.len) {
		/* it is known, only not by itself */
	} else if (near) {
		bd_str_printf(&hint, "did you mean %s?", near);
	} else {
		bd_str_puts(&hint, "one of");
		for (size_t i = 0; i < n; i++)
			bd_str_printf(&hint, "%s %s", i ? "," : "", names[i]);
	}
	if (w->command)
		return bd_error_set(err, -EINVAL, "usage", hint.s, "%s has no command '%s'", w->command->name, word);
	return bd_error_set(err, -EINVAL, "usage", hint.s, "there is no command '%s'", word);
}

static int add_option(struct bd_words *w, const struct bd_option *o, const char *value, struct bd_error *err)
{
	if (value) {
		int r = check_value(o, value, err);
		if (r < 0)
			return r;
	}
	*BD_PUSH(w->v, w->n) = (struct bd_word){o, value};
	return 0;
}

/* A word that is no option: the command, its verb, or an operand. */
static int add_operand(struct bd_words *w, const struct bd_command *const *commands, size_t n, const char *word,
	struct bd_error *err)
{
	if (!w->command) {
		for (size_t i = 0; i < n; i++)
			if (bd_streq(commands[i]->name, word)) {
				w->command = commands[i];
				return 0;
			}
		return unknown_command(w, commands, n, word, err);
	}
	if (w->command->verbs_len) {
		const struct bd_command *c = w->command;
		bd_auto_free const struct bd_command **verbs = bd_alloc(
			c->verbs_len * sizeof(const struct bd_command *));
		for (size_t i = 0; i < c->verbs_len; i++) {
			verbs[i] = &c->verbs[i];
			if (bd_streq(verbs[i]->name, word)) {
				w->parent = c;
				w->command = verbs[i];
				return 0;
			}
		}
		return unknown_command(w, verbs, c->verbs_len, word, err);
	}
	bd_strv_add(&w->operands, word);
	return 0;
}

/* --name, --name=value, --name value. Moves *i on when it takes the next word. */
static int long_option(struct bd_words *w, int argc, char *const *argv, int *i, struct bd_error *err)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct bd_option *o = bd_option_find(w->command, name, len, 0);
	if (!o) {
		bd_auto_free char *copy = bd_strndup(name, len);
		return unknown_option(w, copy, err);
	}
	if (!o->argument && equals)
		return bd_error_set(err, -EINVAL, "usage", NULL, "--%s takes no value", o->name);
	if (!o->argument)
		return add_option(w, o, NULL, err);
	if (equals)
		return add_option(w, o, equals + 1, err);
	if (*i + 1 >= argc)
		return bd_error_set(err, -EINVAL, "usage", NULL, "--%s needs a value (--%s %s)", o->name, o->name,
			o->argument);
	return add_option(w, o, argv[++*i], err);
}

/* -v, -vv: letters are flags only. */
static int short_options(struct bd_words *w, const char *letters, struct bd_error *err)
{
	for (const char *l = letters; *l; l++) {
		const struct bd_option *o = bd_option_find(w->command, NULL, 0, *l);
		if (!o)
			return bd_error_set(err, -EINVAL, "usage", "options have long names, --help lists them",
				"there is no option -%s", l);
		int r = add_option(w, o, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_operands(const struct bd_words *w, struct bd_error *err)
{
	const struct bd_command *c = w->command;
	if (!c || w->help)
		return 0;
	bd_auto_free char *title = bd_words_title(w);
	bd_auto_free char *hint = bd_printf("for example %s", c->example);
	if (c->verbs_len) {
		bd_auto_str struct bd_str verbs = {0};
		for (size_t i = 0; i < c->verbs_len; i++)
			bd_str_printf(&verbs, "%s%s", i ? ", " : "", c->verbs[i].name);
		return bd_error_set(err, -EINVAL, "usage", hint, "%s needs one of %s", title, verbs.s);
	}
	if (!c->operands && c->program && w->operands.n) {
		bd_auto_free char *command = bd_printf("a command follows --: benchctl %s -- %s", title,
			w->operands.v[0]);
		return bd_error_set(err, -EINVAL, "usage", command, "%s takes no operand, not '%s'", title,
			w->operands.v[0]);
	}
	if (w->program.n && w->operands.n)
		return bd_error_set(err, -EINVAL, "usage", hint, "%s takes either %s or -- %s, not both '%s' and '%s'",
			title, c->operands, c->program, w->operands.v[0], w->program.v[0]);
	if (w->program.n && *w->program.v[0])
		return 0;
	if (!c->operands && w->program.n)
		return bd_error_set(err, -EINVAL, "usage", hint, "%s needs -- %s, not an empty word", title,
			c->program);
	if (w->operands.n < c->operands_min && c->program)
		return bd_error_set(err, -EINVAL, "usage", hint, "%s needs %s, or -- %s", title, c->operands,
			c->program);
	if (w->operands.n < c->operands_min)
		return bd_error_set(err, -EINVAL, "usage", hint, "%s needs %s", title, c->operands);
	if (w->operands.n > c->operands_max && !c->operands_max)
		return bd_error_set(err, -EINVAL, "usage", hint, "%s takes no operand, not '%s'", title,
			w->operands.v[0]);
	if (w->operands.n > c->operands_max)
		return bd_error_set(err, -EINVAL, "usage", hint, "%s takes %s, not also '%s'", title, c->operands,
			w->operands.v[c->operands_max]);
	/* a variable that is not set, and not the beginning of every id; the words to complete are what they are */
	for (size_t i = 0; i < w->operands.n && c->operands_max != SIZE_MAX; i++)
		if (!*w->operands.v[i])
			return bd_error_set(err, -EINVAL, "usage", hint, "%s takes %s, not an empty word", title,
				c->operands);
	return 0;
}

int bd_words_parse(const struct bd_command *const *commands, size_t commands_len, int argc, char *const *argv,
	struct bd_words *ret, struct bd_error *err)
{
	bool only_operands = false;
	for (int i = 1; i < argc; i++) {
		int r;
		if (only_operands && ret->command && ret->command->program) {
			bd_strv_add(&ret->program, argv[i]);
			continue;
		}
		if (!only_operands && bd_streq(argv[i], "--")) {
			only_operands = true;
			continue;
		}
		if (!only_operands && bd_starts_with(argv[i], "--"))
			r = long_option(ret, argc, argv, &i, err);
		else if (!only_operands && argv[i][0] == '-' && argv[i][1])
			r = short_options(ret, argv[i] + 1, err);
		else
			r = add_operand(ret, commands, commands_len, argv[i], err);
		if (r < 0)
			return r;
		ret->help = bd_words_flag(ret, "help");
	}
	return check_operands(ret, err);
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

const char *bd_words_text(const struct bd_words *w, const char *name)
{
	for (size_t i = w->n; i-- > 0;)
		if (bd_streq(w->v[i].option->name, name))
			return w->v[i].value;
	return NULL;
}

bool bd_words_flag(const struct bd_words *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (bd_streq(w->v[i].option->name, name))
			return true;
	return false;
}

int64_t bd_words_whole(const struct bd_words *w, const char *name)
{
	int64_t value = BD_NULL_INT;
	const char *text = bd_words_text(w, name);
	if (text)
		parse_whole(text, &value);
	return value;
}

double bd_words_seconds(const struct bd_words *w, const char *name)
{
	double value = NAN;
	const char *text = bd_words_text(w, name);
	if (text)
		bd_seconds_parse(text, &value);
	return value;
}

double bd_words_part(const struct bd_words *w, const char *name)
{
	double value = NAN;
	const char *text = bd_words_text(w, name);
	if (text)
		bd_percent_parse(text, &value);
	return value;
}

void bd_words_list(const struct bd_words *w, const char *name, struct bd_strv *ret)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!bd_streq(w->v[i].option->name, name))
			continue;
		bd_auto_strv struct bd_strv parts = {0};
		bd_strv_split(&parts, w->v[i].value, ',');
		for (size_t j = 0; j < parts.n; j++)
			if (!bd_strv_has(ret, parts.v[j]))
				bd_strv_add(ret, parts.v[j]);
	}
}

void bd_words_pairs(const struct bd_words *w, const char *name, struct bd_map *ret)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!bd_streq(w->v[i].option->name, name))
			continue;
		const char *value = w->v[i].value, *equals = strchr(value, '=');
		bd_auto_free char *key = bd_strndup(value, (size_t)(equals - value));
		bd_map_set(ret, key, equals + 1);
	}
}
