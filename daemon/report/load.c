/* What the store has of a run, reduced to what statistics need while it is read. */
#include "report_internal.h"

#include <errno.h>
#include <stdio.h>

void report_loaded_done(struct loaded *l)
{
	for (size_t i = 0; i < l->cells_len; i++) {
		if (l->series) {
			struct series *s = &l->series[i];
			free(s->v);
			free(s->thread_ops);
			free(s->thread_cpu_ns);
			free(s->thread_wait_ns);
			free(s->thread_waits);
			free(s->thread_tid);
			free(s->gil.blockers);
			free(s->level);
		}
		bd_cell_done(&l->cells[i]);
	}
	free(l->series);
	free(l->cells);
	free(l->machine.probes);
	bd_run_done(&l->run);
	*l = (struct loaded){0};
}

double report_number(const cJSON *object, const char *name)
{
	const cJSON *v = object ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
	return cJSON_IsNumber(v) ? v->valuedouble : (double)NAN;
}

cJSON *report_number_json(double v)
{
	if (!isfinite(v))
		return cJSON_CreateNull();
	char text[32];
	snprintf(text, sizeof text, "%.12g", v);
	return cJSON_CreateNumber(strtod(text, NULL));
}

static void size_threads(struct series *s, size_t threads)
{
	if (s->threads)
		return;
	s->threads = threads;
	s->thread_ops = bd_alloc(threads * sizeof *s->thread_ops);
	s->thread_cpu_ns = bd_alloc(threads * sizeof *s->thread_cpu_ns);
	s->thread_wait_ns = bd_alloc(threads * sizeof *s->thread_wait_ns);
	s->thread_waits = bd_alloc(threads * sizeof *s->thread_waits);
	s->thread_tid = bd_alloc(threads * sizeof *s->thread_tid);
}

static int add_sample(const struct bd_sample *sample, void *arg)
{
	struct loaded *l = arg;
	int64_t ops = bd_sample_ops(sample);
	if (sample->cell < 0 || (size_t)sample->cell >= l->cells_len || ops <= 0)
		return 0;
	struct series *s = &l->series[sample->cell];
	double num = (double)sample->wall_ns * (double)sample->threads_len, den = (double)ops;
	*BD_PUSH(s->v, s->n) = (struct batch){.point = {.launch = sample->launch,
						      .round = sample->round,
						      .left_out = bd_sample_flagged(sample),
						      .value = num / den,
						      .num = num,
						      .den = den},
		.kind = sample->kind,
		.probe_ns = (double)(sample->probe_ns[0] + sample->probe_ns[1]) / 2};
	if (sample->kind != BD_SAMPLE_FIRST)
		report_machine_add(&l->machine, sample);
	if (sample->kind != BD_SAMPLE_MAIN)
		return 0;
	size_threads(s, sample->threads_len);
	for (size_t i = 0; i < BD_MIN(s->threads, sample->threads_len); i++) {
		const struct bd_sample_thread *t = &sample->threads[i];
		s->thread_ops[i] += t->ops;
		s->thread_cpu_ns[i] += t->cpu_ns;
		s->thread_wait_ns[i] += t->wait_ns;
		s->thread_waits[i] += t->waits;
		s->thread_tid[i] = t->tid;
		s->switches += t->voluntary + t->involuntary;
		s->cpu_ns += t->cpu_ns;
		s->done += t->ops + t->straddled;
	}
	s->ops += ops;
	if (sample->traced)
		report_gil_add(s, sample);
	return 0;
}

/* Samples of the cell and of those it is compared with. What is over is asked for as a whole. */
static int load_samples_for(struct bd_store *store, const char *run_id, const struct bd_cell *c, struct loaded *l,
	struct bd_error *err)
{
	const int64_t needed[] = {c->index, c->reference, c->scaling == c->reference ? -1 : c->scaling};
	int r = 0;
	for (size_t i = 0; r == 0 && i < BD_LEN(needed) && !l->ended; i++)
		if (needed[i] >= 0)
			r = bd_store_samples_each(store, run_id, needed[i], add_sample, l, err);
	return r;
}

int report_load(struct bd_store *store, const char *run_id, int64_t only, struct loaded *ret, struct bd_error *err)
{
	auto_loaded struct loaded l = {0};
	int r = bd_store_run_get(store, run_id, &l.run, err);
	if (r == 0)
		r = bd_store_cells_get(store, run_id, &l.cells, &l.cells_len, err);
	if (r < 0)
		return r;
	l.series = bd_alloc(l.cells_len * sizeof *l.series);
	l.ended = l.run.state != BD_RUN_QUEUED && l.run.state != BD_RUN_RUNNING;
	if (only >= (int64_t)l.cells_len)
		return bd_error_set(err, -ENOENT, "not-found", NULL, "run %s has no cell %lld", run_id,
			(long long)only);
	r = only >= 0 ? load_samples_for(store, run_id, &l.cells[only], &l, err)
		      : bd_store_samples_each(store, run_id, -1, add_sample, &l, err);
	if (r < 0)
		return r;
	if (l.ended)
		report_modes_find(&l);
	*ret = l;
	l = (struct loaded){0};
	return 0;
}
