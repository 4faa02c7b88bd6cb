#include "book.h"

#include <errno.h>

#define SAMPLE_NS (1000000000 / BD_EVENTS_HZ)
#define SWEEP_NS 50000000

void bd_book_new(int64_t start_mono_ns, int64_t max_bytes, struct bd_book **ret)
{
	struct bd_book *b = bd_alloc(sizeof *b);
	b->start_ns = start_mono_ns;
	b->max_bytes = max_bytes;
	b->held_free = BD_BOOK_NONE;
	b->cell = -1;
	b->last_add_ns = start_mono_ns;
	bd_trace_writer_new(SAMPLE_NS, &b->writer);
	*ret = b;
}

static void target_done(struct bd_book_target *tg)
{
	bd_symbols_free(&tg->symbols);
	free(tg->gil);
	free(tg->gil_index);
	for (size_t g = 0; g < BD_LEN(tg->takes); g++)
		bd_takes_done(&tg->takes[g]);
}

void bd_book_free(struct bd_book **bp)
{
	struct bd_book *b = BD_TAKE_PTR(*bp);
	if (!b)
		return;
	for (size_t i = 0; i < BD_LEN(b->target); i++)
		target_done(&b->target[i]);
	for (size_t i = 0; i < b->threads_len; i++)
		free(b->threads[i].samples);
	for (size_t i = 0; i < b->cells_len; i++) {
		free(b->cells[i].id);
		bd_sums_done(&b->cells[i].sums);
	}
	free(b->cells);
	free(b->threads);
	free(b->held);
	free(b->turns);
	bd_table_done(&b->thread_of);
	bd_table_done(&b->stack_of);
	bd_sums_done(&b->sums);
	bd_sums_done(&b->batch);
	bd_trace_writer_free(&b->writer);
	free(b);
}

/* ---- targets ------------------------------------------------------------------------------------------------ */

/* One that is gone (address 0) is still spoken of by what waits for its turn. */
static void set_gils(struct bd_book *b, int target, const struct bd_tracer_gil *gils, size_t n, bool all_new)
{
	struct bd_book_target *tg = &b->target[target];
	bd_auto_free struct bd_tracer_gil *had = BD_TAKE_PTR(tg->gil);
	bd_auto_free int32_t *had_index = BD_TAKE_PTR(tg->gil_index);
	size_t had_len = all_new ? 0 : tg->gils_len;
	tg->gils_len = n;
	tg->gil = bd_alloc((n + 1) * sizeof *tg->gil);
	tg->gil_index = bd_alloc((n + 1) * sizeof *tg->gil_index);
	for (size_t i = 0; i < n; i++) {
		bool known = i < had_len &&
			(!gils[i].address ||
				(gils[i].address == had[i].address && gils[i].interpreter == had[i].interpreter));
		tg->gil[i] = known ? had[i] : gils[i];
		tg->gil_index[i] = known ? had_index[i] : -1;
		if (!known)
			bd_takes_done(&tg->takes[i]);
		if (tg->info.gil_enabled)
			bd_book_gil(b, target, (unsigned)i);
	}
}

void bd_book_target_as(struct bd_book *b, int target, const struct bd_tracer_info *info,
	const struct bd_tracer_gil *gils, size_t gils_len)
{
	struct bd_book_target *tg = &b->target[target];
	bool other = tg->known && (tg->info.generation != info->generation || tg->info.proc_pid != info->proc_pid);
	if (other || (info->ready && !tg->info.ready)) {
		/* Records of before that wait for their turn speak of what was before. */
		if (other)
			bd_book_turns(b, UINT64_MAX);
		bd_symbols_free(&tg->symbols);
		memset(tg->native, 0, sizeof tg->native); /* the names went with the symbols */
		for (size_t g = 0; other && g < BD_LEN(tg->takes); g++)
			bd_takes_done(&tg->takes[g]);
		if (info->ready && info->proc_pid > 0)
			(void)bd_symbols_new(info, &tg->symbols, NULL); /* without, names are what records tell */
	}
	tg->known = true;
	tg->info = *info;
	set_gils(b, target, gils, BD_MIN(gils_len, (size_t)BD_PROBE_GILS), other);
	b->new_threads = true;
}

int32_t bd_book_gil(struct bd_book *b, int target, unsigned gil)
{
	struct bd_book_target *tg = &b->target[target];
	if (gil >= tg->gils_len || !tg->gil[gil].address)
		return -1;
	if (tg->gil_index[gil] < 0)
		tg->gil_index[gil] = bd_trace_write_gil(b->writer, tg->info.own_pid, tg->gil[gil].interpreter,
			(int64_t)tg->gil[gil].address);
	return tg->gil_index[gil];
}

