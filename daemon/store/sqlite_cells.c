/* Cells and their samples. */
#include "sqlite.h"

#include <errno.h>

/* ---- cells -------------------------------------------------------------------------------------------------------- */

/* Axes as the JSON object every document shows, by the model's own codec. */
static const struct bd_field axes_fields[] = {
	{.name = "axes", .type = BD_F_AXES, .offset = 0, .required = true},
};
static const struct bd_doc axes_doc = {.name = "axes",
	.size = sizeof(struct bd_axes),
	.fields = axes_fields,
	.fields_len = BD_LEN(axes_fields),
	.lenient = true};

char *bd_sqlite_axes_text(const struct bd_axes *axes)
{
	bd_auto_json cJSON *j = bd_doc_encode(&axes_doc, axes);
	return bd_json_text(j);
}

int bd_sqlite_axes_decode(const cJSON *holder, struct bd_axes *ret, struct bd_error *err)
{
	struct bd_axes axes = {0};
	int r = bd_doc_decode(&axes_doc, holder, &axes, err);
	if (r == 0)
		*ret = axes;
	return r;
}

int bd_sqlite_axes_read(sqlite3_stmt *s, int column, struct bd_axes *ret, struct bd_error *err)
{
	bd_auto_json cJSON *j = NULL;
	const char *text = (const char *)sqlite3_column_text(s, column);
	int r = bd_json_parse(text ? text : "", "axes in the store", &j, err);
	return r < 0 ? r : bd_sqlite_axes_decode(j, ret, err);
}

static int bind_cell_changing(sqlite3 *db, sqlite3_stmt *s, const struct bd_cell *c, struct bd_error *err)
{
	bd_auto_free char *reason = bd_sqlite_reason_text(c->reason);
	bd_auto_free char *gil_off = bd_sqlite_reason_text(c->gil_off);
	bd_auto_free char *scaling_off = bd_sqlite_reason_text(c->scaling_off);
	bd_auto_free char *facts = c->facts ? bd_json_text(c->facts) : NULL;
	bd_sqlite_bind_text(s, 1, bd_cell_status_names[c->status]);
	bd_sqlite_bind_text(s, 2, reason);
	bd_sqlite_bind_int(s, 3, c->iterations);
	bd_sqlite_bind_text(s, 4, gil_off);
	bd_sqlite_bind_text(s, 5, scaling_off);
	bd_sqlite_bind_text(s, 6, facts);
	int r = bd_sqlite_run(db, s, "storing a cell", err);
	sqlite3_clear_bindings(s);
	return r;
}

int bd_sqlite_cells_insert(sqlite3 *db, int64_t run, const struct bd_cell *cells, size_t n, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db,
		"INSERT INTO cells(status, reason, iterations, gil_off, scaling_off, facts, run, cell, id, case_name, axes, reference, scaling,"
		" role, twin, duration_ns) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		&s, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct bd_cell *c = &cells[i];
		bd_auto_free char *axes = bd_sqlite_axes_text(&c->axes);
		sqlite3_bind_int64(s, 7, run);
		sqlite3_bind_int64(s, 8, c->index);
		bd_sqlite_bind_text(s, 9, c->id);
		bd_sqlite_bind_text(s, 10, c->case_name);
		bd_sqlite_bind_text(s, 11, axes);
		bd_sqlite_bind_int(s, 12, c->reference);
		bd_sqlite_bind_int(s, 13, c->scaling);
		bd_sqlite_bind_text(s, 14, c->role);
		bd_sqlite_bind_int(s, 15, c->twin);
		bd_sqlite_bind_int(s, 16, c->duration_ns);
		r = bind_cell_changing(db, s, c, err);
	}
	return r;
}

