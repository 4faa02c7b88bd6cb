/* Real workers that die, hang, flood and speak nonsense when they are asked: each ends with the right reason, dead and
 * reaped, and a well-behaved one beside it goes on. */
#include "workers_test.h"

/* One misbehaving answer: the key, and words its message must hold. */
static void misbehaves(const char *answer, int64_t timeout_ns, const char *key, const char *words)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *neighbour = good(pool, "echo"), *w = good(pool, answer);
	cJSON *j = NULL;
	struct bd_error err = {0};
	int r = ask(w, timeout_ns, &j, &err);
	if (r >= 0)
		BD_FAIL("%s: accepted", answer);
	if (!bd_streq(err.key, key) || !strstr(err.message, words))
		BD_FAIL("%s: %s: %s", answer, err.key, err.message);
	BD_CHECK_INT(r, err.code);
	BD_CHECK(!j);
	check_dead(w, key);
	/* the control: the same question to one that behaves */
	BD_CHECK_INT(ask(neighbour, 10 * SECOND, &j, &err), 0);
	BD_CHECK(!bd_worker_dead(neighbour));
	cJSON_Delete(j);
	bd_worker_free(&w);
	bd_worker_free(&neighbour);
	BD_CHECK(!w);
	bd_worker_pool_free(&pool);
}

BD_TEST(dies)
{
	misbehaves("abort", 10 * SECOND, "signal", "signal 6");
	misbehaves("exit", 10 * SECOND, "exit", "status 3");
	misbehaves("exit-0", 10 * SECOND, "exit", "status 0");
}

BD_TEST(hangs)
{
	misbehaves("hang", SECOND / 4, "timeout", "answer 'sample' within 0.25 s");
}

BD_TEST(floods)
{
	misbehaves("flood-line", 60 * SECOND, "protocol", "4 MiB");
	misbehaves("flood-log", SECOND / 2, "timeout", "within 0.5 s");
}

BD_TEST(speaks_nonsense)
{
	static const char *const cases[][2] = {
		{"not-json", "not JSON"},
		{"array", "not an object"},
		{"two-objects", "not JSON"},
		{"empty-line", "not JSON"},
		{"no-type", "with a type"},
		{"type-number", "with a type"},
		{"wrong-type", "'memory' where 'sample' was due"},
		{"nul", "NUL"},
		{"deep", "not JSON"},
	};
	for (size_t i = 0; i < BD_LEN(cases); i++)
		misbehaves(cases[i][0], 20 * SECOND, "protocol", cases[i][1]);
}

BD_TEST(gives_up)
{
	misbehaves("fault", 10 * SECOND, "protocol", "gave up: no interpreter");
	misbehaves("fault-text", 10 * SECOND, "protocol", "gave up: no room");
}

BD_TEST(closes_its_output)
{
	misbehaves("close-output", 10 * SECOND, "protocol", "closed its output but lives on");
}

BD_TEST(closes_its_input)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "close-input");
	cJSON *j = NULL;
	struct bd_error err;
	/* no SIGPIPE may reach this process, which does not ignore it */
	BD_CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	cJSON_Delete(BD_TAKE_PTR(j));
	BD_CHECK(ask(w, 10 * SECOND, &j, &err) < 0);
	BD_CHECK_STR(err.key, "protocol");
	BD_CHECK(strstr(err.message, "closed its input"));
	check_dead(w, "protocol");
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

BD_TEST(a_line_of_4_mib_is_the_longest)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "long-line");
	cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK_INT(ask(w, 60 * SECOND, &j, &err), 0); /* 4 MiB - 1 */
	BD_CHECK(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(j, "x"))) > 4000000);
	cJSON_Delete(BD_TAKE_PTR(j));
	BD_CHECK(ask(w, 60 * SECOND, &j, &err) < 0);
	BD_CHECK_STR(err.key, "protocol");
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

/* Answers nobody asked for are not taken for the answer to the next question. */
BD_TEST(endless_answers)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "flood-samples");
	cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	cJSON_Delete(BD_TAKE_PTR(j));
	static const char *const cell[] = {"cell", NULL};
	BD_CHECK(bd_worker_receive(w, cell, 10 * SECOND, -1, &j, &err) < 0);
	BD_CHECK_STR(err.key, "protocol");
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

