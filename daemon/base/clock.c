#include "bd_base.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bd_clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t bd_clock_real_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

void bd_sleep_ns(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

void bd_rfc3339(int64_t real_ns, char out[BD_RFC3339_LEN])
{
	time_t s = (time_t)(real_ns / 1000000000);
	struct tm tm;
	gmtime_r(&s, &tm);
	strftime(out, BD_RFC3339_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
