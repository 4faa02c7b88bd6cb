/* What is told of sleeps, stacks, holders and ends, on a GIL and a Python stack made up for the purpose. What counts as one
 * wait is tested by counting.c: the same steps must give the same waits here. */
#include "bd_test.h"
#include "steps.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* a step names only what matters to it */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define COND gil.cond + 3
#define DEADLINE_NS 20000000000LL

/* ---- a Python stack ------------------------------------------------------------------------------------------- */

struct made_up_text {
	uint64_t head[2], length, hash;
	uint32_t state, unused;
	char data[64];
};
struct made_up_bytes {
	uint64_t head[2], size, hash;
	unsigned char data[48];
};
struct made_up_code {
	uint64_t head, type;
	struct made_up_text *filename, *qualname;
	void *linetable;
	uint32_t firstlineno, version;
};
struct made_up_frame {
	void *code, *previous, *ip;
	char owner[8];
};

enum { COMPACT = 1 << 5, ASCII = 1 << 6, SKIPPED = 3, TAG = 1 };
static int code_type, other_type;
static void *threads_head;

static struct bd_event_code code_offsets = {
	.tstate_next = offsetof(struct made_up_state, next),
	.cframe = -1,
	.current_frame = offsetof(struct made_up_state, frame),
	.frame_code = offsetof(struct made_up_frame, code),
	.frame_previous = offsetof(struct made_up_frame, previous),
	.frame_ip = offsetof(struct made_up_frame, ip),
	.frame_owner = offsetof(struct made_up_frame, owner),
	.frame_bytes = sizeof(struct made_up_frame),
	.owners_skipped = 1 << SKIPPED,
	.ob_type = offsetof(struct made_up_code, type),
	.filename = offsetof(struct made_up_code, filename),
	.qualname = offsetof(struct made_up_code, qualname),
	.linetable = offsetof(struct made_up_code, linetable),
	.firstlineno = offsetof(struct made_up_code, firstlineno),
	.version = offsetof(struct made_up_code, version),
	.code_bytes = sizeof(struct made_up_code),
	.unicode_length = offsetof(struct made_up_text, length),
	.unicode_state = offsetof(struct made_up_text, state),
	.ascii_bits = COMPACT | ASCII,
	.ascii_data = offsetof(struct made_up_text, data),
	.bytes_size = offsetof(struct made_up_bytes, size),
	.bytes_data = offsetof(struct made_up_bytes, data),
	.code_mask = ~(uint64_t)TAG,
};

static struct made_up_text text[3];
static struct made_up_bytes lines = {.size = 20, .data = {1, 2, 3}};
static struct made_up_code code[3];
static struct made_up_frame frame[40];

static void make_code(size_t i, const char *name, uint32_t version)
{
	text[i] = (struct made_up_text){.length = strlen(name), .state = COMPACT | ASCII};
	memset(text[i].data, 'x', sizeof text[i].data); /* what is behind the end is nobody's */
	memcpy(text[i].data, name, strlen(name));
	code[i] = (struct made_up_code){.type = (uint64_t)(uintptr_t)&code_type,
		.filename = &text[0],
		.qualname = &text[i],
		.linetable = &lines,
		.firstlineno = 10 + (uint32_t)i,
		.version = version};
}

/* n frames, the innermost first; the first of an entry from C between. */
static void make_stack(size_t n)
{
	make_code(0, "outermost", 77);
	make_code(1, "a_name_that_is_longer_than_what_is_kept_of_it", 78);
	make_code(2, "short", 0);
	memset(frame, 0, sizeof frame);
	for (size_t i = 0; i < n; i++)
		frame[i] = (struct made_up_frame){.code = (char *)&code[i == 0 ? 2 : i % 2] + TAG,
			.previous = i + 1 < n ? &frame[i + 1] : NULL,
			.ip = (char *)0x1000 + i};
	frame[39] = (struct made_up_frame){.code = &gil, .previous = frame, .owner = {SKIPPED}};
	self_state.frame = &frame[39];
	self_state.next = NULL;
	other_state.next = &self_state;
	threads_head = &other_state;
}

