#include "records.h"

#include <inttypes.h>
#include <linux/types.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "gil_events.h"

#define LOOK_MS 20

static void print_text(const char *text)
{
	putchar('"');
	for (size_t i = 0; i < BD_EVENTS_TEXT && text[i]; i++)
		if (text[i] >= ' ' && text[i] < 127 && text[i] != '"' && text[i] != '\\')
			putchar(text[i]);
		else
			printf("\\u%04x", (unsigned char)text[i]);
	putchar('"');
}

static void print_wait(const struct bd_rec_wait *w)
{
	printf("\"tid\":%u,\"holder\":%u,\"waker\":%u,\"gil\":%u,\"part\":%u,\"flags\":%u,\"off_ns\":%llu,"
	       "\"on_ns\":%llu,\"wake_ns\":%llu,\"queued_ns\":%llu,\"number\":%llu,\"stack\":%llu",
		w->tid, w->holder, w->waker, w->gil, w->part, w->flags, w->off_ns, w->on_ns, w->wake_ns, w->queued_ns,
		w->number, w->stack);
}

static void print_stack(const struct bd_rec_stack *s)
{
	printf("\"stack\":%llu,\"tid\":%u,\"error\":%u,\"cut\":%u,\"frames\":[", s->stack, s->tid, s->error, s->cut);
	for (unsigned i = 0; i < s->len; i++) {
		const struct bd_rec_frame *f = &s->frame[i];
		printf("%s{\"code\":%llu,\"ip\":%llu,\"firstlineno\":%u,\"version\":%u,\"text\":", i ? "," : "",
			f->code, f->ip, f->firstlineno, f->version);
		print_text(f->text);
		printf("}");
	}
	printf("]");
}

static void print_hold(const struct bd_rec_hold *h)
{
	printf("\"tid\":%u,\"gil\":%u,\"waiters\":%u,\"flags\":%u,\"from_ns\":%llu,\"to_ns\":%llu,\"stack\":%llu,"
	       "\"native\":%llu",
		h->tid, h->gil, h->waiters, h->flags, h->from_ns, h->to_ns, h->stack, h->native);
}

static void print_native(const struct bd_rec_native *n)
{
	printf("\"native\":%llu,\"tid\":%u,\"bytes\":%u,\"regs\":[", n->native, n->tid, n->bytes);
	for (unsigned i = 0; i < BD_EVENTS_REGS; i++)
		printf("%s%llu", i ? "," : "", n->reg[i]);
	printf("],\"top\":[");
	for (unsigned i = 0; i + 8 <= n->bytes && i < 64; i += 8) {
		unsigned long long word;
		memcpy(&word, n->stack + i, sizeof word);
		printf("%s%llu", i ? "," : "", word);
	}
	printf("]");
}

static void print_lock(const struct bd_rec_lock *l)
{
	printf("\"tid\":%u,\"waker\":%u,\"kind\":%u,\"flags\":%u,\"off_ns\":%llu,\"on_ns\":%llu,\"wake_ns\":%llu,"
	       "\"queued_ns\":%llu,\"address\":%llu,\"stack\":%llu,\"name\":",
		l->tid, l->waker, l->kind, l->flags, l->off_ns, l->on_ns, l->wake_ns, l->queued_ns, l->address,
		l->stack);
	print_text(l->name);
}

static void print_spin(const struct bd_rec_spin *s)
{
	printf("\"tid\":%u,\"yields\":%u,\"from_ns\":%llu,\"to_ns\":%llu,\"off_ns\":%llu,\"stack\":%llu", s->tid,
		s->yields, s->from_ns, s->to_ns, s->off_ns, s->stack);
}

static void print_life(const struct bd_rec_life *l)
{
	static const char *const names[] = {"", "exec", "thread-exit", "fork"};
	printf("\"tid\":%u,\"what\":\"%s\",\"time_ns\":%llu", l->tid, names[l->what & 3], l->time_ns);
}

