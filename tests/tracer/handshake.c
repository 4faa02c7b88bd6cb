/* Loaded by handshake.py. Functions named with_gil_ are called through ctypes.PyDLL (the caller keeps the GIL), those
 * named no_gil_ through CDLL (it is released around them). All waiting here polls with sleeps, never in a futex, so a
 * thread found inside futex(2) is waiting for the GIL. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t no_gil_now(void);
int no_gil_park(int64_t round);
int no_gil_await_parked(int64_t round);
int no_gil_let_go(void);
int64_t with_gil_hold(int64_t round, int64_t ns);
int64_t with_gil_tid(void);
int64_t no_gil_spin(int64_t ns);

static _Atomic int64_t parked = -1, holding = -1;
static _Atomic int waiter_tid;

int64_t no_gil_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void pause_a_little(void)
{
	struct timespec t = {0, 50000};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

int64_t with_gil_tid(void)
{
	return (int64_t)syscall(SYS_gettid);
}

/* The waiter: here without the GIL until the holder has it in this round; returning means asking for it. */
int no_gil_park(int64_t round)
{
	atomic_store(&waiter_tid, (int)syscall(SYS_gettid));
	atomic_store(&parked, round);
	while (atomic_load(&holding) < round)
		pause_a_little();
	return 0;
}

/* The holder, without the GIL: until the waiter has been through this round's wait and is parked for the next. */
int no_gil_await_parked(int64_t round)
{
	while (atomic_load(&parked) < round)
		pause_a_little();
	return 0;
}

int no_gil_let_go(void)
{
	atomic_store(&holding, INT64_MAX);
	return 0;
}

static int asleep_in_futex(void)
{
	char path[64], text[64];
	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", atomic_load(&waiter_tid));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		abort();
	text[n] = 0;
	return strncmp(text, "202 ", 4) == 0;
}

/* The holder, with the GIL: lets the waiter ask for it, sees it asleep, and keeps it for ns more. Gives what the waiter
 * was made to wait at least. */
int64_t with_gil_hold(int64_t round, int64_t ns)
{
	atomic_store(&holding, round);
	while (!asleep_in_futex())
		;
	int64_t from = no_gil_now(), now;
	do
		now = no_gil_now();
	while (now - from < ns);
	return now - from;
}

int64_t no_gil_spin(int64_t ns)
{
	int64_t from = no_gil_now(), now;
	do
		now = no_gil_now();
	while (now - from < ns);
	return now - from;
}
