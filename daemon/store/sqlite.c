/* The embedded store: one file in the data folder, one writing connection, reading connections as needed (in WAL mode
 * readers and the writer do not wait for each other, so a page that walks samples never holds up a round). */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BUSY_MS 5000
#define IDLE_READERS 4
/* Room for the last words on a run: its state and reason, some pages and their places in the log. */
#define BALLAST_BYTES (128 * 1024)
#define BALLAST_FILE "benchd.reserve"

/* ---- statements ------------------------------------------------------------------------------------------- */

void bd_sqlite_stmt_done(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
	*s = NULL;
}

int bd_sqlite_fail(sqlite3 *db, int rc, const char *doing, struct bd_error *err)
{
	int os = db ? sqlite3_system_errno(db) : 0;
	const char *file = db ? sqlite3_db_filename(db, "main") : NULL;
	file = file && *file ? file : BD_STORE_SQLITE_FILE;
	if ((rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT)))
		return bd_error_set(err, -ENOSPC, "store-full", "make room there", "no room left for %s while %s", file,
			doing);
	if ((rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT)
		return bd_error_set(err, -EBADMSG, "store-failed", "move it away to start a new one, or restore a copy",
			"%s is damaged or not a database (%s, while %s)", file, sqlite3_errstr(rc), doing);
	return bd_error_set(err, -EIO, "store-failed", NULL, "%s: %s while %s%s%s", file,
		db ? sqlite3_errmsg(db) : sqlite3_errstr(rc), doing, os ? ": " : "", os ? strerror(os) : "");
}

int bd_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct bd_error *err)
{
	int rc = sqlite3_prepare_v2(db, sql, -1, ret, NULL);
	return rc == SQLITE_OK ? 0 : bd_sqlite_fail(db, rc, "preparing a statement", err);
}

int bd_sqlite_step(sqlite3 *db, sqlite3_stmt *s, const char *doing, struct bd_error *err)
{
	int rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : bd_sqlite_fail(db, rc, doing, err);
}

int bd_sqlite_run(sqlite3 *db, sqlite3_stmt *s, const char *doing, struct bd_error *err)
{
	int r = bd_sqlite_step(db, s, doing, err);
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int bd_sqlite_exec(sqlite3 *db, const char *sql, struct bd_error *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return 0;
	bd_auto_free char *doing = bd_strndup(sql, BD_MIN(strlen(sql), (size_t)60));
	return bd_sqlite_fail(db, rc, doing, err);
}

/* Binding fails only for a wrong index or size, a fault of ours that the statement's own constraints show at once. */

void bd_sqlite_bind_text(sqlite3_stmt *s, int i, const char *text)
{
	sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

void bd_sqlite_bind_int(sqlite3_stmt *s, int i, int64_t v)
{
	if (v == BD_NULL_INT)
		sqlite3_bind_null(s, i);
	else
		sqlite3_bind_int64(s, i, v);
}

void bd_sqlite_bind_double(sqlite3_stmt *s, int i, double v)
{
	sqlite3_bind_double(s, i, v); /* NAN is stored as NULL */
}

char *bd_sqlite_text(sqlite3_stmt *s, int i)
{
	return bd_strdup((const char *)sqlite3_column_text(s, i));
}

int64_t bd_sqlite_int(sqlite3_stmt *s, int i)
{
	return sqlite3_column_type(s, i) == SQLITE_NULL ? BD_NULL_INT : sqlite3_column_int64(s, i);
}

double bd_sqlite_double(sqlite3_stmt *s, int i)
{
	return sqlite3_column_type(s, i) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, i);
}

/* ---- connections -------------------------------------------------------------------------------------------- */

static int connect_file(const char *path, sqlite3 **ret, struct bd_error *err)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		int r = bd_sqlite_fail(db, rc, "opening it", err);
		sqlite3_close(db);
		return r;
	}
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	*ret = db;
	return 0;
}

int bd_sqlite_reader_take(struct bd_sqlite *q, struct bd_sqlite_conn **ret, struct bd_error *err)
{
	pthread_mutex_lock(&q->idle_lock);
	struct bd_sqlite_conn *c = q->idle;
	if (c)
		q->idle = c->next;
	pthread_mutex_unlock(&q->idle_lock);
	if (!c) {
		sqlite3 *db;
		int r = connect_file(q->path, &db, err);
		if (r < 0)
			return r;
		/* The system keeps the file's pages anyway. A second copy per reader costs memory, and does so for good: freed
		 * pages between other things leave no end of the heap to give back. */
		r = bd_sqlite_exec(db,
			"PRAGMA query_only=ON; PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF",
			err);
		if (r < 0) {
			sqlite3_close(db);
			return r;
		}
		c = bd_alloc(sizeof *c);
		c->db = db;
	}
	c->next = NULL;
	*ret = c;
	return 0;
}

