/* benchd.trace.v1 of what a book has so far. */
#include "book.h"

#include <stdio.h>

static void put_version(uint32_t hex, int minor, char *out, size_t size)
{
	static const char *const levels[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
	const char *level = levels[hex >> 4 & 0xf];
	if (!hex)
		snprintf(out, size, "3.%d", minor);
	else if (level)
		snprintf(out, size, "%u.%u.%u%s%u", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff, level, hex & 0xf);
	else
		snprintf(out, size, "%u.%u.%u", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff);
}

static void add_python(cJSON *to, const struct bd_book *b)
{
	for (size_t i = 0; i < BD_LEN(b->target); i++) {
		const struct bd_tracer_info *info = &b->target[i].info;
		if (!b->target[i].known || !info->ready)
			continue;
		char version[32];
		put_version(info->version, info->offsets.minor, version, sizeof version);
		cJSON_AddStringToObject(to, "python", version);
		cJSON_AddBoolToObject(to, "gil", info->gil_enabled);
		return;
	}
	cJSON_AddNullToObject(to, "python");
	cJSON_AddTrueToObject(to, "gil");
}

/* Per thread of the definitions; NULL when there are none. */
static struct bd_sums_watched *watched_threads(const struct bd_book *b, const struct bd_trace_definitions *d,
	int64_t end_ns, bool live)
{
	if (!d->threads_len)
		return NULL;
	struct bd_sums_watched *all = bd_alloc(d->threads_len * sizeof *all);
	for (size_t i = 0; i < d->threads_len; i++)
		all[i] = (struct bd_sums_watched){-1, -1, NULL};
	for (size_t i = 0; i < b->threads_len; i++) {
		const struct bd_book_thread *th = &b->threads[i];
		struct bd_sums_watched *w = &all[th->index];
		if (th->run_ns >= 0 && (!th->ended || th->seen_ns > th->first_seen_ns)) {
			w->run_ns = th->run_ns - th->first_run_ns;
			w->life_ns = (th->ended ? th->seen_ns : end_ns) - th->first_seen_ns;
		}
		if (live && !th->ended && !th->other)
			w->state = bd_book_state(b, (uint32_t)i, end_ns);
	}
	return all;
}

static cJSON *cells(const struct bd_book *b, const struct bd_trace_definitions *d)
{
	cJSON *all = cJSON_CreateArray();
	for (size_t i = 0; i < b->cells_len; i++)
		cJSON_AddItemToArray(all, bd_sums_cell(&b->cells[i].sums, d, b->cells[i].id, b->cells[i].ns));
	return all;
}

/* Waits that may go on count as far as they are known: added for the document, and taken back. */
static void add_open_waits(const struct bd_book *b, struct bd_sums *sums, int times)
{
	for (size_t i = 0; i < b->threads_len; i++)
		if (b->threads[i].waits)
			bd_sums_wait(sums, &b->threads[i].wait, times);
}

static int64_t *save_longest(const struct bd_sums *s)
{
	int64_t *max = bd_alloc((s->threads_len + 1) * sizeof *max);
	max[0] = s->max_ns;
	for (size_t i = 0; i < s->threads_len; i++)
		max[i + 1] = s->threads[i].max_ns;
	return max;
}

cJSON *bd_book_document_as(struct bd_book *b, int64_t end_mono_ns, bool live)
{
	const struct bd_trace_definitions *d = bd_trace_writer_definitions(b->writer);
	int64_t watched_ns = BD_MAX(end_mono_ns - b->start_ns, (int64_t)0);
	double seconds = (double)watched_ns / 1e9;
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "schema", "benchd.trace.v1");
	add_python(o, b);
	cJSON_AddStringToObject(o, "level", "events");
	cJSON_AddNumberToObject(o, "seconds", seconds);
	cJSON_AddNumberToObject(o, "start_mono_ns", (double)b->start_ns);
	cJSON_AddNumberToObject(o, "end_mono_ns", (double)end_mono_ns);
	cJSON_AddNumberToObject(o, "own_pid", b->target[0].info.own_pid);

	size_t threads_len = b->sums.threads_len;
	bd_auto_free int64_t *longest = save_longest(&b->sums);
	add_open_waits(b, &b->sums, 1);
	bd_auto_free struct bd_sums_watched *watched = watched_threads(b, d, end_mono_ns, live);
	bd_sums_document(&b->sums, d, watched_ns, watched, o);
	add_open_waits(b, &b->sums, -1);
	b->sums.max_ns = longest[0];
	for (size_t i = 0; i < b->sums.threads_len; i++)
		b->sums.threads[i].max_ns = i < threads_len ? longest[i + 1] : 0;

	cJSON *unresolved = cJSON_GetObjectItemCaseSensitive(o, "unresolved_ns");
	cJSON_SetNumberValue(unresolved, unresolved->valuedouble + (double)b->unknown_ns);
	cJSON_AddItemToObject(o, "cells", cells(b, d));
	cJSON_AddNumberToObject(o, "events", (double)b->events);
	cJSON_AddNumberToObject(o, "events_per_s", seconds > 0 ? round((double)b->events / seconds) : 0);
	cJSON_AddNumberToObject(o, "tracer_cpu_s", (double)b->tracer_cpu_ns / 1e9);
	cJSON_AddBoolToObject(o, "truncated", b->truncated);
	cJSON_AddNumberToObject(o, "bytes", (double)b->bytes);
	cJSON_AddNumberToObject(o, "children", (double)b->children);
	cJSON_AddNumberToObject(o, "execs", (double)b->execs);
	return o;
}

cJSON *bd_book_document(struct bd_book *b, int64_t end_mono_ns)
{
	return bd_book_document_as(b, end_mono_ns, false);
}