int bd_sqlite_cell_update(struct bd_store *base, const char *run_id, const struct bd_cell *cell, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_begin(q, BD_SQLITE_PROCESS, err);
	sqlite3 *db = q->writer.db;
	int64_t run;
	if (r == 0)
		r = bd_sqlite_run_number(db, run_id, &run, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db,
			"UPDATE cells SET status=?, reason=?, iterations=?, gil_off=?, scaling_off=?, facts=? WHERE run=? AND cell=?",
			&s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, 7, run);
		sqlite3_bind_int64(s, 8, cell->index);
		r = bind_cell_changing(db, s, cell, err);
	}
	if (r == 0 && sqlite3_changes(db) != 1)
		r = bd_error_set(err, -ENOENT, "not-found", NULL, "run '%s' has no cell %lld", run_id,
			(long long)cell->index);
	return bd_sqlite_end(q, r, err);
}

static int cell_read(sqlite3_stmt *s, struct bd_cell *c, struct bd_error *err)
{
	int r = bd_sqlite_axes_read(s, 3, &c->axes, err);
	if (r < 0)
		return r;
	c->index = bd_sqlite_int(s, 0);
	c->id = bd_sqlite_text(s, 1);
	c->case_name = bd_sqlite_text(s, 2);
	c->reference = bd_sqlite_int(s, 4);
	c->scaling = bd_sqlite_int(s, 5);
	c->role = bd_sqlite_text(s, 6);
	c->twin = bd_sqlite_int(s, 7);
	c->iterations = bd_sqlite_int(s, 10);
	c->duration_ns = bd_sqlite_int(s, 11);
	if (bd_cell_status_parse((const char *)sqlite3_column_text(s, 8), &c->status) < 0)
		return bd_error_set(err, -EBADMSG, "store-failed", NULL, "a cell in the store has an unknown status");
	r = bd_sqlite_reason_read(s, 9, &c->reason, err);
	if (r == 0)
		r = bd_sqlite_reason_read(s, 12, &c->gil_off, err);
	if (r == 0)
		r = bd_sqlite_reason_read(s, 13, &c->scaling_off, err);
	if (r == 0)
		r = bd_sqlite_json_read(s, 14, &c->facts, err);
	return r;
}

int bd_sqlite_cells_get(struct bd_store *base, const char *run_id, struct bd_cell **ret, size_t *ret_len,
	struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	struct bd_cell *cells = NULL;
	size_t n = 0;
	int64_t run;
	sqlite3_stmt *s = NULL;
	r = bd_sqlite_run_number(c->db, run_id, &run, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(c->db,
			"SELECT cell, id, case_name, axes, reference, scaling, role, twin, status, reason, iterations, duration_ns, gil_off,"
			" scaling_off, facts FROM cells WHERE run=? ORDER BY cell",
			&s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, 1, run);
		while ((r = bd_sqlite_step(c->db, s, "reading cells", err)) > 0) {
			r = cell_read(s, BD_PUSH(cells, n), err);
			if (r < 0)
				break;
		}
	}
	bd_sqlite_stmt_done(&s);
	bd_sqlite_reader_give(q, c);
	if (r < 0) {
		for (size_t i = 0; i < n; i++)
			bd_cell_done(&cells[i]);
		free(cells);
		return r;
	}
	*ret = cells;
	*ret_len = n;
	return 0;
}

/* ---- samples ------------------------------------------------------------------------------------------------------ */

#define SAMPLE_COLUMNS                                                                                         \
	"launch, round, cell, kind, place, start_ns, wall_ns, probe_before_ns, probe_after_ns, minor_faults, " \
	"major_faults, steal_ticks, throttled, traced, lost, max_wait_ns"

static int sample_insert(sqlite3 *db, sqlite3_stmt *s, int64_t place, const struct bd_sample *x, struct bd_error *err)
{
	bd_auto_str struct bd_str detail = {0};
	bd_store_detail_encode(x, &detail);
	const int64_t numbers[] = {x->launch, x->round, x->cell, x->kind, place, x->start_ns, x->wall_ns,
		x->probe_ns[0], x->probe_ns[1], x->minor_faults, x->major_faults, x->steal_ticks, x->throttled,
		x->traced, x->lost, x->max_wait_ns, bd_sample_ops(x)};
	for (int i = 0; i < (int)BD_LEN(numbers); i++)
		bd_sqlite_bind_int(s, 2 + i, numbers[i]);
	sqlite3_bind_blob64(s, 2 + (int)BD_LEN(numbers), detail.s, detail.len, SQLITE_STATIC);
	int r = bd_sqlite_run(db, s, "storing samples", err);
	sqlite3_bind_null(s, 2 + (int)BD_LEN(numbers)); /* the bytes end here, the statement does not */
	return r;
}

