#include "benchd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <unistd.h>

#define IDLE_EXIT_S 900
#define CONFIG_MAX 65536

static const char *const levels[] =
	{[BD_LOG_ERROR] = "error", [BD_LOG_WARN] = "warn", [BD_LOG_INFO] = "info", [BD_LOG_DEBUG] = "debug"};

struct config {
	int64_t port;
	double idle_exit_s;
	char *log_level;
};
static const struct bd_field config_fields[] = {
	{.name = "port", .type = BD_F_INT, .offset = offsetof(struct config, port)},
	{.name = "idle_exit_s", .type = BD_F_DOUBLE, .offset = offsetof(struct config, idle_exit_s)},
	{.name = "log_level", .type = BD_F_STRING, .offset = offsetof(struct config, log_level)},
};
static const struct bd_doc config_doc = {.name = "configuration",
	.size = sizeof(struct config),
	.fields = config_fields,
	.fields_len = BD_LEN(config_fields)};

void options_done(struct options *o)
{
	free(o->data);
	free(o->config);
	*o = (struct options){.ready_fd = -1};
}

static int level_parse(const char *text, enum bd_log_level *ret)
{
	for (size_t i = 0; i < BD_LEN(levels); i++)
		if (bd_streq(text, levels[i])) {
			*ret = (enum bd_log_level)i;
			return 0;
		}
	return -EINVAL;
}

static int number_parse(const char *text, double max, double *ret)
{
	char *end;
	errno = 0;
	double v = strtod(text, &end);
	if (end == text || *end || errno || !(v >= 0 && v <= max))
		return -EINVAL;
	*ret = v;
	return 0;
}

/* ---- the configuration file -------------------------------------------------------------------------------------------- */

static int config_check(const struct config *c, struct options *o, struct bd_error *err)
{
	if (c->port != BD_NULL_INT) {
		if (c->port < 0 || c->port > 65535)
			return bd_error_set(err, -EINVAL, "bad-config", NULL, "port: %lld is not a port",
				(long long)c->port);
		o->port = (int)c->port;
	}
	if (!isnan(c->idle_exit_s)) {
		if (c->idle_exit_s < 0)
			return bd_error_set(err, -EINVAL, "bad-config", NULL, "idle_exit_s: %g is negative",
				c->idle_exit_s);
		o->idle_exit_s = c->idle_exit_s;
	}
	if (c->log_level && level_parse(c->log_level, &o->log_level) < 0)
		return bd_error_set(err, -EINVAL, "bad-config", "error, warn, info or debug",
			"log_level: there is no level '%s'", c->log_level);
	return 0;
}

static int config_read(const char *path, struct options *o, struct bd_error *err)
{
	bd_auto_free char *text = NULL;
	bd_auto_json cJSON *json = NULL;
	struct bd_error inner = {0};
	struct config c;
	int r = bd_file_read(path, CONFIG_MAX, &text, NULL);
	if (r < 0)
		return bd_error_set(err, r, "bad-config", "BENCHD_CONFIG or --config names it", "%s cannot be read: %s",
			path, strerror(-r));
	bd_doc_init(&config_doc, &c);
	r = bd_json_parse(text, path, &json, &inner);
	if (r < 0)
		return bd_error_set(err, r, "bad-config", inner.hint, "%s", inner.message);
	r = bd_doc_decode(&config_doc, json, &c, &inner);
	if (r == 0) {
		r = config_check(&c, o, &inner);
		bd_doc_done(&config_doc, &c);
	}
	if (r < 0)
		return bd_error_set(err, r, "bad-config", inner.hint, "%s: %.400s", path, inner.message);
	return 0;
}

/* ---- the command line ---------------------------------------------------------------------------------------------------- */

static char *absolute(const char *path)
{
	if (path[0] == '/')
		return bd_strdup(path);
	bd_auto_free char *cwd = realpath(".", NULL);
	return bd_printf("%s/%s", cwd ? cwd : "", path);
}

static int option_apply(struct options *o, int c, const char *value, struct bd_error *err)
{
	double v = 0;
	switch (c) {
	case 'd':
		free(o->data);
		o->data = absolute(value);
		return 0;
	case 'c': /* read before */
		return 0;
	case 'p':
		if (number_parse(value, 65535, &v) < 0 || v != (int)v)
			return bd_error_set(err, -EINVAL, "usage", NULL, "--port %s: not a port", value);
		o->port = (int)v;
		return 0;
	case 'i':
		if (number_parse(value, 1e9, &o->idle_exit_s) < 0)
			return bd_error_set(err, -EINVAL, "usage", NULL, "--idle-exit %s: not a number of seconds",
				value);
		return 0;
	case 'l':
		if (level_parse(value, &o->log_level) < 0)
			return bd_error_set(err, -EINVAL, "usage", "error, warn, info or debug",
				"--log %s: there is no such level", value);
		return 0;
	case 'r':
		if (number_parse(value, INT_MAX, &v) < 0 || v < 3 || v != (int)v)
			return bd_error_set(err, -EINVAL, "usage", NULL, "--ready-fd %s: not a descriptor above 2",
				value);
		o->ready_fd = (int)v;
		return 0;
	case 'f':
		o->foreground = true;
		return 0;
	case 'm':
		o->manual = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		o->version = true;
		return 0;
	}
}

/* One walk over the command line; `only` != 0 looks at that option alone. */
static int walk(struct options *o, int argc, char **argv, int only, struct bd_error *err)
{
	bd_auto_free struct option *known = bd_alloc((option_rows_len + 1) * sizeof *known);
	for (size_t i = 0; i < option_rows_len; i++)
		known[i] = (struct option){option_rows[i].name,
			option_rows[i].argument ? required_argument : no_argument, NULL, option_rows[i].code};
	optind = 1;
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "+:", known, NULL)) != -1;) {
		if (c == '?')
			return bd_error_set(err, -EINVAL, "usage", "benchd --help", "there is no option %s",
				argv[optind - 1]);
		if (c == ':')
			return bd_error_set(err, -EINVAL, "usage", "benchd --help", "%s needs a value",
				argv[optind - 1]);
		if (only && c == only) {
			free(o->config);
			o->config = bd_strdup(optarg);
		}
		int r = only ? 0 : option_apply(o, c, optarg, err);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return bd_error_set(err, -EINVAL, "usage", "benchd --help", "'%s' is one word too many", argv[optind]);
	return 0;
}

int options_read(struct options *ret, int argc, char **argv, struct bd_error *err)
{
	const char *config = getenv("BENCHD_CONFIG");
	struct options o = {.data = bd_data_dir(),
		.config = config && *config ? bd_strdup(config) : NULL,
		.port = PORT_LAST,
		.idle_exit_s = IDLE_EXIT_S,
		.log_level = BD_LOG_INFO,
		.ready_fd = -1};
	int r = walk(&o, argc, argv, 'c', err);
	if (r == 0 && o.config)
		r = config_read(o.config, &o, err);
	/* the descriptor of whoever waits for us is wanted also when the configuration is refused */
	struct bd_error second;
	int r2 = walk(&o, argc, argv, 0, r < 0 ? &second : err);
	*ret = o;
	return r < 0 ? r : r2;
}
