/* Start: what a worker is given, what it must say, and what makes benchd refuse it. */
#include "workers_test.h"

#include <grp.h>
#include <sys/stat.h>

static const cJSON *item(const cJSON *j, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(j, name);
}

BD_TEST(gets_exactly_what_it_is_given)
{
	/* descriptors a careless program leaves open */
	BD_CHECK(fcntl(0, F_DUPFD, 5) >= 0);
	BD_CHECK(fcntl(0, F_DUPFD, 100) >= 0);
	BD_CHECK(fcntl(0, F_DUPFD, 200) >= 0);
	setenv("SECRET", "1", 1);
	struct bd_worker_pool *pool = new_pool();
	struct bd_map env = {0};
	bd_map_set(&env, "PATH", "/nowhere");
	bd_map_set(&env, "EMPTY", "");
	bd_map_set(&env, "WORDS", "a b=c");
	char *const args[] = {(char *)"good", (char *)"show", (char *)"third one", NULL};
	const struct bd_worker_spec spec = {.program = odd_worker(),
		.args = args,
		.env = &env,
		.cwd = "/usr",
		.log_fd = -1};
	struct bd_worker *w;
	struct bd_error err;
	BD_CHECK_INT(bd_worker_start(pool, &spec, &w, &err), 0);
	bd_auto_json cJSON *j = NULL;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	bd_auto_free char *fds = bd_json_text(item(j, "fds")), *got = bd_json_text(item(j, "env")),
			  *argv = bd_json_text(item(j, "args"));
	BD_CHECK_STR(fds, "[0,1,2,3,4]");
	BD_CHECK_STR(got, "[\"PATH=/nowhere\",\"EMPTY=\",\"WORDS=a b=c\",\"BENCHD_FDS=3,4\"]");
	BD_CHECK_STR(argv, "[\"good\",\"show\",\"third one\"]");
	BD_CHECK_STR(cJSON_GetStringValue(item(j, "cwd")), "/usr");
	BD_CHECK_STR(cJSON_GetStringValue(item(j, "stdin")), "/dev/null");
	BD_CHECK(cJSON_IsTrue(item(j, "leader")));
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
	bd_map_done(&env);
}

BD_TEST(hello_names_the_protocol)
{
	struct bd_worker_pool *pool = new_pool();
	const struct bd_worker_spec spec = {.program = odd_worker(), .log_fd = -1};
	struct bd_worker *w;
	struct bd_error err;
	BD_CHECK_INT(bd_worker_start(pool, &spec, &w, &err), 0);
	bd_auto_json cJSON *j = NULL;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	bd_auto_free char *hello = bd_json_text(item(j, "hello"));
	BD_CHECK_STR(hello, "{\"type\":\"hello\",\"protocol\":1}");
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

BD_TEST(standard_output_goes_to_the_log)
{
	struct bd_worker_pool *pool = new_pool();
	int p[2];
	BD_CHECK(pipe2(p, O_CLOEXEC) == 0);
	char *const args[] = {(char *)"good", (char *)"stdout", NULL};
	const struct bd_worker_spec spec = {.program = odd_worker(), .args = args, .log_fd = p[1]};
	struct bd_worker *w;
	struct bd_error err;
	BD_CHECK_INT(bd_worker_start(pool, &spec, &w, &err), 0);
	bd_auto_json cJSON *j = NULL;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
	close(p[1]);
	bd_auto_free char *log = NULL;
	BD_CHECK_INT(bd_fd_read(p[0], 1 << 16, &log, NULL), 0);
	BD_CHECK_STR(log, "said aloud\nand to stderr\n");
}

/* Starting odd_worker `start` is refused with that key. */
static void refused(const char *start, int64_t timeout_ns, const char *key, const char *words)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = NULL;
	struct bd_error err = {0};
	int r = start_odd(pool, start, "echo", timeout_ns, &w, &err);
	if (r >= 0)
		BD_FAIL("%s: accepted", start);
	if (!bd_streq(err.key, key) || !strstr(err.message, words))
		BD_FAIL("%s: %s: %s", start, err.key, err.message);
	BD_CHECK(!w);
	BD_CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* nothing is left to reap */
	bd_worker_pool_free(&pool);
}

BD_TEST(refuses_a_bad_start)
{
	refused("abort", 0, "signal", "signal 6");
	refused("exit", 0, "exit", "status 5");
	refused("hang", SECOND / 4, "timeout", "'ready' within 0.2"); /* of the quarter, what starting it left */
	refused("missing", 0, "protocol", "cap_eff");
	refused("protocol", 0, "protocol", "protocol 2");
	refused("pid", 0, "protocol", "process 1");
	refused("caps", 0, "privilege", "0000000000000400");
	refused("new-privs", 0, "privilege", "NoNewPrivs 0");
}

BD_TEST(accepts_a_good_start)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "echo");
	BD_CHECK_STR(bd_worker_ready(w)->python, "9.9.9");
	BD_CHECK_INT(bd_worker_ready(w)->pid, bd_worker_pid(w));
	BD_CHECK(!gone(bd_worker_pidfd(w), 0));
	int pidfd = dup(bd_worker_pidfd(w));
	bd_worker_free(&w);
	BD_CHECK(gone(pidfd, 0)); /* killed and reaped when this returns */
	bd_worker_pool_free(&pool);
}

BD_TEST(a_missing_program)
{
	struct bd_worker_pool *pool = new_pool();
	const struct bd_worker_spec spec = {.program = "/nonexistent/bench-worker", .log_fd = -1};
	struct bd_worker *w = NULL;
	struct bd_error err;
	BD_CHECK_INT(bd_worker_start(pool, &spec, &w, &err), -ENOENT);
	BD_CHECK_STR(err.key, "worker-missing");
	BD_CHECK(strstr(err.message, "/nonexistent/bench-worker"));
	BD_CHECK(!w);
	bd_worker_pool_free(&pool);
}

