/* Where two JSON values differ. */
#include "report_internal.h"

/* Figures have 12 significant digits; what a different order of additions changes is below this. */
#define TOLERANCE 1e-9

struct walk {
	struct difference *v;
	size_t n;
	struct bd_str path;
};

static void differ(struct walk *w, const cJSON *a, const cJSON *b)
{
	*BD_PUSH(w->v, w->n) = (struct difference){bd_strdup(w->path.s ? w->path.s : ""), a, b};
}

static void walk(struct walk *w, const cJSON *a, const cJSON *b);

static void step(struct walk *w, const char *name, size_t index, const cJSON *a, const cJSON *b)
{
	size_t before = w->path.len;
	if (name)
		bd_str_printf(&w->path, "%s%s", before ? "." : "", name);
	else
		bd_str_printf(&w->path, "[%zu]", index);
	if (a && b)
		walk(w, a, b);
	else
		differ(w, a, b);
	w->path.len = before;
	w->path.s[before] = 0;
}

static void walk_object(struct walk *w, const cJSON *a, const cJSON *b)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, a)
		step(w, item->string, 0, item, cJSON_GetObjectItemCaseSensitive(b, item->string));
	cJSON_ArrayForEach(item, b)
		if (!cJSON_GetObjectItemCaseSensitive(a, item->string))
			step(w, item->string, 0, NULL, item);
}

static void walk_list(struct walk *w, const cJSON *a, const cJSON *b)
{
	const cJSON *x = a->child, *y = b->child;
	for (size_t i = 0; x || y; i++) {
		step(w, NULL, i, x, y);
		x = x ? x->next : NULL;
		y = y ? y->next : NULL;
	}
}

static bool near(double x, double y)
{
	bool whole = x == floor(x) && y == floor(y); /* counts, sizes, seeds: nothing is rounded there */
	return x == y || (!whole && fabs(x - y) <= TOLERANCE * fmax(fabs(x), fabs(y)));
}

static void walk(struct walk *w, const cJSON *a, const cJSON *b)
{
	if (cJSON_IsNumber(a) && cJSON_IsNumber(b)) {
		if (!near(a->valuedouble, b->valuedouble))
			differ(w, a, b);
	} else if ((a->type & 0xff) != (b->type & 0xff) ||
		(cJSON_IsString(a) && !bd_streq(a->valuestring, b->valuestring))) {
		differ(w, a, b);
	} else if (cJSON_IsObject(a)) {
		walk_object(w, a, b);
	} else if (cJSON_IsArray(a)) {
		walk_list(w, a, b);
	}
}

size_t report_differences(const cJSON *a, const cJSON *b, struct difference **ret)
{
	struct walk w = {0};
	bd_str_puts(&w.path, "");
	walk(&w, a, b);
	bd_str_done(&w.path);
	*ret = w.v;
	return w.n;
}

void report_differences_free(struct difference *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].path);
	free(v);
}
