/* Native functions that never return, for a thread to be found in. They are called by ctypes with the GIL held. */
#include <string.h>
#include <time.h>

void spin_plain(void);
void spin_clock(void);
void spin_copy(void);
void spin_sleep(void);
void spin_back(void (*call)(void));
void spin_cpp(int) __asm__("_ZN5bench7Spinner3runEi");

static volatile unsigned turns;

#ifdef HIDDEN
/* The exported function leads to one that has no name any more once the symbol table is gone. */
static __attribute__((noinline)) void asleep(void)
{
	for (struct timespec t = {1, 0};;)
		nanosleep(&t, NULL);
}

void spin_sleep(void)
{
	asleep();
	turns++;
}
#else

void spin_plain(void)
{
	for (;;)
		turns++;
}

/* in the kernel's own page */
void spin_clock(void)
{
	struct timespec t;
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		turns++;
	}
}

/* in the C library */
void spin_copy(void)
{
	static char from[1 << 20], to[1 << 20];
	for (;;) {
		memcpy(to, from, sizeof to);
		__asm__ volatile("" ::: "memory");
		turns++;
	}
}

/* in a system call */
void spin_sleep(void)
{
	struct timespec t = {1, 0};
	for (;;) {
		nanosleep(&t, NULL);
		turns++;
	}
}

/* Python again, called from here */
void spin_back(void (*call)(void))
{
	call();
	turns++;
}

void spin_cpp(int n)
{
	for (;;)
		turns += (unsigned)n;
}
#endif
