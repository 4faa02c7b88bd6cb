/* Every sample of a run, or of one of its cells. */
#include "call.h"

#include <errno.h>
#include <stdio.h>

#define ANSWER_MAX (64 * 1024 * 1024)

struct writer {
	struct bd_str *out;
	size_t n;
	struct bd_error *err;
};

static void put_int(struct bd_str *b, const char *name, int64_t v)
{
	if (v == BD_NULL_INT)
		bd_str_printf(b, "\"%s\":null,", name);
	else
		bd_str_printf(b, "\"%s\":%lld,", name, (long long)v);
}

/* Ends what put_int left open with a comma. */
static void close_with(struct bd_str *b, const char *end)
{
	if (b->len && b->s[b->len - 1] == ',')
		b->s[--b->len] = 0;
	bd_str_puts(b, end);
}

static void put_threads(struct bd_str *b, const struct bd_sample *x)
{
	bd_str_puts(b, "\"threads\":[");
	for (size_t i = 0; i < x->threads_len; i++) {
		const struct bd_sample_thread *t = &x->threads[i];
		bd_str_puts(b, "{");
		put_int(b, "tid", t->tid);
		put_int(b, "ops", t->ops);
		put_int(b, "straddled", t->straddled);
		put_int(b, "overrun_ns", t->overrun_ns);
		put_int(b, "cpu_ns", t->cpu_ns);
		put_int(b, "processor", t->processor);
		put_int(b, "voluntary", t->voluntary);
		put_int(b, "involuntary", t->involuntary);
		if (x->traced) {
			put_int(b, "waits", t->waits);
			put_int(b, "wait_ns", t->wait_ns);
			put_int(b, "holder_ns", t->holder_ns);
			put_int(b, "runqueue_ns", t->runqueue_ns);
			put_int(b, "switch_ns", t->switch_ns);
			put_int(b, "mutex_ns", t->mutex_ns);
			put_int(b, "retries", t->retries);
		}
		close_with(b, "},");
	}
	close_with(b, "],");
}

static int put_sample(const struct bd_sample *x, void *arg)
{
	struct writer *w = arg;
	struct bd_str *b = w->out;
	bd_str_puts(b, w->n++ ? ",{" : "{");
	put_int(b, "cell", x->cell);
	put_int(b, "launch", x->launch);
	put_int(b, "round", x->round);
	bd_str_printf(b, "\"kind\":\"%s\",",
		x->kind == BD_SAMPLE_SCALING            ? "scaling"
			: x->kind == BD_SAMPLE_FIRST    ? "first"
			: x->kind == BD_SAMPLE_UNTRACED ? "untraced"
							: "main");
	put_int(b, "start_ns", x->start_ns);
	put_int(b, "wall_ns", x->wall_ns);
	bd_str_printf(b, "\"probe_ns\":[%lld,%lld],\"flagged\":%s,", (long long)x->probe_ns[0],
		(long long)x->probe_ns[1], bd_sample_flagged(x) ? "true" : "false");
	put_int(b, "minor_faults", x->minor_faults);
	put_int(b, "major_faults", x->major_faults);
	put_int(b, "steal_ticks", x->steal_ticks);
	put_int(b, "throttled", x->throttled);
	bd_str_printf(b, "\"traced\":%s,", x->traced ? "true" : "false");
	put_int(b, "lost", x->lost);
	put_int(b, "max_wait_ns", x->max_wait_ns);
	put_threads(b, x);
	bd_str_puts(b, "\"blockers\":[");
	for (size_t i = 0; i < x->blocks_len; i++) {
		bd_str_puts(b, "{");
		put_int(b, "waiter", x->blocks[i].waiter);
		put_int(b, "holder", x->blocks[i].holder < 0 ? BD_NULL_INT : x->blocks[i].holder);
		put_int(b, "ns", x->blocks[i].ns);
		put_int(b, "waits", x->blocks[i].waits);
		close_with(b, "},");
	}
	close_with(b, "],\"wait_histogram\":[");
	for (size_t i = 0; i < x->hist_len; i++)
		bd_str_printf(b, "{\"low_ns\":%llu,\"waits\":%lld},",
			(unsigned long long)bd_hist_low((unsigned)x->hist[i].bucket), (long long)x->hist[i].count);
	close_with(b, "]}");
	if (b->len > ANSWER_MAX)
		return bd_error_set(w->err, -E2BIG, "bad-request", "ask for one cell at a time with ?cell=",
			"the samples of this run are too many for one answer");
	return 0;
}

/* A cell by its id, or by its number in the run. */
static int find_cell(struct bd_http_call *c, const char *name, int64_t *ret, struct bd_error *err)
{
	struct bd_cell *cells = NULL;
	size_t n = 0;
	int r = bd_store_cells_get(c->http->config.store, c->param, &cells, &n, err);
	if (r < 0)
		return r;
	char *end;
	long long number = strtoll(name, &end, 10);
	bool is_number = name[0] >= '0' && name[0] <= '9' && !*end, found = false;
	for (size_t i = 0; i < n; i++) {
		if (!found && (is_number ? cells[i].index == number : bd_streq(cells[i].id, name))) {
			*ret = cells[i].index;
			found = true;
		}
		bd_cell_done(&cells[i]);
	}
	free(cells);
	return found ? 0 : bd_error_set(err, -ENOENT, "not-found", NULL, "run '%s' has no cell '%s'", c->param, name);
}

static int get(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_store *store = c->http->config.store;
	const char *name = bd_map_get(&c->query, "cell");
	int64_t cell = -1;
	struct bd_run run;
	int r = bd_store_run_get(store, c->param, &run, err);
	if (r < 0)
		return r;
	bool over = run.state != BD_RUN_QUEUED && run.state != BD_RUN_RUNNING;
	bd_run_done(&run);
	r = name ? find_cell(c, name, &cell, err) : 0;
	if (r < 0)
		return r;
	bd_auto_str struct bd_str out = {0};
	bd_str_printf(&out, "{\"schema\":\"benchd.samples.v1\",\"run\":\"%s\",\"samples\":[", c->param);
	r = bd_store_samples_each(store, c->param, cell, put_sample, &(struct writer){.out = &out, .err = err}, err);
	if (r < 0)
		return r;
	bd_str_puts(&out, "]}");
	return bd_http_reply_text(c, 200, out.s, out.len, over, NULL);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/runs/{id}/samples",
		.summary = "Every sample of a run, or of the cell with this id or number",
		.query = "cell",
		.example = {"/api/v1/runs/{id}/samples?cell=0", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_samples = {routes, BD_LEN(routes)};
