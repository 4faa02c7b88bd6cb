/* Names and lines of real interpreters, against what they say of themselves. */
#include "target.h"

static struct interpreter found[TARGETS];
static size_t found_len;

static char *script(const char *name)
{
	bd_auto_free char *path = bd_printf("%s/%s", SCRIPTS, name);
	char *text;
	BD_CHECK_INT(bd_file_read(path, 1 << 20, &text, NULL), 0);
	return text;
}

/* Runs a check on every interpreter there is. */
static void on_each(const char *name, void (*check)(struct target *t))
{
	bd_auto_free char *text = script(name);
	found_len = interpreters(found, TARGETS);
	size_t ran = 0;
	for (size_t i = 0; i < found_len; i++) {
		struct target t;
		if (!target_start(&t, &found[i], text, NULL)) {
			printf("%s%s does not run here\n", found[i].root, found[i].program);
			continue;
		}
		printf("%s%s\n", found[i].root, found[i].program);
		check(&t);
		target_stop(&t);
		ran++;
	}
	if (!ran)
		BD_SKIP("no interpreter to look at");
}

static struct bd_symbols *symbols_of(const struct target *t)
{
	struct bd_symbols *s = NULL;
	struct bd_error err = {0};
	if (bd_symbols_new(&t->info, &s, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	return s;
}

/* One thread of parked.py; false at the end. */
static bool read_stack(struct target *t, uint64_t *ret_tid, struct bd_strv *ret)
{
	bd_auto_free char *head = target_says(t);
	if (bd_streq(head, "."))
		return false;
	*ret_tid = strtoull(head, NULL, 10);
	for (;;) {
		char *line = target_says(t);
		if (!line[0]) {
			free(line);
			return true;
		}
		bd_strv_add(ret, line);
		free(line);
	}
}

static void expect(const struct bd_symbols_code *c, const char *line)
{
	bd_auto_strv struct bd_strv want = {0};
	bd_strv_split(&want, line, '\t');
	BD_CHECK_INT(want.n, 3);
	BD_CHECK_STR(c->function, want.v[0]);
	BD_CHECK_STR(c->file, want.v[1]);
	BD_CHECK_INT(c->line, strtol(want.v[2], NULL, 10));
	BD_CHECK_INT(c->why, c->line ? BD_SYMBOLS_OK : BD_SYMBOLS_NO_LINE);
}

struct stack {
	uint64_t tid;
	struct bd_strv lines;
};

static void check_lines(struct target *t)
{
	struct stack stacks[64] = {0};
	size_t n = 0, frames_checked = 0;
	while (read_stack(t, &stacks[n].tid, &stacks[n].lines))
		n++;
	BD_CHECK(n >= 20);
	struct bd_symbols *s = symbols_of(t);
	for (int again = 0; again < 2; again++) /* then from memory */
		for (size_t i = 0; i < n; i++) {
			struct bd_rec_frame frames[64];
			size_t len = target_stack(t, stacks[i].tid, frames, BD_LEN(frames));
			BD_CHECK_INT(len, stacks[i].lines.n);
			for (size_t k = 0; k < len; k++, frames_checked++) {
				struct bd_symbols_code c;
				bd_symbols_python(s, &frames[k], &c);
				expect(&c, stacks[i].lines.v[k]);
			}
		}
	BD_CHECK(frames_checked > 200);
	bd_symbols_free(&s);
	BD_CHECK(!s);
	for (size_t i = 0; i < n; i++)
		bd_strv_done(&stacks[i].lines);
}

BD_TEST(lines)
{
	on_each("parked.py", check_lines);
}

static void check_doubts(struct target *t)
{
	struct stack stack = {0};
	BD_CHECK(read_stack(t, &stack.tid, &stack.lines));
	struct bd_rec_frame good[8], f;
	BD_CHECK(target_stack(t, stack.tid, good, 8) > 2);
	BD_CHECK_STR(good[1].text, "plain");
	struct bd_symbols *s = symbols_of(t);
	struct bd_symbols_code c;
#define DOUBT(change)                                                                                  \
	do {                                                                                           \
		f = good[1];                                                                           \
		change;                                                                                \
		bd_symbols_python(s, &f, &c);                                                          \
		if (c.file || c.line || !(c.why == BD_SYMBOLS_GONE || c.why == BD_SYMBOLS_UNREADABLE)) \
			BD_FAIL("believed after %s: %s:%d", #change, c.file, c.line);                  \
		if (f.text[0])                                                                         \
			BD_CHECK_STR(c.function, f.text);                                              \
		else                                                                                   \
			BD_CHECK(!c.function);                                                         \
	} while (0)
	DOUBT(f.filename = good[0].qualname);
	DOUBT(f.qualname += 8);
	DOUBT(f.linetable += 16);
	DOUBT(f.firstlineno++);
	DOUBT(f.text[4] = 'm');
	DOUBT(f.text[5] = 'x');
	DOUBT(f.text[4] = 0);
	DOUBT(f.text[0] = 0);
	DOUBT(f.code = f.filename);
	DOUBT(f.code = 0);
	DOUBT(f.code = 8);
	DOUBT(f.code = UINT64_MAX - 3);
	DOUBT(f.code = UINT64_C(0x7ffffffff000));
	if (t->info.offsets.code.version >= 0)
		DOUBT(f.version++);
	else
		DOUBT(f.version = 1); /* a hash of the line table, and not this one's */
	/* outside the code: the function is known, the line is not */
	f = good[1];
	f.ip = f.code - 1000;
	bd_symbols_python(s, &f, &c);
	BD_CHECK_STR(c.function, "plain");
	BD_CHECK_INT(c.line, 0);
	BD_CHECK_INT(c.why, BD_SYMBOLS_NO_LINE);
	f.ip = f.code + (1 << 20);
	bd_symbols_python(s, &f, &c);
	BD_CHECK_INT(c.line, 0);
	/* the negative control: unchanged it is known */
	bd_symbols_python(s, &good[1], &c);
	expect(&c, stack.lines.v[1]);
	const char *name = c.function;
	bd_symbols_python(s, &good[1], &c);
	BD_CHECK(c.function == name);
	bd_symbols_free(&s);
	bd_strv_done(&stack.lines);
}

BD_TEST(doubts)
{
	on_each("parked.py", check_doubts);
}

/* The whole record is right, but what it points to is another program's memory by now. */
BD_TEST(after_the_end)
{
	bd_auto_free char *text = script("parked.py");
	struct interpreter i = {(char *)"", (char *)"/usr/bin/python3"};
	struct target t;
	if (!target_start(&t, &i, text, NULL))
		BD_SKIP("/usr/bin/python3 does not run");
	struct stack stack = {0};
	BD_CHECK(read_stack(&t, &stack.tid, &stack.lines));
	struct bd_rec_frame frames[8];
	BD_CHECK(target_stack(&t, stack.tid, frames, 8) > 2);
	struct bd_symbols *s = symbols_of(&t), *late = NULL;
	target_stop(&t);
	struct bd_symbols_code c;
	bd_symbols_python(s, &frames[1], &c);
	BD_CHECK_STR(c.function, "plain"); /* from the record */
	BD_CHECK(!c.file && !c.line);
	BD_CHECK_INT(c.why, BD_SYMBOLS_UNREADABLE);
	struct bd_error err = {0};
	BD_CHECK(bd_symbols_new(&t.info, &late, &err) < 0);
	BD_CHECK_STR(err.key, "no-such-process");
	BD_CHECK(!late);
	bd_symbols_free(&s);
	bd_strv_done(&stack.lines);
}

BD_TEST_MAIN
