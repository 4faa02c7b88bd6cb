/* The file itself: its versions, its mode, somebody else's file in its place, damage. */
#include "support.h"
#include "sqlite.h"

#include <fcntl.h>
#include <sys/stat.h>

static char *file_path(void)
{
	return bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
}

static sqlite3 *raw(void)
{
	bd_auto_free char *path = file_path();
	sqlite3 *db = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void raw_exec(const char *sql)
{
	sqlite3 *db = raw();
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		BD_FAIL("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int64_t raw_int(sqlite3 *db, const char *sql)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	BD_CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	BD_CHECK_INT(sqlite3_step(s), SQLITE_ROW);
	return sqlite3_column_int64(s, 0);
}

BD_TEST(a_new_store_is_private_and_whole)
{
	struct bd_store *s = NULL;
	folder_make();
	umask(0);
	CHECK_OK(bd_store_open(folder, &s, &err));
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	bd_auto_free char *path = file_path();
	bd_auto_free char *wal = bd_printf("%s-wal", path);
	struct stat st;
	BD_CHECK_INT(stat(path, &st), 0);
	BD_CHECK_INT(st.st_mode & 0777, 0600);
	BD_CHECK_INT(stat(wal, &st), 0);
	BD_CHECK_INT(st.st_mode & 0777, 0600);
	bd_store_free(&s);
	sqlite3 *db = raw();
	BD_CHECK_INT(raw_int(db, "PRAGMA user_version"), bd_sqlite_migrations_len);
	sqlite3_close(db);
}

BD_TEST(an_older_schema_is_migrated_and_a_newer_one_refused)
{
	struct bd_store *s = NULL;
	folder_make();
	raw_exec("VACUUM"); /* version 0: an empty database */
	CHECK_OK(bd_store_open(folder, &s, &err));
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	bd_store_free(&s);
	CHECK_OK(bd_store_open(folder, &s, &err)); /* version of today: untouched */
	struct bd_run run;
	CHECK_OK(bd_store_run_get(s, "01A", &run, &err));
	bd_run_done(&run);
	bd_store_free(&s);
	raw_exec("PRAGMA user_version=99");
	CHECK_ERROR(bd_store_open(folder, &s, &err), "store-newer");
	BD_CHECK(!s);
}

BD_TEST(each_step_happens_once_and_whole)
{
	folder_make();
	sqlite3 *db = raw();
	static const struct bd_sqlite_migration steps[] = {{"CREATE TABLE t(a)", NULL},
		{"INSERT INTO t VALUES(1)", NULL}, {"INSERT INTO t VALUES(2); INSERT INTO nowhere VALUES(3)", NULL}};
	CHECK_OK(bd_sqlite_migrate(db, "f", steps, 1, &err));
	BD_CHECK_INT(raw_int(db, "PRAGMA user_version"), 1);
	CHECK_OK(bd_sqlite_migrate(db, "f", steps, 2, &err));
	CHECK_OK(bd_sqlite_migrate(db, "f", steps, 2, &err));
	BD_CHECK_INT(raw_int(db, "SELECT count(*) FROM t"), 1);
	/* a step that fails half way leaves neither its half nor its number */
	CHECK_ERROR(bd_sqlite_migrate(db, "f", steps, 3, &err), "store-failed");
	BD_CHECK_INT(raw_int(db, "SELECT count(*) FROM t"), 1);
	BD_CHECK_INT(raw_int(db, "PRAGMA user_version"), 2);
	CHECK_ERROR(bd_sqlite_migrate(db, "f", steps, 1, &err), "store-newer");
	sqlite3_close(db);
}

BD_TEST(a_foreign_database_is_left_alone)
{
	struct bd_store *s = NULL;
	folder_make();
	raw_exec("CREATE TABLE recipes(name)");
	bd_auto_free char *path = file_path();
	bd_auto_free char *before = NULL, *after = NULL;
	size_t before_len, after_len;
	BD_CHECK_INT(bd_file_read(path, 1 << 20, &before, &before_len), 0);
	CHECK_ERROR(bd_store_open(folder, &s, &err), "store-failed");
	BD_CHECK_INT(bd_file_read(path, 1 << 20, &after, &after_len), 0);
	BD_CHECK(before_len == after_len && memcmp(before, after, before_len) == 0);
}

BD_TEST(damage_and_wrong_files_are_named)
{
	struct bd_store *s = NULL;
	folder_make();
	bd_auto_free char *path = file_path();
	char junk[8192];
	memset(junk, 'x', sizeof junk);
	BD_CHECK_INT(bd_file_write(path, junk, sizeof junk, 0600), 0);
	struct bd_error e = {0};
	BD_CHECK(bd_store_open(folder, &s, &e) < 0);
	BD_CHECK_STR(e.key, "store-failed");
	BD_CHECK(strstr(e.message, path) && e.hint[0]);
	BD_CHECK_INT(unlink(path), 0);
	BD_CHECK_INT(symlink("/dev/null", path), 0);
	CHECK_ERROR(bd_store_open(folder, &s, &err), "store-failed");
	BD_CHECK_INT(unlink(path), 0);
	BD_CHECK_INT(mkdir(path, 0700), 0);
	CHECK_ERROR(bd_store_open(folder, &s, &err), "store-failed");
	CHECK_ERROR(bd_store_open("/nonexistent/folder", &s, &err), "store-failed");
}

BD_TEST(damaged_samples_are_named)
{
	struct bd_store *s = NULL;
	folder_make();
	CHECK_OK(bd_store_open(folder, &s, &err));
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	struct bd_sample x = sample_make(1, 4, 3, 2);
	CHECK_OK(bd_store_round_put(s, "01A", &x, 1, &err));
	bd_sample_done(&x);
	bd_store_free(&s);
	raw_exec("UPDATE samples SET detail=x'0102'");
	CHECK_OK(bd_store_open(folder, &s, &err));
	struct bd_error e = {0};
	BD_CHECK(bd_store_samples_each(s, "01A", -1, NULL, NULL, &e) < 0);
	BD_CHECK_STR(e.key, "store-failed");
	BD_CHECK(strstr(e.message, "cell 1, launch 4, round 3"));
	bd_store_free(&s);
}

BD_TEST_MAIN