int bd_book_target(struct bd_book *b, struct bd_tracer *t, int target, struct bd_error *err)
{
	if (target < 0 || target >= BD_TRACER_MAX_TARGETS)
		return bd_error_set(err, -EINVAL, "tracer-failed", NULL, "bench-tracer tells of target %d", target);
	struct bd_tracer_info info;
	struct bd_tracer_gil gils[BD_PROBE_GILS];
	size_t n = 0;
	int r = bd_tracer_info(t, target, &info, err);
	if (r == 0 && info.ready)
		r = bd_tracer_gils(t, target, gils, BD_LEN(gils), &n, err);
	if (r < 0)
		return r;
	bd_book_target_as(b, target, &info, gils, n);
	return 0;
}

/* ---- entries: from here on figures and the store see the same ---------------------------------------------------- */

static bool is_kept(struct bd_book *b)
{
	if (!b->truncated && b->bytes + (int64_t)bd_trace_writer_bytes(b->writer) > b->max_bytes)
		b->truncated = true;
	return !b->truncated;
}

/* Whether what ended then belongs to the batch that goes on. */
static bool in_cell(const struct bd_book *b, int target, int64_t end_ns)
{
	return b->cell >= 0 && b->cell_target == target && end_ns >= b->cell_begin_ns;
}

void bd_book_entry(struct bd_book *b, const struct bd_trace_wait *e, int target)
{
	bd_sums_wait(&b->sums, e, 1);
	if (in_cell(b, target, e->end_ns)) {
		bd_sums_wait(&b->batch, e, 1);
		bd_sums_wait(&b->cells[b->cell].sums, e, 1);
	}
	if (is_kept(b))
		bd_trace_write_wait(b->writer, e);
}

void bd_book_entry_hold(struct bd_book *b, const struct bd_trace_hold *e, int target)
{
	bd_sums_hold(&b->sums, e, SAMPLE_NS);
	if (in_cell(b, target, e->end_ns))
		bd_sums_hold(&b->cells[b->cell].sums, e, SAMPLE_NS);
	if (is_kept(b))
		bd_trace_write_hold(b->writer, e);
}

void bd_book_entry_lock(struct bd_book *b, const struct bd_trace_lock *e, int target)
{
	const struct bd_trace_definitions *d = bd_trace_writer_definitions(b->writer);
	bd_sums_lock(&b->sums, d, e);
	if (in_cell(b, target, e->end_ns))
		bd_sums_lock(&b->cells[b->cell].sums, d, e);
	if (is_kept(b))
		bd_trace_write_lock(b->writer, e);
}

void bd_book_entry_spin(struct bd_book *b, const struct bd_trace_spin *e, int target)
{
	bd_sums_spin(&b->sums, e);
	if (in_cell(b, target, e->end_ns))
		bd_sums_spin(&b->cells[b->cell].sums, e);
	if (is_kept(b))
		bd_trace_write_spin(b->writer, e);
}

/* A second of losses is over. */
static void tell_losses(struct bd_book *b)
{
	if (b->lost_in_second && is_kept(b))
		bd_trace_write_mark(b->writer,
			&(struct bd_trace_mark){.cell = -1,
				.start_ns = b->lost_second * 1000000000,
				.end_ns = (b->lost_second + 1) * 1000000000,
				.lost = b->lost_in_second});
	b->lost_in_second = 0;
}

static void count_losses(struct bd_book *b, uint64_t lost, int64_t now_ns)
{
	int64_t second = BD_MAX(now_ns - b->start_ns, (int64_t)0) / 1000000000;
	if (second != b->lost_second)
		tell_losses(b);
	b->lost_second = second;
	if (lost <= b->lost_seen)
		return;
	b->lost_in_second += (int64_t)(lost - b->lost_seen);
	bd_sums_lost(&b->sums, second, (int64_t)(lost - b->lost_seen));
	b->lost_seen = lost;
}

/* ---- what the tracer told ------------------------------------------------------------------------------------ */

void bd_book_add_at(struct bd_book *b, const struct bd_tracer_drained *d, int64_t now_ns)
{
	const char *at = d->records;
	for (size_t left = d->bytes; left >= sizeof(struct bd_rec);) {
		const struct bd_rec *rec = (const void *)at;
		if (rec->size < sizeof *rec || rec->size > left)
			break;
		bd_book_record(b, rec);
		at += rec->size;
		left -= rec->size;
	}
	count_losses(b, d->lost, now_ns);
	b->tracer_cpu_ns = (int64_t)d->cpu_ns;
	/* What ended before the call before was fetched by this one; unless there is a backlog, of which the end is
	 * near what was told last. */
	uint64_t complete = (uint64_t)b->last_add_ns;
	if (d->bytes)
		complete = BD_MIN(complete, b->newest_ns);
	if (complete > BD_BOOK_LATE_NS)
		bd_book_turns(b, complete - BD_BOOK_LATE_NS);
	if ((uint64_t)now_ns > b->swept_ns + SWEEP_NS) {
		b->swept_ns = (uint64_t)now_ns;
		bd_book_sweep(b, (uint64_t)now_ns, -1, false);
	}
	b->last_add_ns = now_ns;
}

