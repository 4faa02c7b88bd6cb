/* A small number for a number: open addressing, grows, never forgets but as a whole. */
#ifndef BD_TRACES_TABLE_H
#define BD_TRACES_TABLE_H

#include "bd_base.h"

struct bd_table {
	uint64_t *key;
	uint32_t *value; /* plus one; 0 = free */
	size_t cap, n;
};

void bd_table_done(struct bd_table *t);
/* -1: it is not there. */
int64_t bd_table_get(const struct bd_table *t, uint64_t key);
/* Adds it, or gives it another value. */
void bd_table_set(struct bd_table *t, uint64_t key, uint32_t value);

#endif