/* ---- the records ---------------------------------------------------------------------------------------------- */

static struct bd_probe *probe;
static struct bd_records records;

static void load(uint32_t ring_bytes)
{
	struct bd_error err = {0};
	if (bd_probe_load_ring(BD_TRACER_EVENTS, ring_bytes, &probe, &err) < 0 || bd_probe_on(probe, true, &err) < 0 ||
		bd_probe_follow(probe, &err) < 0) {
		if (strcmp(err.key, "no-bpf-rights") == 0 || strcmp(err.key, "no-btf") == 0)
			BD_SKIP("%s", err.message);
		BD_FAIL("%s: %s", err.key, err.message);
	}
	records.max = 64 << 20;
	records.bytes = bd_alloc(records.max);
	make_stack(4);
}

static void make_target(void)
{
	bd_probe_clear(probe, STEP_TARGET);
	struct bd_event_target *t = bd_probe_event_target(probe, STEP_TARGET);
	t->layout = step_layout;
	t->code = code_offsets;
	t->code.code_type = (uint64_t)(uintptr_t)&code_type;
	t->gil[0] = (uint64_t)(uintptr_t)&gil;
	t->gils_len = 1;
	t->interpreter[0] = (struct bd_event_interpreter){.threads_head = (uint64_t)(uintptr_t)&threads_head};
	t->interpreters_len = 1;
	t->life = bd_probe_next_life(probe);
}

/* The record of this type that comes next, or NULL. */
static const void *next(size_t *at, unsigned type)
{
	while (*at < records.len) {
		const struct bd_rec *r = (const void *)(records.bytes + *at);
		BD_CHECK(r->size >= sizeof *r && r->size % 8 == 0 && r->size <= records.len - *at);
		*at += r->size;
		BD_CHECK_INT(r->target, STEP_TARGET);
		if (r->type == type)
			return r;
	}
	return NULL;
}

static size_t count(unsigned type)
{
	size_t n = 0, at = 0;
	while (next(&at, type))
		n++;
	return n;
}

/* A reaped thread may still be on its way off the processor, where its last slice is settled. */
static void drain_until(unsigned type, size_t n)
{
	for (int64_t end = bd_clock_mono_ns() + DEADLINE_NS; bd_clock_mono_ns() < end; bd_sleep_ns(1000000)) {
		bd_probe_drain(probe, &records);
		if (count(type) >= n)
			return;
	}
	BD_FAIL("%zu records of type %u, not %zu", count(type), type, n);
}

#define MAX_WAITS 16
static struct bd_rec_wait waits[MAX_WAITS];

/* The records of each step's sleep. */
static pid_t run(const struct step *steps, size_t n)
{
	struct script s = {steps, n};
	records.len = 0;
	make_target();
	pid_t pid = run_child(probe, run_script, &s);
	drain_until(BD_REC_WAIT, n);
	BD_CHECK_INT(count(BD_REC_WAIT), n);
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		const struct bd_rec_wait *w = next(&at, BD_REC_WAIT);
		BD_CHECK_INT(w->tid, pid);
		BD_CHECK_INT(w->gil, 0);
		BD_CHECK(w->off_ns < w->on_ns && w->queued_ns <= w->on_ns - w->off_ns);
		BD_CHECK(!w->wake_ns || (w->off_ns <= w->wake_ns && w->wake_ns <= w->on_ns));
		BD_CHECK(w->flags & BD_REC_NUMBER_KNOWN);
		waits[i] = *w;
	}
	BD_CHECK_INT(bd_probe_lost(probe), 0);
	BD_CHECK_INT(bd_probe_live(probe, STEP_TARGET)->waiters[0], 0);
	return pid;
}

#define RUN(...)                                               \
	({                                                     \
		const struct step steps_[] = {__VA_ARGS__};    \
		run(steps_, sizeof steps_ / sizeof steps_[0]); \
	})

/* ---- waits ------------------------------------------------------------------------------------------------------ */