/* ---- privileges ---------------------------------------------------------------------------------------- */

/* Where any user can start it from: the build tree may be closed to others. */
static char *open_copy(void)
{
	bd_auto_free char *text = NULL;
	size_t len;
	BD_CHECK_INT(bd_file_read(odd_worker(), 64 << 20, &text, &len), 0);
	char dir[] = "/tmp/bd-workers-XXXXXX";
	BD_CHECK(mkdtemp(dir) && chmod(dir, 0755) == 0);
	char *path = bd_printf("%s/odd_worker", dir);
	BD_CHECK_INT(bd_file_write(path, text, len, 0755), 0);
	return path;
}

static void remove_copy(char *path)
{
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
	free(path);
}

static int start_at(struct bd_worker_pool *pool, const char *program, const char *start, bool keep,
	struct bd_worker **ret, struct bd_error *err)
{
	char *const args[] = {(char *)start, (char *)"show", NULL};
	const struct bd_worker_spec spec = {.program = program, .args = args, .log_fd = -1, .allow_privileges = keep};
	return bd_worker_start(pool, &spec, ret, err);
}

static void privileges(const char *program, const char *kept)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = NULL;
	struct bd_error err;
	BD_CHECK_INT(start_at(pool, program, "honest", false, &w, &err), 0);
	BD_CHECK_STR(bd_worker_ready(w)->cap_eff, "0000000000000000");
	BD_CHECK_INT(bd_worker_ready(w)->no_new_privs, 1);
	bd_auto_json cJSON *j = NULL;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	BD_CHECK_INT(cJSON_GetNumberValue(item(j, "uid")), getuid()); /* root stays root, and has nothing */
	bd_worker_free(&w);
	/* controls: with privileges kept, both one that says so and one that lies about it are found out */
	BD_CHECK(start_at(pool, program, "honest", true, &w, &err) < 0);
	BD_CHECK_STR(err.key, "privilege");
	BD_CHECK(strstr(err.message, "reports"));
	BD_CHECK(start_at(pool, program, "good", true, &w, &err) < 0);
	BD_CHECK_STR(err.key, "privilege");
	BD_CHECK(strstr(err.message, kept));
	bd_worker_pool_free(&pool);
}

BD_TEST(root_keeps_its_uid_and_nothing_else)
{
	if (getuid() != 0)
		BD_SKIP("only root can show what happens to root");
	privileges(odd_worker(), "CapEff");
}

BD_TEST(an_ordinary_user_gains_nothing)
{
	char *path = open_copy();
	pid_t pid = fork();
	if (pid == 0) {
		if (getuid() == 0 &&
			(setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
				setresuid(65534, 65534, 65534) < 0))
			BD_FAIL("cannot become an ordinary user: %s", strerror(errno));
		privileges(path, "NoNewPrivs");
		_exit(0);
	}
	int status;
	BD_CHECK(waitpid(pid, &status, 0) == pid);
	remove_copy(path);
	BD_CHECK_INT(status, 0);
}

/* ---- side by side -------------------------------------------------------------------------------------- */

BD_TEST(starts_side_by_side)
{
	/* Each of two workers waits for the other before it is ready: one after the other, neither would be. */
	char dir[] = "/tmp/bd-workers-XXXXXX";
	BD_CHECK(mkdtemp(dir));
	bd_auto_free char *fifo = bd_printf("%s/fifo", dir);
	BD_CHECK(mkfifo(fifo, 0600) == 0);
	char *const read_args[] = {(char *)"meet-read", (char *)"echo", fifo, NULL};
	char *const write_args[] = {(char *)"meet-write", (char *)"echo", fifo, NULL};
	char *const abort_args[] = {(char *)"abort", NULL}, *const hang_args[] = {(char *)"hang", NULL};
	const struct bd_worker_spec specs[] = {
		{.program = odd_worker(), .args = hang_args, .log_fd = -1, .start_timeout_ns = SECOND / 2},
		{.program = odd_worker(), .args = read_args, .log_fd = -1},
		{.program = odd_worker(), .args = abort_args, .log_fd = -1},
		{.program = "/nonexistent", .log_fd = -1},
		{.program = odd_worker(), .args = write_args, .log_fd = -1},
	};
	static const char *const want[] = {"timeout", NULL, "signal", "worker-missing", NULL};
	struct bd_worker *workers[BD_LEN(specs)];
	struct bd_error errs[BD_LEN(specs)] = {{0}};
	struct bd_worker_pool *pool = new_pool();
	BD_CHECK_INT(bd_worker_start_all(pool, specs, BD_LEN(specs), workers, errs), 2);
	unlink(fifo);
	rmdir(dir);
	for (size_t i = 0; i < BD_LEN(specs); i++) {
		BD_CHECK_INT(workers[i] == NULL, want[i] != NULL);
		if (want[i])
			BD_CHECK_STR(errs[i].key, want[i]);
		bd_worker_free(&workers[i]);
	}
	/* the control: alone, the one that waits for the other never gets ready */
	BD_CHECK(mkdir(dir, 0700) == 0 && mkfifo(fifo, 0600) == 0);
	struct bd_worker_spec alone = specs[1];
	alone.start_timeout_ns = SECOND / 4;
	struct bd_worker *w = NULL;
	BD_CHECK(bd_worker_start(pool, &alone, &w, &errs[0]) < 0);
	BD_CHECK_STR(errs[0].key, "timeout");
	unlink(fifo);
	rmdir(dir);
	bd_worker_pool_free(&pool);
}

BD_TEST_MAIN