/* It reads nothing: sending more than the pipe holds ends at the deadline. */
BD_TEST(does_not_read)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = NULL;
	struct bd_error err = {0};
	BD_CHECK_INT(start_odd(pool, "good", "hang", 5 * SECOND, &w, &err), 0);
	bd_auto_free char *big = bd_alloc(1 << 20);
	memset(big, 'x', (1 << 20) - 1);
	bd_auto_json cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "type", "prepare");
	cJSON_AddStringToObject(j, "x", big);
	int r = 0;
	for (int i = 0; i < 3 && r == 0; i++)
		r = bd_worker_send(w, j, &err);
	BD_CHECK(r < 0);
	BD_CHECK_STR(err.key, "timeout");
	check_dead(w, "timeout");
	bd_worker_free(&w);
	/* control: one that reads takes the same messages */
	w = good(pool, "echo");
	for (int i = 0; i < 3; i++) {
		cJSON *got = NULL;
		BD_CHECK_INT(bd_worker_send(w, j, &err), 0);
		BD_CHECK_INT(bd_worker_receive(w, sample, 10 * SECOND, -1, &got, &err), 0);
		BD_CHECK(cJSON_GetNumberValue(cJSON_GetObjectItem(got, "length")) > 1 << 20);
		cJSON_Delete(got);
	}
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

BD_TEST(last_words_are_heard)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "last-words");
	cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	BD_CHECK_INT(cJSON_GetNumberValue(cJSON_GetObjectItem(j, "cell")), 7);
	cJSON_Delete(BD_TAKE_PTR(j));
	BD_CHECK(bd_worker_receive(w, sample, 10 * SECOND, -1, &j, &err) < 0);
	BD_CHECK_STR(err.key, "exit");
	BD_CHECK(strstr(err.message, "status 4"));
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

BD_TEST(log_messages_are_skipped)
{
	int p[2];
	BD_CHECK(pipe(p) == 0);
	bd_log_to(p[1], BD_LOG_DEBUG);
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "log-then-answer");
	cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	BD_CHECK_INT(cJSON_GetNumberValue(cJSON_GetObjectItem(j, "cell")), 1);
	cJSON_Delete(j);
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
	close(p[1]);
	bd_auto_free char *log = NULL;
	bd_log_to(STDERR_FILENO, BD_LOG_WARN);
	BD_CHECK_INT(bd_fd_read(p[0], 1 << 20, &log, NULL), 0);
	BD_CHECK(strstr(log, ": one\n") && strstr(log, "(no message)"));
}

static void *write_later(void *arg)
{
	uint64_t one = 1;
	if (write(*(int *)arg, &one, sizeof one) < 0)
		abort();
	return NULL;
}

BD_TEST(cancel_leaves_the_worker_alive)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "echo");
	int p[2];
	BD_CHECK(pipe(p) == 0);
	cJSON *j = NULL;
	struct bd_error err;
	pthread_t t;
	BD_CHECK(pthread_create(&t, NULL, write_later, &p[1]) == 0);
	/* nothing was asked, so only the cancellation can end this */
	BD_CHECK_INT(bd_worker_receive(w, sample, 60 * SECOND, p[0], &j, &err), -ECANCELED);
	BD_CHECK_STR(err.key, "cancelled");
	BD_CHECK(!bd_worker_dead(w) && !gone(bd_worker_pidfd(w), 0));
	pthread_join(t, NULL);
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	cJSON_Delete(BD_TAKE_PTR(j));
	/* an unready cancel descriptor does nothing */
	int quiet[2];
	BD_CHECK(pipe(quiet) == 0);
	bd_auto_json cJSON *batch = cJSON_CreateObject();
	cJSON_AddStringToObject(batch, "type", "batch");
	BD_CHECK_INT(bd_worker_send(w, batch, &err), 0);
	BD_CHECK_INT(bd_worker_receive(w, sample, 10 * SECOND, quiet[0], &j, &err), 0);
	cJSON_Delete(j);
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

BD_TEST_MAIN
