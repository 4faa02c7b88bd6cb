/* Deleting a run or a trace: it is marked, which hides it at once and for good, then taken away piece by piece. One transaction for
 * all of it would hold up rounds being stored, and would need as much room as the run itself: too much on the full
 * disk that deleting is to mend. What a crash leaves marked is taken away at the next start. */
#include "sqlite.h"

#include <errno.h>

#define PIECE 2000
#define PIECE_FULL 40 /* rows whose pages fit the reserve */
/* Each result is on a page of the index of its series that it shares with none of its run. */
#define PIECE_RESULTS_FULL 8
/* A chunk is up to a megabyte or so. Its pages are not written again, only those that list what is free. */
#define PIECE_CHUNKS 16
#define PIECE_CHUNKS_FULL 1

/* Of each: how it is found, how it is marked, what is said when it cannot be. A run takes its traces along. */
static const struct kind {
	int (*number)(sqlite3 *db, const char *id, int64_t *ret, enum bd_run_state *ret_state, struct bd_error *err);
	const char *name, *hint, *sql[2];
} kinds[] = {
	{bd_sqlite_run_number, "run", "cancel it first",
		{"UPDATE runs SET state='deleted' WHERE run=?", "UPDATE traces SET state='deleted' WHERE run=?"}},
	{bd_sqlite_trace_number, "trace", "stop it first", {"UPDATE traces SET state='deleted' WHERE trace=?"}},
};

static int mark_one(sqlite3 *db, const char *sql, int64_t number, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, sql, &s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, number);
	return bd_sqlite_run(db, s, "deleting it", err);
}

static int mark(struct bd_sqlite *q, const struct kind *k, const char *id, struct bd_error *err)
{
	int r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	sqlite3 *db = q->writer.db;
	int64_t number = 0;
	enum bd_run_state state;
	if (r == 0)
		r = k->number(db, id, &number, &state, err);
	if (r == 0 && !bd_sqlite_finished(state))
		r = bd_error_set(err, -EBUSY, "conflict", k->hint, "%s '%s' is %s", k->name, id,
			bd_run_state_names[state]);
	for (size_t i = 0; r == 0 && i < BD_LEN(k->sql) && k->sql[i]; i++)
		r = mark_one(db, k->sql[i], number, err);
	return bd_sqlite_end(q, r, err);
}

/* Moves the log into the file so that its room can be used again. What fails here fails only at that. */
static void checkpoint(struct bd_sqlite *q)
{
	pthread_mutex_lock(&q->write_lock);
	sqlite3_wal_checkpoint_v2(q->writer.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	pthread_mutex_unlock(&q->write_lock);
}

static int pages_free(sqlite3 *db)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	if (bd_sqlite_prepare(db, "PRAGMA freelist_count", &s, NULL) < 0 ||
		bd_sqlite_step(db, s, "counting free pages", NULL) <= 0)
		return 0;
	return sqlite3_column_int(s, 0);
}

/* What the marked consist of, in the order in which it is taken away: what there is much of first, in pieces. */
static const struct {
	const char *sql, *doing;
	int rows, rows_full;
} parts[] = {
	{"DELETE FROM trace_chunks WHERE chunk IN (SELECT chunk"
	 " FROM trace_chunks WHERE trace=(SELECT min(trace) FROM traces WHERE state='deleted') LIMIT ?)",
		"deleting parts of a trace", PIECE_CHUNKS, PIECE_CHUNKS_FULL},
	{"DELETE FROM traces WHERE trace=(SELECT min(trace) FROM traces WHERE state='deleted' LIMIT ?)",
		"deleting a trace", 1, 1},
	{"DELETE FROM samples WHERE (run, launch, round, cell, kind, place) IN (SELECT run, launch, round, cell, kind, place"
	 " FROM samples WHERE run=(SELECT min(run) FROM runs WHERE state='deleted') LIMIT ?)",
		"deleting samples", PIECE, PIECE_FULL},
	{"DELETE FROM results WHERE (run, place) IN (SELECT run, place"
	 " FROM results WHERE run=(SELECT min(run) FROM runs WHERE state='deleted') LIMIT ?)",
		"deleting figures", PIECE, PIECE_RESULTS_FULL},
	{"DELETE FROM runs WHERE run=(SELECT min(run) FROM runs WHERE state='deleted' LIMIT ?)", "deleting a run", 1,
		1},
};

static int purge_part(sqlite3 *db, size_t part, bool full, int *ret_deleted, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, parts[part].sql, &s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, full ? parts[part].rows_full : parts[part].rows);
	r = bd_sqlite_run(db, s, parts[part].doing, err);
	*ret_deleted = sqlite3_changes(db);
	return r;
}

/* Takes away a piece of the first that is marked, at last that itself. ret_more: there may be more. */
static int purge_piece(struct bd_sqlite *q, bool full, bool *ret_more, struct bd_error *err)
{
	int deleted = 0;
	int r = bd_sqlite_begin(q, BD_SQLITE_PROCESS, err);
	for (size_t part = 0; r == 0 && deleted == 0 && part < BD_LEN(parts); part++)
		r = purge_part(q->writer.db, part, full, &deleted, err);
	r = bd_sqlite_end(q, r, err);
	if (r == 0)
		*ret_more = deleted > 0;
	return r;
}

/* Cuts the free pages off the end of the file. In pieces, as each moves pages and so needs room in the log first. */
static void give_back(struct bd_sqlite *q)
{
	int before, after = 0;
	do {
		checkpoint(q);
		pthread_mutex_lock(&q->write_lock);
		before = pages_free(q->writer.db);
		sqlite3_exec(q->writer.db, "PRAGMA incremental_vacuum(64)", NULL, NULL, NULL);
		after = pages_free(q->writer.db);
		pthread_mutex_unlock(&q->write_lock);
	} while (after > 0 && after < before);
	checkpoint(q);
}

int bd_sqlite_purge(struct bd_sqlite *q, struct bd_error *err)
{
	bool more = true, full = false;
	while (more) {
		int r = purge_piece(q, full, &more, err);
		if (r == -ENOSPC && !full) {
			full = true;
			bd_sqlite_ballast_drop(q);
		} else if (r < 0) {
			return r;
		}
		if (full)
			checkpoint(q);
	}
	give_back(q);
	bd_sqlite_ballast_make(q, NULL);
	return 0;
}

static int delete (struct bd_sqlite *q, const struct kind *k, const char *id, struct bd_error *err)
{
	int r = mark(q, k, id, err);
	if (r == -ENOSPC) {
		bd_sqlite_ballast_drop(q);
		r = mark(q, k, id, err);
	}
	return r < 0 ? r : bd_sqlite_purge(q, err);
}

int bd_sqlite_run_delete(struct bd_store *base, const char *run_id, struct bd_error *err)
{
	return delete ((struct bd_sqlite *)base, &kinds[0], run_id, err);
}

int bd_sqlite_trace_delete(struct bd_store *base, const char *id, struct bd_error *err)
{
	return delete ((struct bd_sqlite *)base, &kinds[1], id, err);
}