BD_TEST(slices_of_one_wait)
{
	load(0);
	RUN({COND}, {COND}, {COND});
	for (int i = 0; i < 3; i++) {
		BD_CHECK_INT(!!(waits[i].flags & BD_REC_CONTINUES), i > 0);
		BD_CHECK_INT(waits[i].part, BD_REC_COND);
		BD_CHECK_INT(waits[i].holder, other_state.native_thread_id);
		BD_CHECK(waits[i].on_ns - waits[i].off_ns >= STEP_TIMER_NS / 2);
		if (!(waits[i].flags & BD_REC_SETTLED)) { /* a wake not seen counts as another's */
			BD_CHECK(!(waits[i].flags & BD_REC_BY_FUTEX));
			BD_CHECK_INT(waits[i].queued_ns, 0);
			BD_CHECK_INT(waits[i].waker, 0);
		}
	}
}

BD_TEST(got_it_and_lost_it_is_another)
{
	load(0);
	RUN({COND}, {COND, .number_by = 2, .busy_ns = 100000});
	BD_CHECK(!(waits[1].flags & BD_REC_CONTINUES));
	BD_CHECK_INT(waits[1].number, waits[0].number + 2);
}

BD_TEST(woken_by_a_thread)
{
	load(0);
	RUN({COND, true}, {COND, true, .number_by = 1, .busy_ns = 100000}, {COND, true});
	BD_CHECK(!(waits[1].flags & BD_REC_CONTINUES) && waits[2].flags & BD_REC_CONTINUES);
	for (int i = 0; i < 3; i++) {
		BD_CHECK(waits[i].flags & BD_REC_BY_FUTEX);
		if (waits[i].flags & BD_REC_SETTLED)
			continue;
		BD_CHECK(waits[i].wake_ns > 0);
		BD_CHECK_INT(waits[i].queued_ns, waits[i].on_ns - waits[i].wake_ns);
		BD_CHECK(waits[i].waker && waits[i].waker != waits[i].tid);
	}
}

BD_TEST(parts_and_self)
{
	load(0);
	RUN({gil.mutex}, {gil.switch_cond, .self_held = true}, {gil.switch_mutex, .self_held = true});
	BD_CHECK_INT(waits[0].part, BD_REC_MUTEX);
	BD_CHECK_INT(waits[1].part, BD_REC_SWITCH_COND);
	BD_CHECK_INT(waits[2].part, BD_REC_SWITCH_MUTEX);
	BD_CHECK(!(waits[0].flags & BD_REC_SELF));
	BD_CHECK(waits[1].flags & BD_REC_SELF);
}

BD_TEST(elsewhere_is_nothing)
{
	load(0);
	const struct step steps[] = {{gil.outside}, {(uint32_t *)&gil.locked}};
	struct script s = {steps, 2};
	make_target();
	run_child(probe, run_script, &s);
	drain_until(BD_REC_LIFE, 2); /* the end of both threads */
	BD_CHECK_INT(count(BD_REC_WAIT), 0);
	/* after an exec nothing is known of it, until user space looked again */
	const struct step again[] = {{COND}};
	s = (struct script){again, 1};
	records.len = 0;
	make_target();
	bd_probe_live(probe, STEP_TARGET)->execs++;
	run_child(probe, run_script, &s);
	drain_until(BD_REC_LIFE, 2);
	BD_CHECK_INT(count(BD_REC_WAIT), 0);
}

