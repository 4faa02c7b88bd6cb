/* Deleting a run: it is marked, which hides it at once and for good, then taken away piece by piece. One transaction for
 * all of it would hold up rounds being stored, and would need as much room as the run itself: too much on the full
 * disk that deleting is to mend. What a crash leaves marked is taken away at the next start. */
#include "sqlite.h"

#include <errno.h>

#define PIECE 2000
#define PIECE_FULL 40 /* rows whose pages fit the reserve */
/* Each result is on a page of the index of its series that it shares with none of its run. */
#define PIECE_RESULTS_FULL 8

static int mark(struct bd_sqlite *q, const char *run_id, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	sqlite3 *db = q->writer.db;
	int64_t number;
	enum bd_run_state state;
	if (r == 0)
		r = bd_sqlite_run_number(db, run_id, &number, &state, err);
	if (r == 0 && !bd_sqlite_finished(state))
		r = bd_error_set(err, -EBUSY, "conflict", "cancel it first", "run '%s' is %s", run_id,
			bd_run_state_names[state]);
	if (r == 0)
		r = bd_sqlite_prepare(db, "UPDATE runs SET state='deleted' WHERE run=?", &s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, 1, number);
		r = bd_sqlite_run(db, s, "deleting a run", err);
	}
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

/* What a marked run consists of, in the order in which it is taken away: what there is much of first, in pieces. */
static const struct {
	const char *sql, *doing;
	int rows, rows_full;
} parts[] = {
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

/* Takes away a piece of the first marked run, at last the run. ret_more: there may be more. */
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

int bd_sqlite_run_delete(struct bd_store *base, const char *run_id, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	int r = mark(q, run_id, err);
	if (r == -ENOSPC) {
		bd_sqlite_ballast_drop(q);
		r = mark(q, run_id, err);
	}
	return r < 0 ? r : bd_sqlite_purge(q, err);
}