static void print_record(const struct bd_rec *r)
{
	static const char *const names[] = {"?", "wait", "stack", "hold", "native", "lock", "spin", "life"};
	printf("{\"type\":\"%s\",\"target\":%u,\"size\":%u,", names[r->type & 7], r->target, r->size);
	switch (r->type) {
	case BD_REC_WAIT:
		print_wait((const void *)r);
		break;
	case BD_REC_STACK:
		print_stack((const void *)r);
		break;
	case BD_REC_HOLD:
		print_hold((const void *)r);
		break;
	case BD_REC_NATIVE:
		print_native((const void *)r);
		break;
	case BD_REC_LOCK:
		print_lock((const void *)r);
		break;
	case BD_REC_SPIN:
		print_spin((const void *)r);
		break;
	case BD_REC_LIFE:
		print_life((const void *)r);
		break;
	}
	printf("}\n");
}

void print_info(int target, const struct bd_tracer_info *i)
{
	printf("{\"type\":\"info\",\"target\":%d,\"ready\":%s,\"alive\":%s,\"generation\":%u,\"proc_pid\":%d,\"own_pid\":%d,"
	       "\"minor\":%d,\"runtime\":%" PRIu64 ",\"code_type\":%" PRIu64 ",\"version\":%u,\"gil_enabled\":%s,"
	       "\"why\":\"%s\"}\n",
		target, i->ready ? "true" : "false", i->alive ? "true" : "false", i->generation, i->proc_pid,
		i->own_pid, i->offsets.minor, i->runtime, i->code_type, i->version, i->gil_enabled ? "true" : "false",
		i->why.code ? i->why.key : "");
}

/* Lines `pause` and `resume`; each is answered by one. true: the input ended. */
static bool input_ended(struct bd_tracer *t)
{
	static char text[256];
	static size_t len;
	struct pollfd p = {STDIN_FILENO, POLLIN, 0};
	while (poll(&p, 1, 0) > 0) {
		ssize_t n = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
		if (n <= 0)
			return true;
		len += (size_t)n;
		text[len] = 0;
		for (char *end; (end = strchr(text, '\n'));) {
			*end = 0;
			struct bd_error err = {0};
			int r = bd_tracer_pause(t, bd_streq(text, "pause"), &err);
			printf("{\"type\":\"%s\",\"error\":\"%s\"}\n", text, r < 0 ? err.key : "");
			len -= (size_t)(end + 1 - text);
			memmove(text, end + 1, len + 1);
		}
	}
	return false;
}

static int drain(struct bd_tracer *t, int timeout_ms, struct bd_tracer_drained *ret, struct bd_error *err)
{
	int r = bd_tracer_drain(t, timeout_ms, ret, err);
	if (r < 0)
		return r;
	for (size_t at = 0; at < ret->bytes;) {
		const struct bd_rec *rec = (const void *)((const char *)ret->records + at);
		print_record(rec);
		at += rec->size;
	}
	return 0;
}

int print_records(struct bd_tracer *t, double seconds, struct bd_error *err)
{
	struct bd_tracer_drained d = {0};
	uint32_t change = 0;
	int r = 0;
	int64_t end = bd_clock_mono_ns() + (int64_t)(seconds * 1e9);
	bool last = false;
	while (!last) {
		/* what came before the end is still to be read */
		last = bd_clock_mono_ns() >= end || input_ended(t) || (change && !d.alive);
		if ((r = drain(t, last ? 0 : LOOK_MS, &d, err)) < 0)
			return r;
		if (d.gils_change != change || last) {
			struct bd_tracer_info info;
			if (bd_tracer_info(t, 0, &info, err) == 0)
				print_info(0, &info);
			change = d.gils_change;
		}
		fflush(stdout);
	}
	printf("{\"type\":\"end\",\"lost\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"alive\":%u}\n", d.lost, d.cpu_ns,
		d.alive);
	return 0;
}