void bd_sqlite_reader_give(struct bd_sqlite *q, struct bd_sqlite_conn *c)
{
	pthread_mutex_lock(&q->idle_lock);
	size_t n = 0;
	for (struct bd_sqlite_conn *i = q->idle; i; i = i->next)
		n++;
	if (n < IDLE_READERS) {
		c->next = q->idle;
		q->idle = c;
		c = NULL;
	}
	pthread_mutex_unlock(&q->idle_lock);
	if (c) {
		sqlite3_close(c->db);
		free(c);
	}
}

int bd_sqlite_read(struct bd_store *base, const struct bd_doc *doc, bd_sqlite_read_fn fn, const void *filter, void *ret,
	struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	bd_auto_free void *object = bd_alloc(doc->size);
	bd_doc_init(doc, object);
	r = bd_sqlite_exec(c->db, "BEGIN", err);
	if (r == 0)
		r = fn(c->db, filter, object, err);
	sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	bd_sqlite_reader_give(q, c);
	if (r < 0)
		bd_doc_done(doc, object);
	else
		memcpy(ret, object, doc->size);
	return r;
}

/* ---- transactions --------------------------------------------------------------------------------------------- */

int bd_sqlite_begin(struct bd_sqlite *q, enum bd_sqlite_durability durability, struct bd_error *err)
{
	pthread_mutex_lock(&q->write_lock);
	return bd_sqlite_exec(q->writer.db,
		durability == BD_SQLITE_POWER ? "PRAGMA synchronous=FULL; BEGIN IMMEDIATE"
					      : "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE",
		err);
}

