#include "table.h"

void bd_table_done(struct bd_table *t)
{
	free(t->key);
	free(t->value);
	*t = (struct bd_table){0};
}

/* Where the key is, or the free place where it belongs. */
static size_t place(const struct bd_table *t, uint64_t key)
{
	uint64_t h = (key ^ (key >> 32)) * 0x9e3779b97f4a7c15U;
	size_t at = (h >> 20) & (t->cap - 1);
	while (t->value[at] && t->key[at] != key)
		at = (at + 1) & (t->cap - 1);
	return at;
}

int64_t bd_table_get(const struct bd_table *t, uint64_t key)
{
	return t->cap ? (int64_t)t->value[place(t, key)] - 1 : -1;
}

static void grow(struct bd_table *t)
{
	struct bd_table bigger = {.cap = BD_MAX(t->cap * 2, (size_t)64), .n = t->n};
	bigger.key = bd_alloc(bigger.cap * sizeof *bigger.key);
	bigger.value = bd_alloc(bigger.cap * sizeof *bigger.value);
	for (size_t i = 0; i < t->cap; i++)
		if (t->value[i]) {
			size_t at = place(&bigger, t->key[i]);
			bigger.key[at] = t->key[i];
			bigger.value[at] = t->value[i];
		}
	bd_table_done(t);
	*t = bigger;
}

void bd_table_set(struct bd_table *t, uint64_t key, uint32_t value)
{
	if ((t->n + 1) * 2 > t->cap)
		grow(t);
	size_t at = place(t, key);
	t->n += !t->value[at];
	t->key[at] = key;
	t->value[at] = value + 1;
}