static void run_many(const void *arg)
{
	size_t n = *(const size_t *)arg;
	for (size_t i = 0; i < n; i++) {
		struct timespec t = {0, 1000};
		syscall(SYS_futex, gil.cond, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
	}
}

BD_TEST(a_full_ring_loses_and_says_how_many)
{
	load(4096);
	self_state.frame = NULL;
	size_t n = 4096 / sizeof(struct bd_rec_wait) * 4;
	make_target();
	run_child(probe, run_many, &n);
	bd_sleep_ns(1000000);
	records.len = 0;
	bd_probe_drain(probe, &records);
	size_t told = count(BD_REC_WAIT);
	BD_CHECK(told >= 30 && told < 4096 / sizeof(struct bd_rec_wait));
	BD_CHECK(bd_probe_lost(probe) > n / 2 && bd_probe_lost(probe) <= n + 8);
	/* and goes on when there is room again */
	uint64_t lost = bd_probe_lost(probe);
	const struct step steps[] = {{COND}};
	struct script s = {steps, 1};
	records.len = 0;
	run_child(probe, run_script, &s);
	drain_until(BD_REC_WAIT, 1);
	BD_CHECK_INT(bd_probe_lost(probe), lost);
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

static const struct bd_rec_stack *stack_of(uint64_t hash)
{
	size_t at = 0;
	for (const struct bd_rec_stack *s; (s = next(&at, BD_REC_STACK));)
		if (s->stack == hash)
			return s;
	BD_FAIL("no stack");
	return NULL;
}

BD_TEST(a_stack_is_told_once)
{
	load(0);
	pid_t pid = RUN({COND}, {COND}, {COND});
	BD_CHECK_INT(count(BD_REC_STACK), 1);
	BD_CHECK(waits[0].stack && waits[0].stack == waits[1].stack && waits[0].stack == waits[2].stack);
	const struct bd_rec_stack *s = stack_of(waits[0].stack);
	BD_CHECK_INT(s->error, BD_REC_STACK_OK);
	BD_CHECK_INT(s->len, 4);
	BD_CHECK_INT(s->cut, 0);
	BD_CHECK_INT(s->tid, pid);
	for (size_t i = 0; i < 4; i++) {
		const struct bd_rec_frame *f = &s->frame[i];
		size_t k = i == 0 ? 2 : i % 2;
		BD_CHECK(f->code == (uint64_t)(uintptr_t)&code[k]); /* the tag taken off */
		BD_CHECK_INT(f->ip, 0x1000 + i);
		BD_CHECK(f->qualname == (uint64_t)(uintptr_t)&text[k]);
		BD_CHECK(f->filename == (uint64_t)(uintptr_t)&text[0]);
		BD_CHECK(f->linetable == (uint64_t)(uintptr_t)&lines);
		BD_CHECK_INT(f->firstlineno, 10 + k);
		BD_CHECK_INT(f->version, code[k].version);
		char want[BD_EVENTS_TEXT] = {0};
		memcpy(want, text[k].data, BD_MIN(text[k].length, sizeof want));
		BD_CHECK(memcmp(f->text, want, sizeof want) == 0);
	}
	/* in another life it is another */
	uint64_t before = waits[0].stack;
	RUN({COND});
	BD_CHECK_INT(count(BD_REC_STACK), 1);
	BD_CHECK(waits[0].stack != before);
}

static uint64_t stack_now(void)
{
	struct script s = {(const struct step[]){{COND}}, 1};
	records.len = 0;
	run_child(probe, run_script, &s);
	drain_until(BD_REC_WAIT, 1);
	size_t at = 0;
	return ((const struct bd_rec_wait *)next(&at, BD_REC_WAIT))->stack;
}

/* Everything that tells code objects apart tells stacks apart. */
BD_TEST(other_code_at_the_same_place)
{
	load(0);
	RUN({COND});
	uint64_t seen[8] = {waits[0].stack};
	for (int i = 1; i < 8; i++) {
		make_stack(4);
		switch (i) {
		case 1:
			frame[1].ip = (char *)frame[1].ip + 2;
			break;
		case 2:
			code[1].version++;
			break;
		case 3:
			text[2].data[4] = 'X'; /* has no version, so its name counts */
			break;
		case 4:
			code[0].linetable = (char *)&lines + 8;
			break;
		case 5:
			code[0].firstlineno++;
			break;
		case 6:
			frame[3].previous = &frame[4];
			frame[4] = frame[3];
			frame[4].previous = NULL;
			break;
		case 7:
			text[1].data[3] = 'X'; /* has a version: the same, whatever its name looks like */
			break;
		}
		seen[i] = stack_now();
		if (i == 7) {
			BD_CHECK(seen[i] == seen[0]);
			BD_CHECK_INT(count(BD_REC_STACK), 0);
			continue;
		}
		for (int k = 0; k < i; k++)
			BD_CHECK(seen[k] != seen[i]);
		BD_CHECK_INT(count(BD_REC_STACK), 1);
	}
}

/* 3.11 has no versions: the lines count, and what is told of them is a checksum. */
BD_TEST(other_lines_where_there_are_no_versions)
{
	load(0);
	code_offsets.version = -1;
	make_target();
	uint64_t before = stack_now();
	uint32_t sum = 2166136261U;
	for (size_t i = 0; i < lines.size; i++)
		sum = (sum ^ lines.data[i]) * 16777619U;
	const struct bd_rec_stack *s = stack_of(before);
	for (size_t i = 0; i < s->len; i++) {
		BD_CHECK_INT(s->frame[i].version, sum);
		BD_CHECK(s->frame[i].text[0]);
	}
	lines.data[20]++; /* behind the end */
	BD_CHECK(stack_now() == before);
	lines.data[19]++;
	BD_CHECK(stack_now() != before);
	lines.data[19]--;
	lines.size--;
	BD_CHECK(stack_now() != before);
	lines.size++;
	text[1].data[3]++;
	BD_CHECK(stack_now() != before);
}

/* The end of a string may be the end of what can be read. */
BD_TEST(a_name_at_the_end_of_memory)
{
	load(0);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = offsetof(struct made_up_text, data) + 6;
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	BD_CHECK(two != MAP_FAILED && munmap(two + page, page) == 0);
	void *at = two + page - bytes;
	memcpy(at, &text[2], bytes);
	code[2].qualname = at;
	make_target();
	BD_CHECK(memcmp(stack_of(stack_now())->frame[0].text, "short\0\0\0", 8) == 0);
}

static struct bd_rec_stack told(void)
{
	RUN({COND});
	return *stack_of(waits[0].stack);
}

BD_TEST(why_a_stack_ends)
{
	load(0);
	make_stack(30);
	struct bd_rec_stack s = told();
	BD_CHECK_INT(s.len, BD_EVENTS_FRAMES);
	BD_CHECK_INT(s.cut, 1);
	BD_CHECK_INT(s.error, BD_REC_STACK_OK);

	make_stack(4);
	code[1].type = (uint64_t)(uintptr_t)&other_type;
	s = told();
	BD_CHECK_INT(s.error, BD_REC_STACK_NOT_CODE);
	BD_CHECK_INT(s.len, 1);

	make_stack(4);
	frame[1].previous = (void *)8;
	s = told();
	BD_CHECK_INT(s.error, BD_REC_STACK_UNREADABLE);
	BD_CHECK_INT(s.len, 2);

	make_stack(4);
	self_state.frame = NULL;
	s = told();
	BD_CHECK_INT(s.error, BD_REC_STACK_NO_FRAME);
	BD_CHECK_INT(s.len, 0);

	make_stack(4);
	other_state.next = NULL;
	s = told();
	BD_CHECK_INT(s.error, BD_REC_STACK_NO_TSTATE);
	BD_CHECK_INT(s.len, 0);

	make_stack(4);
	text[2].state = COMPACT; /* not ASCII */
	s = told();
	BD_CHECK_INT(s.error, BD_REC_STACK_OK);
	BD_CHECK_INT(s.frame[0].text[0], 0);
}

/* ---- holders ---------------------------------------------------------------------------------------------------- */

#define HOLD_NS 40000000

static void hold(const void *locked)
{
	gil.last_holder = (uint64_t)(uintptr_t)&self_state;
	gil.locked = *(const uint64_t *)locked;
	busy(HOLD_NS);
	bd_sleep_ns(HOLD_NS);
	gil.locked = 0;
}

static void run_hold(uint64_t locked)
{
	records.len = 0;
	make_target();
	run_child(probe, hold, &locked);
	drain_until(BD_REC_LIFE, 1);
}

BD_TEST(a_holder_is_sampled_and_its_absence_told)
{
	load(0);
	run_hold(1);
	size_t ticks = 0, off = 0, natives = 0, at = 0;
	uint64_t off_ns = 0, ticked_ns = 0;
	for (const struct bd_rec_hold *h; (h = next(&at, BD_REC_HOLD));) {
		BD_CHECK_INT(h->gil, 0);
		BD_CHECK_INT(h->waiters, 0);
		BD_CHECK(h->stack);
		BD_CHECK_INT(stack_of(h->stack)->len, 4);
		if (h->flags & BD_REC_TICK) {
			ticks++;
			BD_CHECK_INT(h->from_ns, h->to_ns);
			BD_CHECK(h->from_ns > ticked_ns);
			ticked_ns = h->from_ns;
		} else {
			off++;
			BD_CHECK(h->from_ns < h->to_ns);
			if (!(h->flags & BD_REC_PREEMPTED))
				off_ns += h->to_ns - h->from_ns;
		}
		natives += h->native != 0;
	}
	/* it may have been off its processor for any part of that, but then that was told */
	BD_CHECK(off >= 1 && off_ns >= HOLD_NS);
	BD_CHECK(ticks >= 1 && natives >= 1);
	at = 0;
	uint64_t last = 0;
	for (const struct bd_rec_native *n; (n = next(&at, BD_REC_NATIVE));) {
		BD_CHECK(n->native && n->native != last);
		last = n->native;
		BD_CHECK(n->bytes > 0 && n->bytes <= BD_EVENTS_NATIVE);
		BD_CHECK(n->reg[7] && n->reg[16]); /* rsp, rip */
	}
}

/* Which clock the samples of a hold are of; on a busy machine it takes several to have one. */
static bool sampled_often(void)
{
	size_t fast = 0, slow = 0;
	for (int64_t end = bd_clock_mono_ns() + DEADLINE_NS; !fast && !slow && bd_clock_mono_ns() < end;) {
		run_hold(1);
		size_t at = 0;
		for (const struct bd_rec_hold *h; (h = next(&at, BD_REC_HOLD));)
			if (h->flags & BD_REC_TICK)
				(*(h->flags & BD_REC_QUIET ? &slow : &fast))++;
	}
	BD_CHECK(!fast != !slow);
	return fast;
}

BD_TEST(holders_are_sampled_often_while_somebody_waits)
{
	const int64_t later = 1000000000;
	load(0);
	BD_CHECK(sampled_often()); /* until somebody looks */
	BD_CHECK(bd_probe_pace(probe, bd_clock_mono_ns()) == INT64_MAX);
	BD_CHECK(!sampled_often());
	BD_CHECK(bd_probe_pace(probe, bd_clock_mono_ns()) == INT64_MAX);
	RUN({COND});
	int64_t now = bd_clock_mono_ns(), next_look = bd_probe_pace(probe, (int64_t)waits[0].off_ns);
	BD_CHECK(next_look > (int64_t)waits[0].off_ns && next_look < now + later);
	BD_CHECK(sampled_often());
	/* a wait that goes on */
	bd_probe_live(probe, STEP_TARGET)->waiters[0] = 1;
	BD_CHECK(bd_probe_pace(probe, bd_clock_mono_ns() + later) != INT64_MAX);
	BD_CHECK(sampled_often());
	bd_probe_live(probe, STEP_TARGET)->waiters[0] = 0;
	BD_CHECK(bd_probe_pace(probe, bd_clock_mono_ns() + later) == INT64_MAX);
	BD_CHECK(!sampled_often());
	/* attached anew */
	struct bd_error err = {0};
	bd_probe_off(probe);
	BD_CHECK(bd_probe_pace(probe, bd_clock_mono_ns()) == INT64_MAX);
	BD_CHECK_INT(bd_probe_on(probe, false, &err), 0);
	BD_CHECK(sampled_often());
}

BD_TEST(who_does_not_hold_is_not_told)
{
	load(0);
	run_hold(0);
	BD_CHECK_INT(count(BD_REC_HOLD), 0);
	BD_CHECK_INT(count(BD_REC_NATIVE), 0);
}

/* The frame pointer chain of the sample leads back into this program: registers and stack belong together. */
BD_TEST(registers_and_stack_belong_together)
{
	load(0);
	run_hold(1);
	extern char __executable_start, etext;
	size_t at = 0, here = 0, n = 0;
	for (const struct bd_rec_native *r; (r = next(&at, BD_REC_NATIVE));) {
		n++;
		uint64_t word;
		for (size_t i = 0; i + sizeof word <= r->bytes; i += sizeof word) {
			memcpy(&word, r->stack + i, sizeof word);
			if (word >= (uint64_t)(uintptr_t)&__executable_start && word < (uint64_t)(uintptr_t)&etext) {
				here++;
				break;
			}
		}
	}
	BD_CHECK(n > 0);
	BD_CHECK_INT(here, n);
}

static void *wait_a_while(void *unused)
{
	struct timespec t = {0, HOLD_NS};
	other_state.native_thread_id = (uint64_t)syscall(SYS_gettid);
	syscall(SYS_futex, gil.cond, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
	return unused;
}

static void hold_while_another_waits(const void *unused)
{
	(void)unused;
	pthread_t t;
	gil.last_holder = (uint64_t)(uintptr_t)&self_state;
	gil.locked = 1;
	if (pthread_create(&t, NULL, wait_a_while, NULL) != 0)
		_exit(1);
	busy(HOLD_NS / 2);
	gil.locked = 0;
	pthread_join(t, NULL);
}

BD_TEST(waiters_are_counted)
{
	load(0);
	unsigned most = 0, told_waits = 0;
	for (int i = 0; i < 20 && !most; i++) { /* a busy machine may let the one run only after the other */
		records.len = 0;
		make_target();
		run_child(probe, hold_while_another_waits, NULL);
		drain_until(BD_REC_LIFE, 2);
		size_t at = 0;
		for (const struct bd_rec_hold *h; (h = next(&at, BD_REC_HOLD));)
			most = BD_MAX(most, h->waiters);
		told_waits += (unsigned)count(BD_REC_WAIT);
		BD_CHECK_INT(bd_probe_live(probe, STEP_TARGET)->waiters[0], 0);
	}
	BD_CHECK_INT(most, 1);
	BD_CHECK(told_waits >= 1);
}

/* ---- ends ------------------------------------------------------------------------------------------------------- */

static void fork_and_end(const void *unused)
{
	(void)unused;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

static size_t lives(uint32_t tid, uint32_t what)
{
	size_t n = 0, at = 0;
	for (const struct bd_rec_life *l; (l = next(&at, BD_REC_LIFE));)
		n += (!tid || l->tid == tid) && l->what == what;
	return n;
}

BD_TEST(fork_exec_and_end)
{
	load(0);
	make_target();
	pid_t pid = run_child(probe, fork_and_end, NULL);
	drain_until(BD_REC_LIFE, 3);
	BD_CHECK_INT(lives((uint32_t)pid, BD_REC_EXEC), 1);
	BD_CHECK_INT(lives((uint32_t)pid, BD_REC_THREAD_EXIT), 1);
	BD_CHECK_INT(lives(0, BD_REC_FORK), 1);
	BD_CHECK_INT(lives((uint32_t)pid, BD_REC_FORK), 0);
	BD_CHECK_INT(count(BD_REC_LIFE), 3); /* nothing of the child's own */
	BD_CHECK_INT(bd_probe_live(probe, STEP_TARGET)->execs, 1);
}

static void *exec_aside(void *unused)
{
	execl("/bin/true", "true", (char *)NULL);
	return unused;
}

static void exec_of_another_thread(const void *unused)
{
	(void)unused;
	pthread_t t;
	if (pthread_create(&t, NULL, exec_aside, NULL) != 0)
		_exit(1);
	pthread_join(t, NULL);
	_exit(1);
}

/* The mark is on the first thread, which is gone then. */
BD_TEST(exec_by_another_thread)
{
	load(0);
	make_target();
	pid_t pid = run_child(probe, exec_of_another_thread, NULL);
	drain_until(BD_REC_LIFE, 3);
	BD_CHECK_INT(lives((uint32_t)pid, BD_REC_EXEC), 1);
	BD_CHECK(lives((uint32_t)pid, BD_REC_THREAD_EXIT) >= 1);
	BD_CHECK_INT(bd_probe_live(probe, STEP_TARGET)->execs, 1);
}

BD_TEST_MAIN
