/* The table of a code object that says which instruction belongs to which line (co_linetable of CPython 3.11 and newer). */
#ifndef BD_LINE_TABLE_H
#define BD_LINE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* The line of the instruction at this offset in bytes; 0: it belongs to none, or the table is not one. */
int32_t bd_line_table_find(const uint8_t *table, size_t len, int32_t firstlineno, uint64_t offset);

#endif
