/* Deleting a run: it is marked, which hides it at once and for good, then taken away piece by piece. One transaction for
 * all of it would hold up rounds being stored, and would need as much room as the run itself: too much on the full
 * disk that deleting is to mend. What a crash leaves marked is taken away at the next start. */
#include "sqlite.h"

#include <errno.h>

#define PIECE 2000
#define PIECE_FULL 40 /* rows whose pages fit the reserve */

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

/* Deletes up to `rows` samples of marked runs, or, when none is left, one marked run. ret_more: there may be more. */
static int purge_piece(struct bd_sqlite *q, int64_t rows, bool *ret_more, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *samples = NULL;
	bd_auto_stmt sqlite3_stmt *run = NULL;
	int deleted = 0;
	int r = bd_sqlite_begin(q, BD_SQLITE_PROCESS, err);
	sqlite3 *db = q->writer.db;
	if (r == 0)
		r = bd_sqlite_prepare(db,
			"DELETE FROM samples WHERE (run, launch, round, cell, kind, place) IN (SELECT run, launch, round, cell, kind, place"
			" FROM samples WHERE run=(SELECT min(run) FROM runs WHERE state='deleted') LIMIT ?)",
			&samples, err);
	if (r == 0) {
		sqlite3_bind_int64(samples, 1, rows);
		r = bd_sqlite_run(db, samples, "deleting samples", err);
		deleted = sqlite3_changes(db);
	}
	if (r == 0 && deleted == 0)
		r = bd_sqlite_prepare(db,
			"DELETE FROM runs WHERE run=(SELECT min(run) FROM runs WHERE state='deleted')", &run, err);
	if (r == 0 && deleted == 0) {
		r = bd_sqlite_run(db, run, "deleting a run", err);
		deleted = sqlite3_changes(db);
	}
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
		int r = purge_piece(q, full ? PIECE_FULL : PIECE, &more, err);
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
