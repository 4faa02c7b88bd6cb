/* A file system with no room left: the run that meets it can still be ended, and nothing earlier is lost. */
#include "support.h"
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A mount namespace of our own whose mounts nobody else sees. In a chroot "/" is no mount point, so it cannot be made
 * private there: joining our own namespace leads to its real root, and back from there. */
static int private_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return 0;
	bd_auto_close int here = open("/", O_PATH | O_CLOEXEC), own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (here < 0 || own < 0 || setns(own, CLONE_NEWNS) < 0)
		return -1;
	int r = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (fchdir(here) < 0 || chroot(".") < 0)
		return -1;
	return r;
}

static void small_disk(const char *size)
{
	folder_make();
	if (geteuid() != 0)
		BD_SKIP("mounting a small file system needs root");
	if (private_mounts() < 0)
		BD_SKIP("no mounts of our own: %s", strerror(errno));
	bd_auto_free char *options = bd_printf("size=%s", size);
	BD_CHECK_INT(mount("tmpfs", folder, "tmpfs", 0, options), 0);
}

static void fill_disk(void)
{
	bd_auto_free char *path = bd_printf("%s/filler", folder);
	bd_auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char block[4096] = {0};
	while (write(fd, block, sizeof block) > 0)
		;
	BD_CHECK_INT(errno, ENOSPC);
}

static int count_one(const struct bd_sample *x, void *arg)
{
	(void)x;
	++*(int64_t *)arg;
	return 0;
}

static int64_t samples(struct bd_store *s, const char *id)
{
	int64_t n = 0;
	CHECK_OK(bd_store_samples_each(s, id, -1, count_one, &n, &err));
	return n;
}

