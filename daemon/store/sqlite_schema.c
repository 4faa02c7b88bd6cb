/* The schema, as the steps that make it, and the walk over them. PRAGMA user_version counts the steps done. */
#include "sqlite.h"

#include <errno.h>

/* "bnch": marks the file as ours, so that somebody else's database is refused instead of filled. */
#define APPLICATION_ID 0x626e6368

/* A step is never edited once released: a change is a new step at the end.
 *
 * runs.run is a number private to this file; runs.id is the name everybody uses, and sorts by time. Absent is NULL.
 * runs.state and traces.state are one of bd_run_state_names, or "deleted": hidden, and being taken away
 * (sqlite_delete.c). The chunks of a trace are in the order of their numbers.
 * reason, axes, environment, request, plan, checked and facts are JSON text; verdict is that of checked. samples.detail is described in detail.c. results and statuses
 * say what is in the documents, in a form that can be searched; place counts a document's cells. */
const struct bd_sqlite_migration bd_sqlite_migrations[] = {
	{"CREATE TABLE runs(run INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, suite TEXT, state TEXT NOT NULL, reason TEXT,"
	 " created_ns INTEGER NOT NULL, started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL,"
	 " wall_s REAL, setup_s REAL, measure_s REAL, batch_s REAL, seed INTEGER, launches INTEGER, rounds INTEGER,"
	 " comparability_key TEXT, environment TEXT, request TEXT, cells INTEGER);"
	 "CREATE INDEX runs_by_suite ON runs(suite, id);"
	 "CREATE INDEX runs_by_state ON runs(state, id);"
	 "CREATE TABLE labels(run INTEGER NOT NULL REFERENCES runs(run) ON DELETE CASCADE, place INTEGER NOT NULL,"
	 " key TEXT NOT NULL, value TEXT, PRIMARY KEY(run, place)) WITHOUT ROWID;"
	 "CREATE INDEX labels_by_key ON labels(key, value, run);"
	 "CREATE TABLE cells(run INTEGER NOT NULL REFERENCES runs(run) ON DELETE CASCADE, cell INTEGER NOT NULL,"
	 " id TEXT, case_name TEXT, axes TEXT NOT NULL, reference INTEGER, scaling INTEGER, role TEXT, twin INTEGER,"
	 " status TEXT NOT NULL, reason TEXT, iterations INTEGER, duration_ns INTEGER, gil_off TEXT, scaling_off TEXT,"
	 " PRIMARY KEY(run, cell)) WITHOUT ROWID;"
	 "CREATE TABLE samples(run INTEGER NOT NULL, launch INTEGER NOT NULL, round INTEGER NOT NULL, cell INTEGER NOT NULL,"
	 " kind INTEGER NOT NULL, place INTEGER NOT NULL, start_ns INTEGER, wall_ns INTEGER, probe_before_ns INTEGER,"
	 " probe_after_ns INTEGER, minor_faults INTEGER, major_faults INTEGER, steal_ticks INTEGER, throttled INTEGER,"
	 " traced INTEGER NOT NULL, lost INTEGER, max_wait_ns INTEGER, ops INTEGER, detail BLOB NOT NULL,"
	 " PRIMARY KEY(run, launch, round, cell, kind, place),"
	 " FOREIGN KEY(run, cell) REFERENCES cells(run, cell) ON DELETE CASCADE) WITHOUT ROWID;"
	 "CREATE INDEX samples_by_cell ON samples(run, cell);"
	 "CREATE TABLE documents(run INTEGER PRIMARY KEY REFERENCES runs(run) ON DELETE CASCADE, json TEXT NOT NULL);",
		NULL},
	{"CREATE TABLE series(series INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, case_name TEXT NOT NULL,"
	 " axes TEXT NOT NULL, cell TEXT NOT NULL);"
	 "CREATE INDEX series_by_cell ON series(cell, id);"
	 "CREATE INDEX series_by_case ON series(case_name, cell, id);"
	 "CREATE TABLE results(run INTEGER NOT NULL REFERENCES runs(run) ON DELETE CASCADE, place INTEGER NOT NULL,"
	 " series INTEGER NOT NULL REFERENCES series(series), status TEXT NOT NULL, complete INTEGER NOT NULL,"
	 " reason TEXT, scaling_off TEXT, wait_off TEXT, ratio_to TEXT,"
	 " time REAL, time_lo REAL, time_hi REAL, throughput REAL, throughput_lo REAL, throughput_hi REAL,"
	 " ratio REAL, ratio_lo REAL, ratio_hi REAL, scaling REAL, scaling_lo REAL, scaling_hi REAL,"
	 " wait_share REAL, wait_share_lo REAL, wait_share_hi REAL, PRIMARY KEY(run, place)) WITHOUT ROWID;"
	 "CREATE INDEX results_by_series ON results(series, run);"
	 "CREATE TABLE statuses(run INTEGER PRIMARY KEY REFERENCES runs(run) ON DELETE CASCADE, ok INTEGER NOT NULL,"
	 " unsupported INTEGER NOT NULL, invalid INTEGER NOT NULL, failed INTEGER NOT NULL, interrupted INTEGER NOT NULL);",
		bd_sqlite_results_backfill},
	{"ALTER TABLE runs ADD COLUMN plan TEXT; ALTER TABLE cells ADD COLUMN facts TEXT;", NULL},
	{"CREATE TABLE traces(trace INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
	 " run INTEGER REFERENCES runs(run) ON DELETE CASCADE, state TEXT NOT NULL, reason TEXT, pid INTEGER, python TEXT,"
	 " command TEXT, level TEXT, created_ns INTEGER NOT NULL, finished_ns INTEGER, start_mono_ns INTEGER,"
	 " end_mono_ns INTEGER, waits INTEGER, wait_ns INTEGER, lost INTEGER, bytes INTEGER NOT NULL);"
	 "CREATE INDEX traces_by_run ON traces(run, id);"
	 "CREATE INDEX traces_by_state ON traces(state, id);"
	 "CREATE TABLE trace_chunks(chunk INTEGER PRIMARY KEY, trace INTEGER NOT NULL REFERENCES traces(trace)"
	 " ON DELETE CASCADE, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, data BLOB NOT NULL);"
	 "CREATE INDEX trace_chunks_by_trace ON trace_chunks(trace);" /* and by chunk: the key is the end of each entry */
	 "CREATE TABLE trace_documents(trace INTEGER PRIMARY KEY REFERENCES traces(trace) ON DELETE CASCADE,"
	 " json TEXT NOT NULL);",
		NULL},
	{"ALTER TABLE runs ADD COLUMN checked TEXT; ALTER TABLE runs ADD COLUMN verdict TEXT;", NULL},
};
const size_t bd_sqlite_migrations_len = BD_LEN(bd_sqlite_migrations);

