#include "line_table.h"
#include "python_text.h"
#include "symbols.h"

#include <errno.h>

/* What a hostile target may make us hold. */
#define CODES 8192             /* a power of two */
#define TABLES_MAX (64U << 20) /* bytes of all line tables */
#define TABLE_MAX (4U << 20)   /* of one: 32 bits of code units would be absurd */
#define FUNCTION_MAX 1024      /* characters */
#define FILE_MAX 4096
#define UNITS_MAX (1U << 26)
#define COPIES_MAX 4096 /* of one code object's instructions: one per thread */
#define HEAD_MAX 512    /* bytes of a code object before its instructions */

/* A record's idea of a code object: with equal keys it is the same one. */
struct key {
	uint64_t code, filename, qualname, linetable;
	uint32_t firstlineno, version;
	char text[BD_EVENTS_TEXT];
};

struct code {
	struct key key;
	uint32_t next; /* in its chain by hash; index + 1 */
	const char *function, *file;
	uint8_t *table;
	uint32_t table_len, units;
};

/* A ring: the oldest gives way. */
struct bd_codes {
	struct code code[CODES];
	uint32_t chain[CODES]; /* by hash: index + 1 */
	uint32_t first, used;
	size_t tables; /* bytes */
	uint64_t str_type, bytes_type;
};

static uint32_t *chain_of(struct bd_codes *c, const struct key *k)
{
	return &c->chain[bd_hash(k, sizeof *k) & (CODES - 1)];
}

static struct code *find(struct bd_codes *c, const struct key *k)
{
	for (uint32_t i = *chain_of(c, k); i; i = c->code[i - 1].next)
		if (memcmp(&c->code[i - 1].key, k, sizeof *k) == 0)
			return &c->code[i - 1];
	return NULL;
}

static void drop_oldest(struct bd_codes *c)
{
	struct code *x = &c->code[c->first];
	uint32_t *at = chain_of(c, &x->key);
	while (*at != c->first + 1)
		at = &c->code[*at - 1].next;
	*at = x->next;
	c->tables -= x->table_len;
	free(x->table);
	*x = (struct code){0};
	c->first = (c->first + 1) & (CODES - 1);
	c->used--;
}

static struct code *add(struct bd_codes *c, const struct code *x)
{
	while (c->used && (c->used == CODES || c->tables + x->table_len > TABLES_MAX))
		drop_oldest(c);
	uint32_t i = (c->first + c->used++) & (CODES - 1), *chain = chain_of(c, &x->key);
	c->code[i] = *x;
	c->code[i].next = *chain;
	*chain = i + 1;
	c->tables += x->table_len;
	return &c->code[i];
}

void bd_codes_free(struct bd_codes **cp)
{
	struct bd_codes *c = BD_TAKE_PTR(*cp);
	if (!c)
		return;
	while (c->used)
		drop_oldest(c);
	free(c);
}

/* ---- reading objects -------------------------------------------------------------------------------------------- */

#define AHEAD 256 /* most names and many tables are read at once with their head */

static uint64_t word(const uint8_t *head, uint32_t at)
{
	uint64_t v;
	memcpy(&v, head + at, sizeof v);
	return v;
}

static uint32_t half(const uint8_t *head, uint32_t at)
{
	uint32_t v;
	memcpy(&v, head + at, sizeof v);
	return v;
}

/* Memory that was given back keeps what it held for a while; the word with the number of references is the first to go: the
 * allocator keeps its list of free blocks there, or it is left at 0. */
static bool is_alive(const struct bd_symbols *s, const uint8_t *head)
{
	const struct bd_object_offsets *o = &s->info.offsets.object;
	if (o->ob_mutex >= 0) /* free-threaded: of its own thread, and with two flags of the others */
		return half(head, o->ob_type - 12) || word(head, o->ob_type - 8) >> 2;
	/* 32 bits of number; 16 that are 0, or the middle of an address; 16 of flags from 3.14 on */
	uint64_t references = word(head, 0);
	return (uint32_t)references && !(references >> 32 & 0xffff);
}

/* Whether an object is of the type of that name; *known is its address once it was met. */
static bool is_a(const struct bd_symbols *s, const uint8_t *head, const char *name, uint64_t *known)
{
	const struct bd_object_offsets *o = &s->info.offsets.object;
	uint64_t type = word(head, o->ob_type), text;
	char have[8] = "";
	if (type && type == *known)
		return true;
	size_t len = strlen(name) + 1;
	if (bd_symbols_read_all(s, type + o->tp_name, &text, sizeof text) < 0 ||
		bd_symbols_read_all(s, text, have, len) < 0 || memcmp(have, name, len) != 0)
		return false;
	*known = type;
	return true;
}

/* len bytes from `from` on of an object of which the first `ahead` were read already. */
static int rest(const struct bd_symbols *s, uint64_t object, const uint8_t *head, size_t ahead, uint32_t from,
	uint8_t *ret, size_t len)
{
	size_t have = ahead > from ? BD_MIN(ahead - from, len) : 0;
	if (have)
		memcpy(ret, head + from, have);
	return have == len ? 0 : bd_symbols_read_all(s, object + from + have, ret + have, len - have);
}