static void integrity(void)
{
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	sqlite3 *db = NULL;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	BD_CHECK_INT(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
	BD_CHECK_INT(sqlite3_step(s), SQLITE_ROW);
	BD_CHECK_STR((const char *)sqlite3_column_text(s, 0), "ok");
	bd_sqlite_stmt_done(&s);
	sqlite3_close(db);
}

#define ROUND 20
#define CHUNK 20000
static struct bd_sample round_of[ROUND];

/* Rounds until the store refuses one; how many it took. */
static int64_t rounds_until_full(struct bd_store *s, const char *id, int64_t launch)
{
	for (int64_t n = 0;; n++) {
		struct bd_error e = {0};
		for (size_t i = 0; i < ROUND; i++)
			round_of[i].launch = launch, round_of[i].round = n;
		int r = bd_store_round_put(s, id, round_of, ROUND, &e);
		if (r == 0 && n % 8 == 7)
			r = bd_store_sync(s, &e);
		if (r < 0) {
			BD_CHECK_INT(r, -ENOSPC);
			BD_CHECK_STR(e.key, "store-full");
			BD_CHECK(e.message[0] && e.hint[0]);
			int64_t kept = samples(s, id);
			BD_CHECK_INT(kept % ROUND, 0); /* whole rounds only */
			BD_CHECK(kept / ROUND == n || kept / ROUND == n + 1);
			return kept / ROUND;
		}
		BD_CHECK(n < 100000);
	}
}

BD_TEST(a_full_disk_ends_the_run_and_nothing_else)
{
	small_disk("3m");
	for (size_t i = 0; i < ROUND; i++)
		round_of[i] = sample_make((int64_t)i % 3, 0, 0, 4);
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	CHECK_OK(bd_store_round_put(s, "01A", round_of, ROUND, &err));
	CHECK_OK(bd_store_sync(s, &err));
	run_put(s, "01B", "x", BD_RUN_RUNNING);
	int64_t kept = rounds_until_full(s, "01B", 0);
	BD_CHECK(kept > 10);
	/* the last word on the run still fits */
	struct bd_run run = run_make("01B", "x", BD_RUN_FAILED);
	run.reason = bd_reason_new(NULL, "store-full", "make room", "no room left");
	CHECK_OK(bd_store_run_update(s, &run, &err));
	bd_store_free(&s);
	integrity();

	CHECK_OK(bd_store_open(folder, &s, &err));
	CHECK_OK(bd_store_recover(s, &err));
	struct bd_run back;
	CHECK_OK(bd_store_run_get(s, "01B", &back, &err));
	BD_CHECK_INT(back.state, BD_RUN_FAILED);
	BD_CHECK_STR(back.reason->key, "store-full");
	bd_run_done(&back);
	BD_CHECK_INT(samples(s, "01A"), ROUND);
	BD_CHECK_INT(samples(s, "01B"), kept * ROUND);
	/* deleting makes room for another */
	CHECK_OK(bd_store_run_delete(s, "01B", &err));
	run_put(s, "01C", "x", BD_RUN_RUNNING);
	BD_CHECK(rounds_until_full(s, "01C", 0) > kept / 2);
	BD_CHECK_INT(samples(s, "01A"), ROUND);
	samples_done(round_of, ROUND);
	bd_reason_free(run.reason);
	bd_store_free(&s);
	integrity();
}

BD_TEST(a_disk_filled_by_others_still_takes_the_last_word)
{
	small_disk("3m");
	round_of[0] = sample_make(0, 0, 0, 4);
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	run_put(s, "01A", "x", BD_RUN_RUNNING);
	CHECK_OK(bd_store_round_put(s, "01A", round_of, 1, &err));
	fill_disk();
	struct bd_run run = run_make("01A", "x", BD_RUN_FAILED);
	run.reason = bd_reason_new(NULL, "store-full", "make room", "no room left");
	CHECK_OK(bd_store_run_update(s, &run, &err));
	/* no new run is begun whose end could not be told */
	struct bd_run more = run_make("01C", "x", BD_RUN_QUEUED);
	CHECK_ERROR(bd_store_run_create(s, &more, NULL, 0, &err), "store-full");
	bd_store_free(&s);
	CHECK_OK(bd_store_open(folder, &s, &err));
	BD_CHECK_INT(samples(s, "01A"), 1);
	samples_done(round_of, 1);
	bd_reason_free(run.reason);
	bd_store_free(&s);
	integrity();
}

/* A document of n cells, each of a series of its own. Caller frees. */
static char *wide_document(int n)
{
	struct bd_run_document d;
	bd_doc_init(&bd_run_document_doc, &d);
	for (int i = 0; i < n; i++) {
		struct bd_cell_result *c = BD_PUSH(d.cells, d.cells_len);
		bd_doc_init(&bd_cell_result_doc, c);
		c->case_name = bd_printf("case%d", i);
		c->id = bd_printf("case%d/threads=1", i);
		bd_axes_set(&c->axes, "threads", "1");
		c->series = bd_alloc(BD_SERIES_LEN);
		bd_series_id(c->case_name, &c->axes, c->series);
		c->status = bd_strdup("ok");
	}
	bd_auto_json cJSON *j = bd_doc_encode(&bd_run_document_doc, &d);
	bd_doc_done(&bd_run_document_doc, &d);
	return bd_json_text(j);
}

BD_TEST(a_run_of_many_cells_is_deleted_from_a_full_disk)
{
	small_disk("12m");
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	bd_auto_free char *text = wide_document(600);
	static const char *const ids[] = {"01A", "01B", "01C", "01D", "01E", "01F"};
	for (size_t i = 0; i < BD_LEN(ids); i++) {
		struct bd_run run = run_make(ids[i], "x", BD_RUN_COMPLETE);
		run.started_ns = 1;
		CHECK_OK(bd_store_run_create(s, &run, NULL, 0, &err));
		CHECK_OK(bd_store_document_put(s, ids[i], text, &err));
		CHECK_OK(bd_store_sync(s, &err));
	}
	fill_disk();
	for (size_t i = 0; i < BD_LEN(ids); i++)
		CHECK_OK(bd_store_run_delete(s, ids[i], &err));
	struct bd_series_list list;
	struct bd_series_filter f = {.limit = 9};
	CHECK_OK(bd_store_series_list(s, &f, &list, &err));
	BD_CHECK_INT(list.series_len, 0);
	bd_store_free(&s);
	integrity();
}

static int chunk_whole(const struct bd_trace_chunk *c, void *arg)
{
	int64_t n = (*(int64_t *)arg)++;
	bd_auto_free char *data = chunk_data(n, CHUNK);
	BD_CHECK_INT(c->bytes, CHUNK);
	BD_CHECK(memcmp(c->data, data, CHUNK) == 0);
	return 0;
}

/* Chunks until the store refuses one; how many there are then, each whole. */
static int64_t chunks_until_full(struct bd_store *s, const char *id)
{
	for (int64_t n = 0;; n++) {
		bd_auto_free char *data = chunk_data(n, CHUNK);
		struct bd_trace_chunk c = {.start_ns = n, .end_ns = n + 1, .data = data, .bytes = CHUNK};
		struct bd_error e = {0};
		int r = bd_store_trace_chunk_put(s, id, &c, &e);
		BD_CHECK(n < 100000);
		if (r == 0)
			continue;
		BD_CHECK_INT(r, -ENOSPC);
		BD_CHECK_STR(e.key, "store-full");
		BD_CHECK(e.hint[0]);
		int64_t kept = 0;
		CHECK_OK(bd_store_trace_chunks_each(s, id, chunk_whole, &kept, &err));
		BD_CHECK_INT(kept, n);
		return n;
	}
}

BD_TEST(a_full_disk_ends_a_trace_and_keeps_its_whole_chunks)
{
	small_disk("6m");
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_RUNNING), more = trace_make("01U", NULL, BD_RUN_RUNNING),
			back;
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	int64_t kept = chunks_until_full(s, "01T");
	BD_CHECK(kept > 10);
	/* what it has seen can still be summed up, until others take the rest of the room */
	CHECK_OK(bd_store_trace_document_put(s, "01T", "{\"a\":1}", &err));
	fill_disk();
	bd_auto_free char *wide = bd_printf("{\"a\":\"%0*d\"}", 3 * CHUNK, 0);
	CHECK_ERROR(bd_store_trace_document_put(s, "01T", wide, &err), "store-full");
	/* the last word on it still fits */
	t.state = BD_RUN_FAILED;
	t.reason = bd_reason_new(NULL, "store-full", "make room", "no room left");
	CHECK_OK(bd_store_trace_update(s, &t, &err));
	bd_reason_free(t.reason);
	/* no other is begun whose end could not be told */
	CHECK_ERROR(bd_store_trace_create(s, &more, &err), "store-full");
	bd_auto_free char *filler = bd_printf("%s/filler", folder);
	BD_CHECK_INT(unlink(filler), 0);
	bd_store_free(&s);
	integrity();

	CHECK_OK(bd_store_open(folder, &s, &err));
	CHECK_OK(bd_store_trace_get(s, "01T", &back, &err));
	BD_CHECK_INT(back.state, BD_RUN_FAILED);
	BD_CHECK_STR(back.reason->key, "store-full");
	BD_CHECK_INT(back.bytes, kept * CHUNK);
	bd_trace_done(&back);
	bd_auto_free char *text = NULL;
	CHECK_OK(bd_store_trace_document_get(s, "01T", &text, &err));
	BD_CHECK_STR(text, "{\"a\":1}");
	/* deleting makes room for as much again */
	CHECK_OK(bd_store_trace_delete(s, "01T", &err));
	CHECK_OK(bd_store_trace_create(s, &more, &err));
	BD_CHECK(chunks_until_full(s, "01U") > kept / 2);
	bd_store_free(&s);
	integrity();
}

BD_TEST(a_large_trace_is_deleted_from_a_full_disk)
{
	small_disk("40m");
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_COMPLETE);
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	bd_auto_free char *data = chunk_data(0, 1 << 20);
	for (int64_t i = 0; i < 12; i++) {
		struct bd_trace_chunk c = {.start_ns = i, .end_ns = i + 1, .data = data, .bytes = 1 << 20};
		CHECK_OK(bd_store_trace_chunk_put(s, "01T", &c, &err));
	}
	CHECK_OK(bd_store_sync(s, &err));
	fill_disk();
	CHECK_OK(bd_store_trace_delete(s, "01T", &err));
	bd_store_free(&s);
	integrity();
	/* and its room is given back */
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	struct stat st;
	BD_CHECK_INT(stat(path, &st), 0);
	BD_CHECK(st.st_size < 1 << 20);
}

BD_TEST(a_full_disk_is_named_at_the_start)
{
	small_disk("256k");
	fill_disk();
	struct bd_store *s = NULL;
	CHECK_ERROR(bd_store_open(folder, &s, &err), "store-full");
	BD_CHECK(!s);
}

BD_TEST_MAIN
