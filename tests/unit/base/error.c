#include "bd_base.h"
#include "bd_test.h"

#include <errno.h>

BD_TEST(an_error_carries_key_message_and_hint)
{
	struct bd_error e;
	errno = EEXIST;
	BD_CHECK_INT(bd_error_set(&e, -ENOENT, "not-found", "look elsewhere", "no run '%s'", "x"), -ENOENT);
	BD_CHECK_INT(errno, EEXIST);
	BD_CHECK_INT(e.code, -ENOENT);
	BD_CHECK_STR(e.key, "not-found");
	BD_CHECK_STR(e.message, "no run 'x'");
	BD_CHECK_STR(e.hint, "look elsewhere");
	BD_CHECK_INT(bd_error_set(&e, -EIO, "internal", NULL, "%s", "y"), -EIO);
	BD_CHECK_STR(e.hint, "");
	BD_CHECK_INT(bd_error_set(NULL, -EIO, "internal", NULL, "nobody listens"), -EIO);
}

BD_TEST(long_messages_are_cut_not_overrun)
{
	struct bd_error e;
	char text[2000];
	memset(text, 'm', sizeof text - 1);
	text[sizeof text - 1] = 0;
	bd_error_set(&e, -EIO, text, text, "%s", text);
	BD_CHECK_INT(strlen(e.message), sizeof e.message - 1);
	BD_CHECK_INT(strlen(e.key), sizeof e.key - 1);
	BD_CHECK_INT(strlen(e.hint), sizeof e.hint - 1);
}

BD_TEST(the_table_is_one_row_per_key_with_documented_statuses)
{
	static const int exits[] = {1, 2, 64, 66, 69, 70, 74, 77};
	for (size_t i = 0; i < bd_error_kinds_len; i++) {
		const struct bd_error_kind *k = &bd_error_kinds[i];
		BD_CHECK(bd_error_kind(k->key) == k); /* a second row of that name would not be found */
		BD_CHECK(k->http_status >= 400 && k->http_status < 600);
		bool known = false;
		for (size_t j = 0; j < BD_LEN(exits); j++)
			known |= k->exit_status == exits[j];
		BD_CHECK(known);
		BD_CHECK(strlen(k->key) < sizeof((struct bd_error *)0)->key);
	}
	BD_CHECK_STR(bd_error_kind("no-such-key")->key, "internal");
	BD_CHECK_STR(bd_error_kind(NULL)->key, "internal");
	BD_CHECK_INT(bd_error_kind("no-such-key")->http_status, 500);
	BD_CHECK_INT(bd_error_kind("no-such-key")->exit_status, 70);
}

BD_TEST(log_lines_are_whole_and_below_the_limit)
{
	int p[2];
	BD_CHECK(pipe(p) == 0);
	bd_log_to(p[1], BD_LOG_INFO);
	char text[5000];
	memset(text, 'l', sizeof text - 1);
	text[sizeof text - 1] = 0;
	bd_log(BD_LOG_DEBUG, "not this");
	bd_log(BD_LOG_INFO, "port %d", 7);
	bd_log(BD_LOG_ERROR, "%s", text);
	bd_log_to(-1, BD_LOG_DEBUG);
	bd_log(BD_LOG_ERROR, "nor this");
	close(p[1]);
	bd_auto_free char *log = NULL;
	BD_CHECK_INT(bd_fd_read(p[0], 1 << 16, &log, NULL), 0);
	BD_CHECK(strstr(log, "Z info: port 7\n"));
	BD_CHECK(strstr(log, "error: lll"));
	BD_CHECK(!strstr(log, "not this") && !strstr(log, "nor this"));
	BD_CHECK(strlen(log) < 2200 && log[strlen(log) - 1] == '\n');
}

BD_TEST_MAIN