/* The text of a compact str, at most max characters of it and then "…"; -errno when it is none. */
static int read_text(const struct bd_symbols *s, uint64_t object, size_t max, struct bd_str *ret, bool *ret_ascii)
{
	const struct bd_object_offsets *o = &s->info.offsets.object;
	uint8_t head[AHEAD];
	ssize_t n = bd_symbols_read(s, object, head, sizeof head);
	if (n < 0)
		return (int)n;
	if ((size_t)n < o->ascii_data)
		return -EFAULT;
	if (!is_alive(s, head) || !is_a(s, head, "str", &s->codes->str_type))
		return -ESTALE;
	uint64_t len = word(head, o->unicode_length);
	uint32_t state = half(head, o->unicode_state) >> o->unicode_kind;
	unsigned kind = state & 7;
	bool compact = state & 8, ascii = state & 16;
	if (!compact || (kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1) || len > INT32_MAX)
		return -EINVAL;
	size_t take = BD_MIN(len, max);
	bd_auto_free uint8_t *data = bd_alloc(take * kind + 1);
	int r = rest(s, object, head, (size_t)n, ascii ? o->ascii_data : o->compact_data, data, take * kind);
	if (r < 0)
		return r;
	if (!bd_python_text(ret, data, take, kind))
		return -EINVAL;
	if (take < len)
		bd_str_puts(ret, "…");
	*ret_ascii = ascii;
	return 0;
}

/* The bytes of a bytes object, at most max; caller frees. -EFBIG: longer. */
static int read_bytes(const struct bd_symbols *s, uint64_t object, size_t max, uint8_t **ret, uint32_t *ret_len)
{
	const struct bd_object_offsets *o = &s->info.offsets.object;
	uint8_t head[AHEAD];
	ssize_t n = bd_symbols_read(s, object, head, sizeof head);
	if (n < 0)
		return (int)n;
	if ((size_t)n < o->bytes_data)
		return -EFAULT;
	if (!is_alive(s, head) || !is_a(s, head, "bytes", &s->codes->bytes_type))
		return -ESTALE;
	uint64_t len = word(head, o->bytes_size);
	if (len > max)
		return -EFBIG;
	bd_auto_free uint8_t *data = bd_alloc(len + 1);
	int r = rest(s, object, head, (size_t)n, o->bytes_data, data, len);
	if (r < 0)
		return r;
	*ret = BD_TAKE_PTR(data);
	*ret_len = (uint32_t)len;
	return 0;
}

/* ---- code objects ----------------------------------------------------------------------------------------------- */

static bool offsets_are_sane(const struct bd_offsets *o)
{
	return o->code.instructions <= HEAD_MAX && o->code.instructions >= o->code.units + 8 &&
		o->code.instructions >= o->code.linetable + 8 && o->code.instructions >= o->code.filename + 8 &&
		o->code.instructions >= o->code.qualname + 8 && o->code.instructions >= o->code.firstlineno + 4 &&
		o->code.instructions >= o->object.ob_type + 8 &&
		o->object.ob_type >= (o->object.ob_mutex < 0 ? 0 : 12) &&
		(o->code.version < 0 || o->code.instructions >= (uint32_t)o->code.version + 4) &&
		o->object.unicode_length + 8 <= o->object.ascii_data &&
		o->object.unicode_state + 4 <= o->object.ascii_data && o->object.ascii_data <= AHEAD &&
		o->object.ob_type + 8 <= o->object.ascii_data && o->object.unicode_kind < 32 &&
		o->object.bytes_size + 8 <= o->object.bytes_data && o->object.bytes_data <= AHEAD &&
		o->object.ob_type + 8 <= o->object.bytes_data;
}

/* Whether the code object at that address is (still) the one the record means. */
static int is_same(const struct bd_symbols *s, const struct key *k, uint32_t *ret_units)
{
	const struct bd_offsets *o = &s->info.offsets;
	uint8_t head[HEAD_MAX];
	int r = bd_symbols_read_all(s, k->code, head, o->code.instructions);
	if (r < 0)
		return r;
	uint64_t units = word(head, o->code.units);
	if (!is_alive(s, head) || word(head, o->object.ob_type) != s->info.code_type ||
		word(head, o->code.filename) != k->filename || word(head, o->code.qualname) != k->qualname ||
		word(head, o->code.linetable) != k->linetable || half(head, o->code.firstlineno) != k->firstlineno ||
		(o->code.version >= 0 && half(head, (uint32_t)o->code.version) != k->version) || units > UNITS_MAX)
		return -ESTALE;
	*ret_units = (uint32_t)units;
	return 0;
}

/* The record has the first BD_EVENTS_TEXT bytes of the name as it was then, when the name is ASCII. */
static bool text_fits(const struct key *k, const char *name, bool ascii)
{
	size_t len = strnlen(k->text, sizeof k->text), have = strlen(name);
	if (!ascii)
		return !len;
	return len < sizeof k->text ? len == have && memcmp(name, k->text, len) == 0
				    : have >= len && memcmp(name, k->text, len) == 0;
}

