#include "bd_model.h"

#include <errno.h>
#include <stdio.h>

/* Fixed order of every id. The parameters of a case follow, by name. */
const struct bd_axis_kind bd_axis_kinds[] = {
	{"python", NULL, "interpreter, by its id (benchctl cases --json lists them)", true},
	{"binding", NULL, "how the boundary is crossed: NAME, NAME:VARIANT, each, all", false},
	{"caller", "python", "what calls: a loop of Python bytecode (python) or of C (c: plugins, commands)", false},
	{"allocator", "glibc", "what serves malloc: glibc, jemalloc, mimalloc or tcmalloc (LD_PRELOAD)", true},
	{"objalloc", "pymalloc", "Python's object allocator: pymalloc or malloc (PYTHONMALLOC)", true},
	{"threads", NULL, "Python threads that call at once", false},
	{"affinity", "pinned", "pinned: thread i on one processor; set: on the common set; free: anywhere", false},
	{"gc", "on", "Python's cyclic garbage collector during batches: on or off", true},
	{"switch_interval", "5ms", "sys.setswitchinterval, a duration", true},
};
const size_t bd_axis_kinds_len = BD_LEN(bd_axis_kinds);

static int axis_rank(const char *name)
{
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		if (bd_streq(bd_axis_kinds[i].name, name))
			return (int)i;
	return (int)bd_axis_kinds_len;
}

static int axis_order(const char *a, const char *b)
{
	int ra = axis_rank(a), rb = axis_rank(b);
	return ra != rb ? ra - rb : strcmp(a, b);
}

const char *bd_axes_get(const struct bd_axes *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (bd_streq(a->v[i].key, name))
			return a->v[i].value;
	return NULL;
}

void bd_axes_set(struct bd_axes *a, const char *name, const char *value)
{
	for (size_t i = 0; i < a->n; i++) {
		if (bd_streq(a->v[i].key, name)) {
			free(a->v[i].value);
			a->v[i].value = bd_strdup(value);
			return;
		}
	}
	BD_PUSH(a->v, a->n);
	size_t at = a->n - 1;
	for (; at > 0 && axis_order(name, a->v[at - 1].key) < 0; at--)
		a->v[at] = a->v[at - 1];
	a->v[at] = (struct bd_pair){bd_strdup(name), bd_strdup(value)};
}

bool bd_axes_equal(const struct bd_axes *a, const struct bd_axes *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!bd_streq(a->v[i].key, b->v[i].key) || !bd_streq(a->v[i].value, b->v[i].value))
			return false;
	return true;
}

void bd_axes_copy(const struct bd_axes *a, struct bd_axes *ret)
{
	struct bd_axes copy = {0};
	for (size_t i = 0; i < a->n; i++)
		bd_axes_set(&copy, a->v[i].key, a->v[i].value);
	*ret = copy;
}

void bd_axes_done(struct bd_axes *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->v[i].key);
		free(a->v[i].value);
	}
	free(a->v);
	*a = (struct bd_axes){0};
}

int64_t bd_axes_threads(const struct bd_axes *a)
{
	const char *t = bd_axes_get(a, "threads");
	return t ? strtoll(t, NULL, 10) : 1;
}

char *bd_cell_id(const char *case_name, const struct bd_axes *axes)
{
	struct bd_str b = {0};
	bd_str_puts(&b, case_name);
	for (size_t i = 0; i < axes->n; i++) {
		int rank = axis_rank(axes->v[i].key);
		const char *fallback = rank < (int)bd_axis_kinds_len ? bd_axis_kinds[rank].fallback : NULL;
		if (!bd_streq(axes->v[i].value, fallback))
			bd_str_printf(&b, "/%s=%s", axes->v[i].key, axes->v[i].value);
	}
	return bd_str_take(&b);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bd_pair *)a)->key, ((const struct bd_pair *)b)->key);
}

void bd_series_id(const char *case_name, const struct bd_axes *axes, char out[BD_SERIES_LEN])
{
	/* by name and not in the order of ids, which changes when an axis gets a place of its own in it */
	bd_auto_free struct bd_pair *pairs = bd_alloc(axes->n * sizeof *pairs);
	if (axes->n) {
		memcpy(pairs, axes->v, axes->n * sizeof *pairs);
		qsort(pairs, axes->n, sizeof *pairs, by_name);
	}
	bd_auto_str struct bd_str b = {0};
	bd_str_append(&b, case_name, strlen(case_name) + 1);
	for (size_t i = 0; i < axes->n; i++) {
		bd_str_append(&b, pairs[i].key, strlen(pairs[i].key) + 1);
		bd_str_append(&b, pairs[i].value, strlen(pairs[i].value) + 1);
	}
	snprintf(out, BD_SERIES_LEN, "%016llx", (unsigned long long)bd_hash(b.s, b.len));
}

int bd_duration_parse(const char *s, int64_t *ret_ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	char *end;
	if (!s || *s < '0' || *s > '9')
		return -EINVAL;
	double v = strtod(s, &end);
	for (size_t i = 0; i < BD_LEN(units); i++) {
		if (!bd_streq(end, units[i].unit))
			continue;
		double ns = v * units[i].ns;
		if (!(ns >= 0 && ns < 9e18))
			return -EINVAL;
		*ret_ns = (int64_t)(ns + 0.5);
		return 0;
	}
	return -EINVAL;
}
