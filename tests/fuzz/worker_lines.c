/* The daemon's side of the worker protocol: any bytes from a worker through the real reader, and what it accepts through
 * the real decoders into a sample, or an answer about a cell. The reader's file is compiled in: a worker can be made of two
 * pipes there, without a process. */
#include "bd_fuzz.h"

#include "../../daemon/engine/run_internal.h"
#include "../../daemon/workers/worker.c"

static struct bd_cell cells[2];
static struct plan plan = {.cells = cells, .cells_len = BD_LEN(cells)};
static int always[2]; /* a pipe whose other end is closed is always readable, as the pidfd of the dead */

void bd_fuzz_begin(void)
{
	for (size_t i = 0; i < BD_LEN(cells); i++) {
		cells[i] = (struct bd_cell){.index = (int64_t)i, .case_name = bd_strdup("c"), .status = BD_CELL_OK};
		bd_axes_set(&cells[i].axes, "threads", i ? "2" : "1");
		cells[i].id = bd_cell_id("c", &cells[i].axes);
	}
	BD_FUZZ_CHECK(pipe2(always, O_CLOEXEC) == 0);
	bd_closep(&always[1]);
	bd_log_to(-1, BD_LOG_ERROR);
}

static void take_sample(const cJSON *answer, struct bd_error *err)
{
	static int64_t tids[] = {11, 12};
	struct cell_state state[2] = {{.tids = {tids, 1}}, {.tids = {tids, 2}}};
	struct run run = {.plan = &plan, .state = state};
	static struct bd_tracer_thread threads[] = {{.tid = 11, .waits = 1}, {.tid = 12, .waits = 2}, {.tid = 13}};
	static struct bd_tracer_block blocks[] = {{.waiter_tid = 11, .holder_tid = 12},
		{.waiter_tid = 12, .holder_tid = 99}};
	const struct bd_tracer_reading reading = {.threads = threads,
		.threads_len = BD_LEN(threads),
		.blocks = blocks,
		.blocks_len = BD_LEN(blocks)};
	for (size_t cell = 0; cell < BD_LEN(cells); cell++)
		if (record_sample(&run, cell, BD_SAMPLE_MAIN, answer, cell ? &reading : NULL, err) == 0) {
			const struct bd_sample *s = &run.samples[run.samples_len - 1];
			BD_FUZZ_CHECK(bd_sample_ops(s) > 0 && s->wall_ns > 0 && s->threads_len == cell + 1);
			bd_sample_flagged(s);
		}
	for (size_t i = 0; i < run.samples_len; i++)
		bd_sample_done(&run.samples[i]);
	free(run.samples);
	for (size_t cell = 0; cell < BD_LEN(state); cell++) {
		free(state[cell].points);
		free(state[cell].beside);
	}
}

static void take_document(const struct bd_doc *doc, const cJSON *answer, struct bd_error *err)
{
	bd_auto_free void *obj = bd_alloc(doc->size);
	bd_doc_init(doc, obj);
	bd_doc_decode(doc, answer, obj, err);
	bd_doc_done(doc, obj);
}

/* The first character says what the daemon waits for; the rest is what the worker writes, and then it is gone. */
void bd_fuzz_one(const uint8_t *data, size_t len)
{
	static const char *const ready[] = {"ready", NULL}, *const answers[] = {"sample", "cell", NULL},
				 *const catalogue[] = {"catalogue", NULL};
	static const char *const *const wanted[] = {ready, answers, catalogue};
	if (!len || len > 60000) /* what a pipe takes without a reader */
		return;
	const char *const *types = wanted[data[0] % BD_LEN(wanted)];
	int p[2];
	BD_FUZZ_CHECK(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	BD_FUZZ_CHECK(write(p[1], data + 1, len - 1) == (ssize_t)len - 1);
	bd_closep(&p[1]);
	struct bd_worker *w = bd_alloc(sizeof *w);
	*w = (struct bd_worker){.pidfd = dup(always[0]), .in_fd = p[0], .out_fd = -1, .timeout_ns = DEFAULT_TIMEOUT_NS};
	bd_doc_init(&bd_worker_ready_doc, &w->ready);
	struct bd_error err = {0};
	for (;;) {
		bd_auto_json cJSON *answer = NULL;
		int r = bd_worker_receive(w, types, DEFAULT_TIMEOUT_NS, -1, &answer, &err);
		BD_FUZZ_CHECK((r == 0) == (answer != NULL));
		if (r < 0)
			break;
		if (types == ready && take_ready(w, answer, &err) < 0)
			break;
		take_sample(answer, &err);
		take_document(&bd_worker_cell_doc, answer, &err);
		take_document(&bd_catalogue_doc, answer, &err);
	}
	BD_FUZZ_CHECK(w->dead && err.key[0] && err.message[0]);
	bd_worker_free(&w);
}
