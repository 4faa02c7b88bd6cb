/* Code objects that are freed, and others made in their place, before they are asked for: never a wrong name, file or line. */
#include "target.h"

#include <sys/ptrace.h>

static void stop(const struct target *t)
{
	int status;
	BD_CHECK(ptrace(PTRACE_INTERRUPT, t->process.pid, 0, 0) == 0);
	BD_CHECK(waitpid(t->process.pid, &status, 0) == t->process.pid && WIFSTOPPED(status));
}

static void go_on(const struct target *t)
{
	BD_CHECK(ptrace(PTRACE_CONT, t->process.pid, 0, 0) == 0);
}

#define ENOUGH 40
struct seen {
	unsigned known, gone, other; /* other: stopped in something else */
};

/* The number in "churn07" and "<churn07>"; -1: none. */
static int number(const char *text)
{
	const char *at = text ? strstr(text, "churn") : NULL;
	return at && at[5] >= '0' && at[5] <= '9' ? atoi(at + 5) : -1;
}

/* Reads the innermost frame, as it was made known at once, and asks for it after it went on for a while. Files and lines tell
 * which function it was: its line is its number + 2. */
static void sample(struct target *t, struct bd_symbols *s, bool twins, int64_t later_ns, struct seen *seen)
{
	struct bd_rec_frame frame[4];
	static uint64_t turn;
	bd_sleep_ns((int64_t)(turn++ * 7919 % 1000) * 600); /* anywhere in its round */
	stop(t);
	size_t n = target_stack(t, (uint64_t)t->process.pid, frame, BD_LEN(frame));
	if (n < 2 || strncmp(frame[0].text, "churn", 5) != 0) {
		go_on(t);
		seen->other++;
		return;
	}
	/* who it is: the process is stopped, and what is read now is true */
	bd_auto_free char *file = target_text(t, frame[0].filename);
	int k = number(file);
	BD_CHECK(k >= 0);
	if (later_ns) {
		go_on(t);
		bd_sleep_ns(later_ns);
	}
	struct bd_symbols_code c;
	bd_symbols_python(s, &frame[0], &c);
	BD_CHECK(c.function);
	if (twins)
		BD_CHECK_STR(c.function, "churn");
	else
		BD_CHECK_INT(number(c.function), k);
	if (c.file) {
		BD_CHECK_STR(c.file, file);
		/* the function's own first line, before it began */
		if (c.line != 1)
			BD_CHECK_INT(c.line, k + 2);
		seen->known++;
	} else {
		BD_CHECK_INT(c.line, 0);
		BD_CHECK(c.why == BD_SYMBOLS_GONE || c.why == BD_SYMBOLS_UNREADABLE);
		seen->gone++;
	}
	if (!later_ns)
		go_on(t);
}

static void churn(const char *kind)
{
	bd_auto_free char *path = bd_printf("%s/churn.py", SCRIPTS), *text = NULL;
	BD_CHECK_INT(bd_file_read(path, 1 << 20, &text, NULL), 0);
	const char *const arguments[] = {kind, NULL};
	struct interpreter found[TARGETS];
	size_t n = interpreters(found, TARGETS), ran = 0;
	for (size_t i = 0; i < n; i++) {
		struct target t;
		if (!target_start(&t, &found[i], text, arguments))
			continue;
		free(target_says(&t));
		BD_CHECK(ptrace(PTRACE_SEIZE, t.process.pid, 0, 0) == 0);
		struct bd_error err = {0};
		struct seen at_once = {0}, later = {0};
		/* free-threaded interpreters free code objects when they collect garbage */
		const unsigned *freed = t.info.offsets.abiflags[0] == 't' ? &later.known : &later.gone;
		/* Every asking is the first: what was learnt once would be known for ever. */
		for (int k = 0; k < 20000 && (at_once.known < ENOUGH || *freed < ENOUGH); k++) {
			struct bd_symbols *s = NULL;
			BD_CHECK_INT(bd_symbols_new(&t.info, &s, &err), 0);
			bool now = k % 2;
			sample(&t, s, kind[0] == 't', now ? 0 : 300000, now ? &at_once : &later);
			bd_symbols_free(&s);
		}
		/* and with one memory for all of them */
		struct bd_symbols *s = NULL;
		BD_CHECK_INT(bd_symbols_new(&t.info, &s, &err), 0);
		struct seen kept = {0};
		for (int k = 0; k < 20000 && kept.known < ENOUGH; k++)
			sample(&t, s, kind[0] == 't', k % 3 ? 200000 : 0, &kept);
		bd_symbols_free(&s);
		printf("%s%s: at once %u known, %u gone; later %u known, %u gone; with a memory %u known, %u gone\n",
			found[i].root, found[i].program, at_once.known, at_once.gone, later.known, later.gone,
			kept.known, kept.gone);
		BD_CHECK_INT(at_once.gone, 0);
		BD_CHECK(at_once.known >= ENOUGH && *freed >= ENOUGH && kept.known >= ENOUGH);
		target_stop(&t);
		ran++;
	}
	if (!ran)
		BD_SKIP("no interpreter to look at");
}

BD_TEST(other_names)
{
	churn("names");
}

BD_TEST(twins)
{
	churn("twins");
}

BD_TEST_MAIN
