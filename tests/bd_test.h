/* A unit test program: BD_TEST(name) { … BD_CHECK(…) … } and BD_TEST_MAIN at the end. Every test runs in a fork of its
 * own, so that a crash is one failed test and is told from a failed check. Exit 0 passed, 1 failed, 125 all skipped. */
#ifndef BD_TEST_H
#define BD_TEST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef BD_TEST_PATIENCE
#define BD_TEST_PATIENCE 1 /* a sanitizer takes its time */
#endif

struct bd_test {
	const char *name;
	void (*run)(void);
	struct bd_test *next;
};
static struct bd_test *bd_tests, **bd_tests_end = &bd_tests;

#define BD_TEST(n)                                              \
	static void test_##n(void);                             \
	__attribute__((constructor)) static void add_##n(void)  \
	{                                                       \
		static struct bd_test t = {#n, test_##n, NULL}; \
		*bd_tests_end = &t;                             \
		bd_tests_end = &t.next;                         \
	}                                                       \
	static void test_##n(void)

#define BD_FAIL(...)                                   \
	do {                                           \
		printf("%s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                   \
		printf("\n");                          \
		fflush(stdout);                        \
		_exit(1);                              \
	} while (0)
#define BD_CHECK(x)                                  \
	do {                                         \
		if (!(x))                            \
			BD_FAIL("not true: %s", #x); \
	} while (0)
#define BD_CHECK_INT(a, b)                                                         \
	do {                                                                       \
		long long a_ = (long long)(a), b_ = (long long)(b);                \
		if (a_ != b_)                                                      \
			BD_FAIL("%s is %lld, expected %s = %lld", #a, a_, #b, b_); \
	} while (0)
#define BD_CHECK_STR(a, b)                                                                    \
	do {                                                                                  \
		const char *a_ = (a), *b_ = (b);                                              \
		if (!a_ || strcmp(a_, b_) != 0)                                               \
			BD_FAIL("%s is \"%s\", expected \"%s\"", #a, a_ ? a_ : "(null)", b_); \
	} while (0)
#define BD_CHECK_NEAR(a, b, tolerance)                                      \
	do {                                                                \
		double a_ = (a), b_ = (b);                                  \
		if (!(fabs(a_ - b_) <= (tolerance)))                        \
			BD_FAIL("%s is %.12g, expected %.12g", #a, a_, b_); \
	} while (0)
#define BD_SKIP(...)                 \
	do {                         \
		printf("SKIPPED: "); \
		printf(__VA_ARGS__); \
		printf("\n");        \
		fflush(stdout);      \
		_exit(125);          \
	} while (0)

static int bd_test_main(void)
{
	int failed = 0, skipped = 0, total = 0;
	for (struct bd_test *t = bd_tests; t; t = t->next, total++) {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			alarm(100 * BD_TEST_PATIENCE);
			t->run();
			fflush(stdout);
			exit(0);
		}
		int status;
		waitpid(pid, &status, 0);
		int ok = WIFEXITED(status) && WEXITSTATUS(status) == 0,
		    skip = WIFEXITED(status) && WEXITSTATUS(status) == 125;
		failed += !ok && !skip;
		skipped += skip;
		if (WIFSIGNALED(status))
			printf("CRASH %s: signal %d\n", t->name, WTERMSIG(status));
		else
			printf("%s %s\n", ok ? "ok" : skip ? "skip" : "FAIL", t->name);
	}
	printf("%d tests, %d failed, %d skipped\n", total, failed, skipped);
	return failed || !total ? 1 : skipped == total ? 125 : 0;
}
#define BD_TEST_MAIN                   \
	int main(void)                 \
	{                              \
		return bd_test_main(); \
	}

#endif