void bd_book_add(struct bd_book *b, const struct bd_tracer_drained *d)
{
	int64_t now = bd_clock_mono_ns();
	bd_book_add_at(b, d, now);
	bd_book_look(b, now);
}

void bd_book_end(struct bd_book *b, int64_t mono_ns)
{
	bd_book_turns(b, UINT64_MAX);
	bd_book_sweep(b, (uint64_t)mono_ns, -1, true);
	tell_losses(b);
	b->looked_ns = 0;
	bd_book_look(b, mono_ns);
}

bool bd_book_chunk(struct bd_book *b, struct bd_trace_chunk *ret)
{
	if (!bd_trace_writer_chunk(b->writer, ret))
		return false;
	b->bytes += (int64_t)ret->bytes;
	return true;
}

void bd_book_sums(const struct bd_book *b, int64_t *ret_waits, int64_t *ret_wait_ns, int64_t *ret_lost,
	int64_t *ret_bytes)
{
	*ret_waits = b->sums.sum.waits;
	*ret_wait_ns = b->sums.sum.wait_ns;
	*ret_lost = b->sums.lost;
	*ret_bytes = b->bytes;
}

/* ---- batches of a run ---------------------------------------------------------------------------------------- */

static int32_t find_cell(struct bd_book *b, const char *id)
{
	for (size_t i = 0; i < b->cells_len; i++)
		if (bd_streq(b->cells[i].id, id))
			return (int32_t)i;
	int32_t index = bd_trace_write_cell(b->writer, id);
	*BD_PUSH(b->cells, b->cells_len) = (struct bd_book_cell){.id = bd_strdup(id), .index = index};
	return (int32_t)b->cells_len - 1;
}

void bd_book_cell_begin(struct bd_book *b, int target, const char *cell_id, int64_t mono_ns)
{
	bd_book_turns(b, (uint64_t)mono_ns);
	bd_book_sweep(b, (uint64_t)mono_ns, target, true);
	b->cell = find_cell(b, cell_id);
	b->cell_target = target;
	b->cell_begin_ns = mono_ns - b->start_ns;
	b->cell_lost = (uint64_t)b->sums.lost;
	bd_sums_done(&b->batch);
}

static int64_t tid_of(const struct bd_trace_definitions *d, int32_t thread)
{
	return thread < 0 ? 0 : d->threads[thread].tid;
}

static void reading_of(const struct bd_book *b, struct bd_tracer_reading *ret)
{
	const struct bd_trace_definitions *d = bd_trace_writer_definitions(b->writer);
	const struct bd_sums *s = &b->batch;
	*ret = (struct bd_tracer_reading){.lost = (uint64_t)b->sums.lost - b->cell_lost};
	for (size_t i = 0; i < s->threads_len; i++) {
		const struct bd_sum_thread *t = &s->threads[i];
		if (t->sum.waits)
			*BD_PUSH(ret->threads, ret->threads_len) = (struct bd_tracer_thread){.tid = d->threads[i].tid,
				.waits = (uint64_t)t->sum.waits,
				.wait_ns = (uint64_t)t->sum.wait_ns,
				.holder_ns = (uint64_t)t->sum.holder_ns,
				.runqueue_ns = (uint64_t)t->sum.runqueue_ns,
				.switch_ns = (uint64_t)t->sum.switch_ns,
				.mutex_ns = (uint64_t)t->sum.mutex_ns,
				.retries = (uint64_t)t->sum.retries,
				.max_ns = (uint64_t)t->max_ns};
	}
	for (size_t i = 0; i < s->pairs_len; i++)
		*BD_PUSH(ret->blocks,
			ret->blocks_len) = (struct bd_tracer_block){.waiter_tid = tid_of(d, s->pairs[i].waiter),
			.holder_tid = tid_of(d, s->pairs[i].holder),
			.ns = (uint64_t)s->pairs[i].ns,
			.waits = (uint64_t)s->pairs[i].first_waits};
	for (unsigned i = 0; s->hist && i < BD_HIST_BUCKETS; i++)
		if (s->hist[i])
			*BD_PUSH(ret->hist, ret->hist_len) = (struct bd_tracer_bucket){i, (uint32_t)s->hist[i]};
}

void bd_book_cell_end(struct bd_book *b, int64_t mono_ns, struct bd_tracer_reading *ret)
{
	*ret = (struct bd_tracer_reading){0};
	if (b->cell < 0)
		return;
	bd_book_turns(b, (uint64_t)mono_ns);
	bd_book_sweep(b, (uint64_t)mono_ns, b->cell_target, true);
	reading_of(b, ret);
	struct bd_book_cell *c = &b->cells[b->cell];
	c->batches++;
	c->ns += mono_ns - b->start_ns - b->cell_begin_ns;
	if (is_kept(b))
		bd_trace_write_mark(b->writer,
			&(struct bd_trace_mark){.cell = c->index,
				.start_ns = b->cell_begin_ns,
				.end_ns = mono_ns - b->start_ns});
	b->cell = -1;
	bd_sums_done(&b->batch);
}