int bd_sqlite_end(struct bd_sqlite *q, int result, struct bd_error *err)
{
	sqlite3 *db = q->writer.db;
	if (result == 0)
		result = bd_sqlite_exec(db, "COMMIT", err);
	/* a failed statement may have ended the transaction by itself */
	if (result < 0 && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	pthread_mutex_unlock(&q->write_lock);
	return result;
}

void bd_sqlite_ballast_drop(struct bd_sqlite *q)
{
	unlink(q->ballast);
}

int bd_sqlite_ballast_make(struct bd_sqlite *q, struct bd_error *err)
{
	bd_auto_close int fd = open(q->ballast, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int e = fd < 0 ? errno : posix_fallocate(fd, 0, BALLAST_BYTES);
	if (e == 0)
		return 0;
	if (fd >= 0)
		unlink(q->ballast);
	if (e == ENOSPC || e == EDQUOT)
		return bd_error_set(err, -ENOSPC, "store-full", "make room there", "no room left beside %s", q->path);
	return bd_error_set(err, -e, "store-failed", NULL, "cannot make %s: %s", q->ballast, strerror(e));
}

static int sync_store(struct bd_store *s, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)s;
	/* A transaction synced at its commit takes everything before it along; the version is rewritten as it is. */
	bd_auto_free char *touch = bd_printf("PRAGMA user_version=%zu", bd_sqlite_migrations_len);
	int r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	if (r == 0)
		r = bd_sqlite_exec(q->writer.db, touch, err);
	r = bd_sqlite_end(q, r, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&q->write_lock);
	int rc = sqlite3_wal_checkpoint_v2(q->writer.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		r = bd_sqlite_fail(q->writer.db, rc, "moving the log into it", err);
	pthread_mutex_unlock(&q->write_lock);
	return r;
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

static void close_store(struct bd_store *s)
{
	struct bd_sqlite *q = (struct bd_sqlite *)s;
	while (q->idle) {
		struct bd_sqlite_conn *c = q->idle;
		q->idle = c->next;
		sqlite3_close(c->db);
		free(c);
	}
	sqlite3_close(q->writer.db); /* the last connection moves the log into the file and removes it */
	pthread_mutex_destroy(&q->write_lock);
	pthread_mutex_destroy(&q->idle_lock);
	free(q->path);
	free(q->ballast);
	free(q);
}

static const struct bd_store_ops ops = {
	.free = close_store,
	.recover = bd_sqlite_recover,
	.run_create = bd_sqlite_run_create,
	.run_update = bd_sqlite_run_update,
	.run_get = bd_sqlite_run_get,
	.run_delete = bd_sqlite_run_delete,
	.runs_list = bd_sqlite_runs_list,
	.cell_update = bd_sqlite_cell_update,
	.cells_get = bd_sqlite_cells_get,
	.round_put = bd_sqlite_round_put,
	.samples_each = bd_sqlite_samples_each,
	.sync = sync_store,
	.document_put = bd_sqlite_document_put,
	.document_get = bd_sqlite_document_get,
	.undocumented = bd_sqlite_undocumented,
	.series_list = bd_sqlite_series_list,
	.series_get = bd_sqlite_series_get,
	.points = bd_sqlite_points,
	.trace_create = bd_sqlite_trace_create,
	.trace_update = bd_sqlite_trace_update,
	.trace_chunk_put = bd_sqlite_trace_chunk_put,
	.trace_chunks_each = bd_sqlite_trace_chunks_each,
	.trace_document_put = bd_sqlite_trace_document_put,
	.trace_document_get = bd_sqlite_trace_document_get,
	.trace_get = bd_sqlite_trace_get,
	.traces_list = bd_sqlite_traces_list,
	.trace_delete = bd_sqlite_trace_delete,
	.traces_undocumented = bd_sqlite_traces_undocumented,
};

static int wal_mode(sqlite3 *db, const char *path, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, "PRAGMA journal_mode=WAL", &s, err);
	if (r == 0)
		r = bd_sqlite_step(db, s, "switching it to write-ahead logging", err);
	if (r < 0)
		return r;
	const char *mode = (const char *)sqlite3_column_text(s, 0);
	if (!bd_streq(mode, "wal"))
		return bd_error_set(err, -ENOTSUP, "store-failed", "use a local file system for the data folder",
			"%s cannot use write-ahead logging on its file system", path);
	return 0;
}

static int open_writer(struct bd_sqlite *q, struct bd_error *err)
{
	/* made here and not by SQLite, for the mode; an existing file keeps its own */
	bd_auto_close int fd = open(q->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		bool full = errno == ENOSPC || errno == EDQUOT;
		return bd_error_set(err, -errno, full ? "store-full" : "store-failed", NULL, "cannot open %s: %s",
			q->path, strerror(errno));
	}
	bd_closep(&fd); /* before SQLite has locks on the file: closing it later would drop them */
	int r = connect_file(q->path, &q->writer.db, err);
	sqlite3 *db = q->writer.db;
	if (r == 0)
		r = bd_sqlite_exec(db,
			"PRAGMA auto_vacuum=INCREMENTAL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=OFF;"
			"PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=4194304; PRAGMA synchronous=FULL",
			err);
	/* Migrating comes before write-ahead logging: that would already change a file that is not ours. */
	if (r == 0)
		r = bd_sqlite_migrate(db, q->path, bd_sqlite_migrations, bd_sqlite_migrations_len, err);
	if (r == 0)
		r = wal_mode(db, q->path, err);
	return r;
}

/* SQLite takes paths of half a kilobyte, with what it appends to them and after following links. */
static int check_length(const char *data, struct bd_error *err)
{
	bd_auto_free char *real = realpath(data, NULL);
	size_t max = (size_t)sqlite3_vfs_find(NULL)->mxPathname, more = strlen("/" BD_STORE_SQLITE_FILE "-journal") + 1;
	if (!real || strlen(real) + more <= max)
		return 0;
	return bd_error_set(err, -ENAMETOOLONG, "data-unusable", "name another with --data or BENCHD_DATA",
		"the path of the data folder is longer than %zu bytes: %.100s…", max - more, real);
}

int bd_store_sqlite_open(const char *data, struct bd_store **ret, struct bd_error *err)
{
	int r = check_length(data, err);
	if (r < 0)
		return r;
	struct bd_sqlite *q = bd_alloc(sizeof *q);
	q->base.ops = &ops;
	q->path = bd_printf("%s/" BD_STORE_SQLITE_FILE, data);
	q->ballast = bd_printf("%s/" BALLAST_FILE, data);
	pthread_mutex_init(&q->write_lock, NULL);
	pthread_mutex_init(&q->idle_lock, NULL);
	r = open_writer(q, err);
	if (r < 0) {
		close_store(&q->base);
		return r;
	}
	bd_sqlite_ballast_make(q, NULL); /* without it runs are refused until there is room, reading goes on */
	*ret = &q->base;
	return 0;
}
