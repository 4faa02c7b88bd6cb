#include "bd_base.h"

#include <errno.h>
#include <stdio.h>

/* One row per key; sorted by subject, not by name: the order has no meaning. */
const struct bd_error_kind bd_error_kinds[] = {
	/* what the user typed or sent */
	{"usage", 400, BD_EXIT_USAGE},
	{"bad-json", 400, BD_EXIT_USAGE},
	{"bad-request", 400, BD_EXIT_USAGE},
	{"unknown-field", 400, BD_EXIT_USAGE},
	{"bad-value", 400, BD_EXIT_USAGE},
	{"unknown-target", 404, BD_EXIT_USAGE},
	{"unknown-axis", 400, BD_EXIT_USAGE},
	{"unknown-value", 400, BD_EXIT_USAGE},
	{"bad-suite", 400, BD_EXIT_USAGE},
	{"no-cells", 400, BD_EXIT_USAGE},
	{"bad-registered", 400, BD_EXIT_USAGE},
	{"not-found", 404, BD_EXIT_NOINPUT},
	{"no-such-input", 404, BD_EXIT_NOINPUT},
	{"conflict", 409, BD_EXIT_UNDECIDED},
	/* who may */
	{"unauthorized", 401, BD_EXIT_NOPERM},
	{"forbidden", 403, BD_EXIT_NOPERM},
	{"foreign-origin", 403, BD_EXIT_NOPERM},
	{"not-permitted", 403, BD_EXIT_NOPERM},
	{"wrong-host", 421, BD_EXIT_NOPERM},
	/* the conversation */
	{"method-not-allowed", 405, BD_EXIT_BUG},
	{"wrong-media-type", 415, BD_EXIT_BUG},
	{"body-too-large", 413, BD_EXIT_USAGE},
	{"headers-too-large", 431, BD_EXIT_USAGE},
	{"too-many-streams", 503, BD_EXIT_UNAVAILABLE},
	/* the daemon and its data */
	{"no-daemon", 503, BD_EXIT_UNAVAILABLE},
	{"daemon-busy", 409, BD_EXIT_UNAVAILABLE},
	{"daemon-lost", 503, BD_EXIT_UNDECIDED},
	{"stopping", 503, BD_EXIT_UNAVAILABLE},
	{"dashboard-off", 501, BD_EXIT_UNAVAILABLE},
	{"data-in-use", 409, BD_EXIT_UNAVAILABLE},
	{"data-unusable", 500, BD_EXIT_UNAVAILABLE},
	{"token-unusable", 500, BD_EXIT_UNAVAILABLE},
	{"port-unusable", 500, BD_EXIT_UNAVAILABLE},
	{"bad-config", 500, BD_EXIT_USAGE},
	{"store-full", 507, BD_EXIT_IOERR},
	{"store-failed", 500, BD_EXIT_IOERR},
	{"store-newer", 500, BD_EXIT_UNAVAILABLE},
	{"bad-trace", 500, BD_EXIT_IOERR},
	/* a run and its parts */
	{"waited-too-long", 409, BD_EXIT_UNDECIDED},
	{"interrupted", 409, BD_EXIT_UNDECIDED},
	{"cancelled", 409, BD_EXIT_UNDECIDED},
	{"worker-failed", 500, BD_EXIT_UNDECIDED},
	{"worker-missing", 500, BD_EXIT_UNAVAILABLE},
	{"signal", 500, BD_EXIT_UNDECIDED},
	{"exit", 500, BD_EXIT_UNDECIDED},
	{"timeout", 500, BD_EXIT_UNDECIDED},
	{"protocol", 500, BD_EXIT_UNDECIDED},
	{"privilege", 500, BD_EXIT_UNDECIDED},
	/* the tracer */
	{"tracer-missing", 503, BD_EXIT_UNAVAILABLE},
	{"tracer-failed", 500, BD_EXIT_UNAVAILABLE},
	{"tracer-blind", 503, BD_EXIT_UNAVAILABLE},
	{"no-bpf-rights", 503, BD_EXIT_NOPERM},
	{"no-btf", 503, BD_EXIT_UNAVAILABLE},
	{"layout-unknown", 422, BD_EXIT_UNDECIDED},
	{"not-python", 422, BD_EXIT_UNDECIDED},
	{"too-many", 503, BD_EXIT_UNAVAILABLE},
	{"no-gil", 409, BD_EXIT_UNDECIDED},
	{"no-such-process", 404, BD_EXIT_NOINPUT},
	{"internal", 500, BD_EXIT_BUG},
};
const size_t bd_error_kinds_len = BD_LEN(bd_error_kinds);

const struct bd_error_kind *bd_error_kind(const char *key)
{
	for (size_t i = 0; i < bd_error_kinds_len; i++)
		if (bd_streq(bd_error_kinds[i].key, key))
			return &bd_error_kinds[i];
	return &bd_error_kinds[bd_error_kinds_len - 1];
}

int bd_error_set(struct bd_error *err, int code, const char *key, const char *hint, const char *fmt, ...)
{
	if (!err)
		return code;
	int saved = errno;
	*err = (struct bd_error){.code = code};
	snprintf(err->key, sizeof err->key, "%s", key);
	snprintf(err->hint, sizeof err->hint, "%s", hint ? hint : "");
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	errno = saved;
	return code;
}
