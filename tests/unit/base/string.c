#include "bd_base.h"
#include "bd_test.h"

BD_TEST(strings_grow_and_are_terminated)
{
	bd_auto_str struct bd_str b = {0};
	for (int i = 0; i < 1000; i++) {
		bd_str_printf(&b, "%d,", i);
		BD_CHECK_INT(strlen(b.s), b.len);
		BD_CHECK(b.cap > b.len);
	}
	BD_CHECK_INT(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	bd_str_append(&b, "a\0b", 3); /* bytes, not text */
	BD_CHECK_INT(b.len, 3893);
	bd_str_clear(&b);
	BD_CHECK_STR(b.s, "");
	bd_str_puts(&b, "again");
	bd_auto_free char *s = bd_str_take(&b);
	BD_CHECK_STR(s, "again");
	BD_CHECK(!b.s && !b.len);
	struct bd_str never = {0};
	bd_auto_free char *empty = bd_str_take(&never);
	BD_CHECK_STR(empty, "");
}

BD_TEST(copies)
{
	BD_CHECK(!bd_strdup(NULL));
	bd_auto_free char *s = bd_strndup("abcdef", 3), *p = bd_printf("%s-%d", s, 7);
	BD_CHECK_STR(s, "abc");
	BD_CHECK_STR(p, "abc-7");
	BD_CHECK(bd_streq(NULL, NULL) && !bd_streq(NULL, "") && !bd_streq("", NULL) && bd_streq("x", "x"));
	BD_CHECK(bd_starts_with("prefix", "pre") && bd_starts_with("x", "") && !bd_starts_with("pr", "pre"));
}

BD_TEST(globs_cross_slashes)
{
	BD_CHECK(bd_glob("gil*", "gil-contention/threads=2"));
	BD_CHECK(bd_glob("*threads=[12]*", "a/threads=2/b"));
	BD_CHECK(!bd_glob("gil", "gil-contention"));
}

static const char *const words[] = {"threads", "binding", "allocator", "objalloc", "gil-contention", "u"};

static const char *near_to(const char *word)
{
	return bd_nearest(word, words, BD_LEN(words));
}

BD_TEST(nearest_word)
{
	BD_CHECK_STR(near_to("thread"), "threads");
	BD_CHECK_STR(near_to("alocator"), "allocator");
	BD_CHECK_STR(near_to("gil-contentoin"), "gil-contention");
	BD_CHECK_STR(near_to("threads"), "threads");
	BD_CHECK_STR(near_to("gil"), "gil-contention"); /* stopped typing */
	/* what is far from everything has no nearest word */
	BD_CHECK(!near_to("zzzzzzzz"));
	BD_CHECK(!near_to("frobnicate"));
	BD_CHECK(!bd_nearest("x", NULL, 0));
}

BD_TEST(string_vectors)
{
	bd_auto_strv struct bd_strv v = {0};
	bd_strv_split(&v, "a,,b,", ',');
	BD_CHECK_INT(v.n, 4);
	BD_CHECK_STR(v.v[1], "");
	BD_CHECK_STR(v.v[3], "");
	bd_strv_addf(&v, "n=%d", 4);
	bd_strv_add(&v, "last");
	BD_CHECK(bd_strv_has(&v, "n=4") && !bd_strv_has(&v, "n=5"));
	bd_auto_free char **argv = bd_strv_argv(&v);
	BD_CHECK_STR(argv[5], "last");
	BD_CHECK(!argv[6]);
}

BD_TEST(pushed_elements_are_zero_and_stay)
{
	struct item {
		int64_t id;
		char fill[24];
	} *items = NULL;
	size_t n = 0;
	for (int i = 0; i < 1000; i++) {
		struct item *it = BD_PUSH(items, n);
		BD_CHECK(it == &items[i]);
		BD_CHECK(it->id == 0 && it->fill[23] == 0);
		it->id = i;
		memset(it->fill, 0xff, sizeof it->fill);
	}
	BD_CHECK_INT(n, 1000);
	for (int i = 0; i < 1000; i++)
		BD_CHECK_INT(items[i].id, i);
	free(items);
}

BD_TEST(ownership_is_handed_over)
{
	char *p = bd_strdup("x"), *q = BD_TAKE_PTR(p);
	BD_CHECK(!p && q);
	bd_freep(&q);
	BD_CHECK(!q);
	int fd = dup(0), kept = BD_TAKE_FD(fd);
	BD_CHECK(fd == -1 && kept >= 0);
	bd_closep(&kept);
	BD_CHECK(kept == -1);
	bd_closep(&kept); /* nothing to close: nothing happens */
}

BD_TEST_MAIN