/* 3.11 has no versions: there the record may have a hash of the start of the line table instead. */
static bool table_fits(const struct bd_symbols *s, const struct key *k, const struct code *x)
{
	return s->info.offsets.code.version >= 0 || !k->version ||
		bd_event_table_hash(x->table, x->table_len) == k->version;
}

/* Reads it all, and then looks whether it was the same one all the time. */
static int read_code(struct bd_symbols *s, const struct key *k, struct code *ret)
{
	struct code x = {.key = *k};
	bd_auto_str struct bd_str function = {0}, file = {0};
	bd_auto_free uint8_t *table = NULL;
	bool ascii, unused;
	uint32_t units;
	int r = is_same(s, k, &x.units);
	if (r < 0 || (r = read_text(s, k->qualname, FUNCTION_MAX, &function, &ascii)) < 0)
		return r;
	/* a file name of another kind than str, or too long a table, is not known: the rest is */
	int file_error = read_text(s, k->filename, FILE_MAX, &file, &unused),
	    table_error = read_bytes(s, k->linetable, TABLE_MAX, &table, &x.table_len);
	if ((r = is_same(s, k, &units)) < 0)
		return r;
	x.table = table;
	if (units != x.units || !function.len || !text_fits(k, function.s, ascii) ||
		(table_error == 0 && !table_fits(s, k, &x)))
		return -ESTALE;
	if (table_error < 0 && table_error != -EFBIG)
		return table_error;
	x.function = bd_symbols_intern(s, function.s, function.len);
	x.file = file_error < 0 || !file.len ? NULL : bd_symbols_intern(s, file.s, file.len);
	if (!x.function)
		return -ENOSPC;
	x.table = BD_TAKE_PTR(table);
	*ret = x;
	return 0;
}

/* Free-threaded 3.14 and newer: every thread runs its own copy of the instructions. */
static bool in_a_copy(const struct bd_symbols *s, const struct code *x, uint64_t ip, uint64_t *ret_offset)
{
	int32_t at = s->info.offsets.code.tlbc;
	uint64_t array, len;
	if (at < 0 || bd_symbols_read_all(s, x->key.code + (uint32_t)at, &array, sizeof array) < 0 || !array ||
		bd_symbols_read_all(s, array, &len, sizeof len) < 0 || len > COPIES_MAX)
		return false;
	bd_auto_free uint64_t *copy = bd_alloc(len * sizeof copy[0] + 1);
	if (bd_symbols_read_all(s, array + 8, copy, len * sizeof copy[0]) < 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (copy[i] && ip - copy[i] < (uint64_t)x->units * 2) {
			*ret_offset = ip - copy[i];
			return true;
		}
	return false;
}

static int32_t line_of(const struct bd_symbols *s, const struct code *x, uint64_t ip)
{
	uint64_t offset = ip - (x->key.code + s->info.offsets.code.instructions);
	if (offset == (uint64_t)-2) /* up to 3.12, a frame that did not begin yet: its instruction is the one before */
		return (int32_t)x->key.firstlineno;
	if (offset >= (uint64_t)x->units * 2 && !in_a_copy(s, x, ip, &offset))
		return 0;
	return bd_line_table_find(x->table, x->table_len, (int32_t)x->key.firstlineno, offset);
}

/* The name as the record has it, when nothing else is left. */
static const char *name_of_text(struct bd_symbols *s, const struct key *k)
{
	size_t len = strnlen(k->text, sizeof k->text);
	if (!len)
		return NULL;
	char name[sizeof k->text + 4];
	memcpy(name, k->text, len);
	if (len == sizeof k->text) { /* there may be more of it */
		memcpy(name + len, "…", 3);
		len += 3;
	}
	return bd_symbols_intern(s, name, len);
}

void bd_symbols_python(struct bd_symbols *s, const struct bd_rec_frame *frame, struct bd_symbols_code *ret)
{
	struct key k = {.code = frame->code,
		.filename = frame->filename,
		.qualname = frame->qualname,
		.linetable = frame->linetable,
		.firstlineno = frame->firstlineno,
		.version = frame->version};
	memcpy(k.text, frame->text, strnlen(frame->text, sizeof frame->text));
	if (!s->codes)
		s->codes = bd_alloc(sizeof *s->codes);
	struct code *x = find(s->codes, &k), made;
	int r = 0;
	if (!x && !offsets_are_sane(&s->info.offsets))
		r = -EINVAL;
	else if (!x && (r = read_code(s, &k, &made)) == 0)
		x = add(s->codes, &made);
	if (!x) {
		*ret = (struct bd_symbols_code){.function = name_of_text(s, &k),
			.why = r == -ESTALE ? BD_SYMBOLS_GONE : BD_SYMBOLS_UNREADABLE};
		return;
	}
	int32_t line = line_of(s, x, frame->ip);
	*ret = (struct bd_symbols_code){.function = x->function,
		.file = x->file,
		.line = line,
		.why = line ? BD_SYMBOLS_OK : BD_SYMBOLS_NO_LINE};
}
