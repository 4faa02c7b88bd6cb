#include "bd_kernels.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

static struct bd_kernel_slot slots[BD_KERNEL_SLOTS];
/* Initial-exec: one instruction, no call to __tls_get_addr inside what is measured. */
static __thread unsigned own_slot __attribute__((tls_model("initial-exec")));

struct bd_kernel_slot *bd_kernel_slot_at(unsigned index)
{
	return &slots[index];
}

struct bd_kernel_slot *bd_kernel_own_slot(void)
{
	return &slots[own_slot];
}

void bd_kernel_take_slot(unsigned index)
{
	own_slot = index;
}

__attribute__((aligned(64))) uint64_t bd_kernel_spin(uint64_t x, uint64_t steps)
{
	for (; steps; steps--) {
		x = x * BD_KERNEL_MUL + BD_KERNEL_ADD;
		/* The compiler may not see through one step: neither merge two of them nor unroll into another shape. */
		__asm__ volatile("" : "+r"(x));
	}
	return x;
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((noinline, cold)) static uint64_t logged_call(struct bd_kernel_slot *s, uint64_t x, uint64_t steps)
{
	struct bd_kernel_event e = {.enter_processor = sched_getcpu(), .enter_ns = now_ns()};
	x = bd_kernel_spin(x, steps);
	e.exit_ns = now_ns();
	e.exit_processor = sched_getcpu();
	if (s->log_len < s->log_cap)
		s->log[s->log_len] = e;
	s->log_len++;
	return x & BD_KERNEL_MASK;
}

__attribute__((aligned(64))) uint64_t bd_kernel_call(uint64_t x, uint64_t steps)
{
	struct bd_kernel_slot *s = &slots[own_slot];
	x = __builtin_expect(s->log != NULL, 0) ? logged_call(s, x, steps) : bd_kernel_spin(x, steps) & BD_KERNEL_MASK;
	/* when it is over: whoever looks from outside sees how many are finished */
	__atomic_store_n(&s->calls, s->calls + 1, __ATOMIC_RELAXED);
	return x;
}

uint64_t bd_kernel_sum(uint64_t x, const void *data, uint64_t n)
{
	struct bd_kernel_slot *s = &slots[own_slot];
	const unsigned char *at = data;
	uint64_t words[4] = {x};
	s->data = data;
	s->data_len = n;
	for (; n >= sizeof words; at += sizeof words, n -= sizeof words) {
		uint64_t more[4];
		memcpy(more, at, sizeof more);
		for (int i = 0; i < 4; i++)
			words[i] += more[i];
	}
	x = words[0] + words[1] + words[2] + words[3];
	for (; n; at += BD_KERNEL_WORD, n -= n < BD_KERNEL_WORD ? n : BD_KERNEL_WORD) {
		uint64_t word = 0;
		memcpy(&word, at, n < BD_KERNEL_WORD ? n : BD_KERNEL_WORD);
		x += word;
	}
	__atomic_store_n(&s->calls, s->calls + 1, __ATOMIC_RELAXED);
	return x & BD_KERNEL_MASK;
}