int bd_sqlite_round_put(struct bd_store *base, const char *run_id, const struct bd_sample *samples, size_t n,
	struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	for (size_t i = 0; i < n; i++)
		if (!bd_store_detail_plausible(&samples[i]))
			return bd_error_set(err, -EINVAL, "internal", NULL,
				"sample of cell %lld names a thread or bucket that does not exist",
				(long long)samples[i].cell);
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_begin(q, BD_SQLITE_PROCESS, err);
	sqlite3 *db = q->writer.db;
	int64_t run;
	if (r == 0)
		r = bd_sqlite_run_number(db, run_id, &run, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db,
			"INSERT INTO samples(run, " SAMPLE_COLUMNS ", ops, detail)"
			" VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			&s, err);
	if (r == 0)
		sqlite3_bind_int64(s, 1, run);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = sample_insert(db, s, (int64_t)i, &samples[i], err);
	return bd_sqlite_end(q, r, err);
}

static int sample_read(sqlite3_stmt *s, struct bd_sample *x, struct bd_error *err)
{
	x->launch = bd_sqlite_int(s, 0);
	x->round = bd_sqlite_int(s, 1);
	x->cell = bd_sqlite_int(s, 2);
	int kind = sqlite3_column_int(s, 3);
	if (kind < BD_SAMPLE_MAIN || kind > BD_SAMPLE_UNTRACED)
		return bd_error_set(err, -EBADMSG, "store-failed", NULL, "a sample in the store is of an unknown kind");
	x->kind = (enum bd_sample_kind)kind;
	x->start_ns = bd_sqlite_int(s, 5);
	x->wall_ns = bd_sqlite_int(s, 6);
	x->probe_ns[0] = bd_sqlite_int(s, 7);
	x->probe_ns[1] = bd_sqlite_int(s, 8);
	x->minor_faults = bd_sqlite_int(s, 9);
	x->major_faults = bd_sqlite_int(s, 10);
	x->steal_ticks = bd_sqlite_int(s, 11);
	x->throttled = bd_sqlite_int(s, 12);
	x->traced = sqlite3_column_int(s, 13) != 0;
	x->lost = bd_sqlite_int(s, 14);
	x->max_wait_ns = bd_sqlite_int(s, 15);
	int len = sqlite3_column_bytes(s, 16);
	if (len < 1 || bd_store_detail_decode(sqlite3_column_blob(s, 16), (size_t)len, x) < 0)
		return bd_error_set(err, -EBADMSG, "store-failed", "restore a copy of the store",
			"sample of cell %lld, launch %lld, round %lld is damaged", (long long)x->cell,
			(long long)x->launch, (long long)x->round);
	return 0;
}

static int walk(sqlite3 *db, const char *run_id, int64_t cell, bd_store_sample_fn fn, void *arg, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int64_t run;
	int r = bd_sqlite_run_number(db, run_id, &run, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db,
			cell < 0 ? "SELECT " SAMPLE_COLUMNS
				   ", detail FROM samples WHERE run=? ORDER BY launch, round, cell, kind, place"
				 : "SELECT " SAMPLE_COLUMNS
				   ", detail FROM samples WHERE run=? AND cell=? ORDER BY launch, round, kind, place",
			&s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, run);
	if (cell >= 0)
		sqlite3_bind_int64(s, 2, cell);
	while ((r = bd_sqlite_step(db, s, "reading samples", err)) > 0) {
		struct bd_sample x = {0};
		r = sample_read(s, &x, err);
		if (r == 0)
			r = fn(&x, arg);
		bd_sample_done(&x);
		if (r < 0)
			return r;
	}
	return r;
}

int bd_sqlite_samples_each(struct bd_store *base, const char *run_id, int64_t cell, bd_store_sample_fn fn, void *arg,
	struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	r = walk(c->db, run_id, cell, fn, arg, err);
	bd_sqlite_reader_give(q, c);
	return r;
}
