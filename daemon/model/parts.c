#include "bd_model.h"

#include <errno.h>
#include <stdio.h>

const char *bd_map_get(const struct bd_map *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (bd_streq(m->v[i].key, key))
			return m->v[i].value;
	return NULL;
}

void bd_map_set(struct bd_map *m, const char *key, const char *value)
{
	for (size_t i = 0; i < m->n; i++) {
		if (bd_streq(m->v[i].key, key)) {
			free(m->v[i].value);
			m->v[i].value = bd_strdup(value);
			return;
		}
	}
	*BD_PUSH(m->v, m->n) = (struct bd_pair){bd_strdup(key), bd_strdup(value)};
}

void bd_map_done(struct bd_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].key);
		free(m->v[i].value);
	}
	free(m->v);
	*m = (struct bd_map){0};
}

struct bd_choice *bd_choices_get(const struct bd_choices *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (bd_streq(c->v[i].name, name))
			return &c->v[i];
	return NULL;
}

void bd_choices_set(struct bd_choices *c, const char *name, const struct bd_strv *values)
{
	struct bd_choice *choice = bd_choices_get(c, name);
	if (!choice) {
		choice = BD_PUSH(c->v, c->n);
		choice->name = bd_strdup(name);
	}
	bd_strv_done(&choice->values);
	for (size_t i = 0; i < values->n; i++)
		bd_strv_add(&choice->values, values->v[i]);
}

struct bd_reason *bd_reason_new(const char *check, const char *key, const char *hint, const char *fmt, ...)
{
	struct bd_str message = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&message, fmt, ap);
	va_end(ap);
	struct bd_reason *r = bd_alloc(sizeof *r);
	/* absent is null in every document, never "" */
	*r = (struct bd_reason){bd_strdup(check && *check ? check : NULL), bd_strdup(key), bd_str_take(&message),
		bd_strdup(hint && *hint ? hint : NULL)};
	return r;
}

struct bd_reason *bd_reason_from_error(const struct bd_error *err)
{
	return bd_reason_new(NULL, err->key, err->hint[0] ? err->hint : NULL, "%s", err->message);
}

struct bd_reason *bd_reason_copy(const struct bd_reason *r)
{
	return r ? bd_reason_new(r->check, r->key, r->hint, "%s", r->message) : NULL;
}

void bd_reason_free(struct bd_reason *r)
{
	if (r)
		bd_doc_done(&bd_reason_doc, r);
	free(r);
}

static int name_index(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (bd_streq(names[i], s))
			return (int)i;
	return -EINVAL;
}

const char *const bd_cell_status_names[] = {"ok", "unsupported", "invalid", "failed", "interrupted"};
const char *const bd_run_state_names[] = {"queued", "running", "complete", "interrupted", "failed", "cancelled"};

int bd_cell_status_parse(const char *s, enum bd_cell_status *ret)
{
	int i = name_index(bd_cell_status_names, BD_LEN(bd_cell_status_names), s);
	if (i < 0)
		return i;
	*ret = (enum bd_cell_status)i;
	return 0;
}

int bd_run_state_parse(const char *s, enum bd_run_state *ret)
{
	int i = name_index(bd_run_state_names, BD_LEN(bd_run_state_names), s);
	if (i < 0)
		return i;
	*ret = (enum bd_run_state)i;
	return 0;
}

void bd_cell_done(struct bd_cell *c)
{
	free(c->id);
	free(c->case_name);
	free(c->role);
	bd_axes_done(&c->axes);
	bd_reason_free(c->reason);
	bd_reason_free(c->gil_off);
	bd_reason_free(c->scaling_off);
	cJSON_Delete(c->facts);
	*c = (struct bd_cell){0};
}

void bd_sample_done(struct bd_sample *s)
{
	free(s->threads);
	free(s->blocks);
	free(s->hist);
	*s = (struct bd_sample){0};
}

int64_t bd_sample_ops(const struct bd_sample *s)
{
	int64_t ops = 0;
	for (size_t i = 0; i < s->threads_len; i++)
		ops += s->threads[i].ops;
	return ops;
}

bool bd_sample_flagged(const struct bd_sample *s)
{
	double a = (double)s->probe_ns[0], b = (double)s->probe_ns[1];
	return a > 0 && b > 0 && fabs(a - b) > 0.10 * BD_MIN(a, b);
}

void bd_run_done(struct bd_run *r)
{
	free(r->id);
	free(r->suite);
	bd_reason_free(r->reason);
	bd_map_done(&r->labels);
	free(r->comparability_key);
	cJSON_Delete(r->environment);
	cJSON_Delete(r->request);
	cJSON_Delete(r->plan);
	cJSON_Delete(r->check);
	*r = (struct bd_run){0};
}

void bd_trace_done(struct bd_trace *t)
{
	free(t->id);
	free(t->run_id);
	bd_reason_free(t->reason);
	free(t->python);
	free(t->command);
	free(t->level);
	*t = (struct bd_trace){0};
}