static int pragma_get(sqlite3 *db, const char *sql, int64_t *ret, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, sql, &s, err);
	if (r == 0)
		r = bd_sqlite_step(db, s, "reading the store's version", err);
	if (r < 0)
		return r;
	*ret = r == 1 ? sqlite3_column_int64(s, 0) : 0;
	return 0;
}

static int step(sqlite3 *db, const struct bd_sqlite_migration *m, size_t version, struct bd_error *err)
{
	int r = bd_sqlite_exec(db, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	r = bd_sqlite_exec(db, m->sql, err);
	if (r == 0 && m->fill)
		r = m->fill(db, err);
	if (r == 0) {
		bd_auto_free char *done = bd_printf("PRAGMA application_id=%d; PRAGMA user_version=%zu; COMMIT",
			APPLICATION_ID, version);
		r = bd_sqlite_exec(db, done, err);
	}
	if (r < 0)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int bd_sqlite_migrate(sqlite3 *db, const char *path, const struct bd_sqlite_migration *m, size_t n,
	struct bd_error *err)
{
	int64_t application, version, pages;
	int r = pragma_get(db, "PRAGMA application_id", &application, err);
	if (r == 0)
		r = pragma_get(db, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = pragma_get(db, "SELECT count(*) FROM sqlite_schema", &pages, err);
	if (r < 0)
		return r;
	bool blank = application == 0 && version == 0 && pages == 0;
	if (!blank && application != APPLICATION_ID)
		return bd_error_set(err, -EINVAL, "store-failed", "move it away, or name another folder with --data",
			"%s is a database, but not one of benchd", path);
	if (version < 0 || (uint64_t)version > n)
		return bd_error_set(err, -ENOTSUP, "store-newer", "use that benchd, or another data folder",
			"%s was written by a newer benchd (schema %lld, this one knows %zu)", path, (long long)version,
			n);
	for (size_t v = (size_t)version; v < n; v++) {
		r = step(db, &m[v], v + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}
