/* The daemon's side against a tracer that is missing or misbehaves; the real one is tested in tests/tracer. */
#include "bd_test.h"
#include "bd_tracer.h"

#include <fcntl.h>
#include <sys/stat.h>

BD_TEST(missing)
{
	struct bd_tracer *t = NULL;
	struct bd_error err = {0};
	BD_CHECK(bd_tracer_start("/nonexistent/bench-tracer", BD_TRACER_COUNTERS, &t, &err) < 0);
	BD_CHECK_STR(err.key, "tracer-missing");
	BD_CHECK(err.hint[0]);
	BD_CHECK(!t);
	BD_CHECK(bd_tracer_check(NULL, &err) < 0);
	BD_CHECK_STR(err.key, "tracer-missing");
}

BD_TEST(ends_at_once)
{
	struct bd_tracer *t = NULL;
	struct bd_error err = {0};
	BD_CHECK(bd_tracer_start("/bin/true", BD_TRACER_COUNTERS, &t, &err) < 0);
	BD_CHECK_STR(err.key, "tracer-failed");
	BD_CHECK(!t);
}

static void says(const char *script)
{
	char path[] = "/tmp/bd-tracer-XXXXXX";
	int fd = mkstemp(path);
	BD_CHECK(fd >= 0 && write(fd, script, strlen(script)) == (ssize_t)strlen(script) && fchmod(fd, 0700) == 0);
	close(fd);
	struct bd_tracer *t = NULL;
	struct bd_error err = {0};
	int r = bd_tracer_start(path, BD_TRACER_COUNTERS, &t, &err);
	unlink(path);
	BD_CHECK(r < 0);
	BD_CHECK_STR(err.key, "tracer-failed");
}

BD_TEST(wrong_size)
{
	says("#!/bin/sh\necho hello >&3\nread x\n");
}

BD_TEST(wrong_build)
{
	says("#!/bin/sh\ndd if=/dev/zero bs=864 count=1 >&3 2>/dev/null\nread x\n");
}

BD_TEST_MAIN
