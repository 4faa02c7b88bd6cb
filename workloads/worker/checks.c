/* The checks a cell passes before and after it is timed (measurement.md, section 5). A failed one makes the cell invalid
 * with its reason, never a number. */
#include "bd_bench.h"

#include <errno.h>
#include <stdarg.h>

#define ROW(check, key) {check, key},
static const struct {
	const char *check, *key;
} known[] = {BD_CHECKS(ROW)};

void bd_verdict_set(struct bd_verdict *v, const char *check, enum bd_cell_status status, const struct bd_error *err)
{
	v->check = check;
	v->status = status;
	v->err = *err;
}

const char *bd_check_known(const char *check, const char *key, const char **ret_key)
{
	for (size_t i = 0; i < BD_LEN(known); i++)
		if (bd_streq(known[i].check, check) && bd_streq(known[i].key, key)) {
			if (ret_key)
				*ret_key = known[i].key;
			return known[i].check;
		}
	return NULL;
}

bool bd_check_fail(struct bd_bench_cell *c, const char *check, const char *key, const char *hint, const char *fmt, ...)
{
	if (!bd_check_known(check, key, NULL)) /* then no test has to have a mutant for it */
		bd_wire_fault_nogil("internal", "BD_CHECKS has no %s %s", check, key);
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	struct bd_error err = {0};
	bd_error_set(&err, -EBADMSG, key, hint, "%s", text.s);
	bd_verdict_set(&c->verdict, check, BD_CELL_INVALID, &err);
	return false;
}

bool bd_check_refused(struct bd_bench_cell *c, const struct bd_error *err)
{
	const char *by = c->work.refused_by;
	if (by)
		return bd_check_fail(c, by, err->key, err->hint, "%s", err->message);
	bd_verdict_set(&c->verdict, "V2", BD_CELL_INVALID, err);
	return false;
}

void bd_check_note(struct bd_bench_cell *c, const char *key, const char *hint, const char *fmt, ...)
{
	for (size_t i = 0; i < c->notes_len; i++)
		if (bd_streq(c->notes[i].key, key))
			return;
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	bd_note_add(&c->notes, &c->notes_len, key, hint, "%s", text.s);
}

/* ---- V1 ---------------------------------------------------------------------------------------------------- */

static bool count(struct bd_bench_cell *c)
{
	for (unsigned i = 0; i < c->team->n; i++) {
		const struct bd_lane *l = &c->team->lanes[i];
		uint64_t want = (l->ops + l->straddled) * c->work.native_calls;
		if (l->native_calls != want)
			return bd_check_fail(c, "V1", "count-differs",
				"the native code was not called as often as it was timed",
				"thread %u called the native code %llu times, its operations need %llu", i,
				(unsigned long long)l->native_calls, (unsigned long long)want);
	}
	if (c->team->stray_calls)
		return bd_check_fail(c, "V1", "count-differs", "the case hands its work to threads of its own",
			"%llu native calls came from threads that are not the cell's",
			(unsigned long long)c->team->stray_calls);
	return true;
}

/* ---- V2 ---------------------------------------------------------------------------------------------------- */

static bool result(struct bd_bench_cell *c)
{
	for (unsigned i = 0; i < c->team->n; i++) {
		const struct bd_lane *l = &c->team->lanes[i];
		struct bd_error err = {0};
		int r = c->work.desc->verify(&c->work, l->start, l->ops + l->straddled, l->result, &err);
		if (r < 0)
			return bd_check_refused(c, &err);
	}
	return true;
}

/* ---- V5 ---------------------------------------------------------------------------------------------------- */

bool bd_check_malloc(struct bd_bench_cell *c)
{
	const struct bd_malloc_info *info = bd_malloc_identify();
	const char *raw = bd_map_get(&c->axes, "allocator"), *object = bd_map_get(&c->axes, "objalloc");
	if (!raw)
		raw = "glibc";
	if (!object)
		object = "pymalloc";
	if (!bd_streq(raw, info->name))
		return bd_check_fail(c, "V5", "allocator-not-loaded",
			"is the library installed, and may it be preloaded?",
			"malloc is served by %s %s (%s), wanted %s", info->name, info->version, info->path, raw);
	struct bd_error err = {0};
	if (bd_malloc_prove(&err) < 0)
		return bd_check_fail(c, "V5", err.key, err.hint, "%s", err.message);
	if (!bd_streq(object, info->objalloc))
		return bd_check_fail(c, "V5", "object-allocator-differs",
			"PYTHONMALLOC chooses it when the interpreter starts", "small objects come from %s, wanted %s",
			info->objalloc, object);
	return true;
}

/* ---- when -------------------------------------------------------------------------------------------------- */

bool bd_check_batch(struct bd_bench_cell *c)
{
	return count(c) && result(c);
}

bool bd_checks_before(struct bd_bench_cell *c, const struct bd_promise *promise)
{
	return bd_check_gil(c) && bd_check_provenance(c, promise, false) && bd_check_malloc(c);
}

bool bd_checks_running(struct bd_bench_cell *c)
{
	return bd_check_interpreters(c) && bd_check_copy(c) && bd_check_overlap(c) && bd_check_gil(c);
}

bool bd_checks_after(struct bd_bench_cell *c, const struct bd_promise *promise, bool leaks)
{
	return bd_check_gil(c) && bd_check_provenance(c, promise, true) && bd_check_malloc(c) &&
		bd_check_interpreters(c) && bd_check_copy(c) && bd_check_overlap(c) && (!leaks || bd_check_leaks(c));
}
