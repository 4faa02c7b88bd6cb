#include "bd_base.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

void bd_freep(void *pp)
{
	free(*(void **)pp);
	*(void **)pp = NULL;
}

void bd_closep(int *fd)
{
	if (*fd < 0)
		return;
	int saved = errno;
	close(*fd);
	errno = saved;
	*fd = -1;
}

static _Noreturn void out_of_memory(size_t n)
{
	bd_log(BD_LOG_ERROR, "out of memory (%zu bytes)", n);
	abort();
}

void *bd_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);
	if (!p)
		out_of_memory(n);
	return p;
}

void *bd_realloc(void *p, size_t n)
{
	void *q = realloc(p, n ? n : 1);
	if (!q)
		out_of_memory(n);
	return q;
}

char *bd_strndup(const char *s, size_t n)
{
	char *p = bd_alloc(n + 1);
	memcpy(p, s, n);
	return p;
}

char *bd_strdup(const char *s)
{
	return s ? bd_strndup(s, strlen(s)) : NULL;
}

bool bd_streq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool bd_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool bd_glob(const char *pattern, const char *s)
{
	return fnmatch(pattern, s, 0) == 0;
}

static size_t edit_distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	bd_auto_free size_t *row = bd_alloc((n + 1) * sizeof *row);
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			row[j] = BD_MIN(change, BD_MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const char *bd_nearest(const char *word, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	size_t limit = BD_MAX((size_t)2, strlen(word) / 3), best_distance = limit + 1;
	for (size_t i = 0; i < n; i++) {
		size_t d = edit_distance(word, candidates[i]);
		/* a prefix the user stopped typing is near, however long the rest is */
		if (strlen(word) >= 3 && bd_starts_with(candidates[i], word))
			d = BD_MIN(d, limit);
		if (d < best_distance) {
			best_distance = d;
			best = candidates[i];
		}
	}
	return best;
}

void bd_str_append(struct bd_str *b, const void *p, size_t n)
{
	if (b->len + n + 1 > b->cap) {
		b->cap = BD_MAX(b->len + n + 1, b->cap * 2);
		b->s = bd_realloc(b->s, b->cap);
	}
	if (n)
		memcpy(b->s + b->len, p, n);
	b->len += n;
	b->s[b->len] = 0;
}

void bd_str_puts(struct bd_str *b, const char *s)
{
	bd_str_append(b, s, strlen(s));
}

void bd_str_vprintf(struct bd_str *b, const char *fmt, va_list ap)
{
	char *s = NULL;
	int n = vasprintf(&s, fmt, ap);
	if (n < 0)
		out_of_memory(0);
	bd_str_append(b, s, (size_t)n);
	free(s);
}

void bd_str_printf(struct bd_str *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(b, fmt, ap);
	va_end(ap);
}

char *bd_printf(const char *fmt, ...)
{
	struct bd_str b = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&b, fmt, ap);
	va_end(ap);
	return bd_str_take(&b);
}

void bd_str_clear(struct bd_str *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = 0;
}

void bd_str_done(struct bd_str *b)
{
	free(b->s);
	*b = (struct bd_str){0};
}

char *bd_str_take(struct bd_str *b)
{
	char *s = b->s ? b->s : bd_alloc(1);
	*b = (struct bd_str){0};
	return s;
}

void *bd_push_(void **arr, size_t *n, size_t size)
{
	/* grow when the count is 0 or a power of two */
	if ((*n & (*n - 1)) == 0)
		*arr = bd_realloc(*arr, (*n ? *n * 2 : 1) * size);
	void *slot = (char *)*arr + *n * size;
	memset(slot, 0, size);
	(*n)++;
	return slot;
}

void bd_strv_add(struct bd_strv *sv, const char *s)
{
	*BD_PUSH(sv->v, sv->n) = bd_strdup(s);
}

void bd_strv_addf(struct bd_strv *sv, const char *fmt, ...)
{
	struct bd_str b = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&b, fmt, ap);
	va_end(ap);
	*BD_PUSH(sv->v, sv->n) = bd_str_take(&b);
}

void bd_strv_split(struct bd_strv *sv, const char *s, char sep)
{
	for (;;) {
		const char *end = strchr(s, sep);
		*BD_PUSH(sv->v, sv->n) = bd_strndup(s, end ? (size_t)(end - s) : strlen(s));
		if (!end)
			return;
		s = end + 1;
	}
}

bool bd_strv_has(const struct bd_strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (bd_streq(sv->v[i], s))
			return true;
	return false;
}

char **bd_strv_argv(const struct bd_strv *sv)
{
	char **argv = bd_alloc((sv->n + 1) * sizeof *argv);
	for (size_t i = 0; i < sv->n; i++)
		argv[i] = sv->v[i];
	return argv;
}

void bd_strv_done(struct bd_strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	free(sv->v);
	*sv = (struct bd_strv){0};
}
