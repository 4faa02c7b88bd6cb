/* What the machine did while it was measured on: figures, and one sentence for whoever has to believe the others. */
#include "report_internal.h"

#define TICK_MS 10.0 /* of /proc/stat: USER_HZ is 100 on every Linux that we run on */
#define FEW_BATCHES 10
#define PROBES_MAX 20000 /* of a run with more, every so many: a quantile does not need them all */
/* From where on a person should know. */
#define SPREAD_MUCH 1.10
#define FLAGGED_MUCH 0.02
#define STEAL_MUCH 0.005
#define INVOLUNTARY_MUCH 50.0 /* a second */
#define OTHERS_MUCH 0.25      /* processors */
#define LOAD_MUCH 0.75        /* per processor */
#define MHZ_MUCH 1.10

void report_machine_add(struct machine_sums *m, const struct bd_sample *sample)
{
	m->batches++;
	m->flagged += bd_sample_flagged(sample);
	m->wall_ns += (double)sample->wall_ns;
	if (sample->steal_ticks != BD_NULL_INT) {
		m->steal_known = true;
		m->steal_ticks += sample->steal_ticks;
	}
	if (sample->throttled != BD_NULL_INT) {
		m->throttled_known = true;
		m->throttled += sample->throttled;
	}
	for (size_t i = 0; i < sample->threads_len; i++)
		m->involuntary += sample->threads[i].involuntary;
	int64_t least = BD_MIN(sample->probe_ns[0], sample->probe_ns[1]);
	if (least > 0)
		*BD_PUSH(m->probes, m->probes_len) = (double)least;
}

struct machine {
	double steal_ms, steal_share, throttled, flagged_share, involuntary_per_s, spread, load_before, load_after,
		others, mhz_lo, mhz_hi, processors;
};

/* The slowest against the quickest moment, but for the outermost hundredth on each side. */
static double spread_of(const struct machine_sums *m)
{
	size_t every = m->probes_len / PROBES_MAX + 1, n = 0;
	bd_auto_free double *v = bd_alloc((m->probes_len + 1) * sizeof *v);
	for (size_t i = 0; i < m->probes_len; i += every)
		v[n++] = m->probes[i];
	return bd_stats_quantile(v, n, 0.99) / bd_stats_quantile(v, n, 0.01);
}

static double load_of(const cJSON *environment, const char *name)
{
	double load = report_number(environment, name);
	const cJSON *text = environment ? cJSON_GetObjectItemCaseSensitive(environment, "loadavg") : NULL;
	if (isnan(load) && bd_streq(name, "load_before") && cJSON_IsString(text))
		load = strtod(text->valuestring, NULL);
	return load;
}

static struct machine reckon(const struct loaded *l)
{
	const struct machine_sums *m = &l->machine;
	const cJSON *e = l->run.environment;
	double seconds = m->wall_ns / 1e9;
	struct machine r = {.flagged_share = (double)m->flagged / (double)m->batches,
		.involuntary_per_s = (double)m->involuntary / seconds,
		.spread = spread_of(m),
		.load_before = load_of(e, "load_before"),
		.load_after = load_of(e, "load_after"),
		.others = report_number(e, "others_cpu_s") / l->run.wall_s,
		.mhz_lo = report_number(e, "mhz_lo"),
		.mhz_hi = report_number(e, "mhz_hi"),
		.processors = report_number(e, "processors_allowed")};
	r.steal_ms = m->steal_known ? TICK_MS * (double)m->steal_ticks : (double)NAN;
	/* of the time of one processor: the column is the sum over all of them */
	r.steal_share = r.steal_ms / 1e3 / seconds / (isnan(r.processors) ? 1 : r.processors);
	r.throttled = m->throttled_known ? (double)m->throttled : (double)NAN;
	return r;
}

/* ---- the sentence --------------------------------------------------------------------------------------------------- */

static char *percent(double part)
{
	return part >= 0.0995 ? bd_printf("%.0f %%", 100 * part) : bd_printf("%.1f %%", 100 * part);
}

static void say(struct bd_strv *list, char *text)
{
	bd_strv_add(list, text);
	free(text);
}

static void join(const struct bd_strv *list, struct bd_str *out)
{
	for (size_t i = 0; i < list->n; i++)
		bd_str_printf(out, "%s%s", i == 0 ? "" : i + 1 == list->n ? " and " : ", ", list->v[i]);
}

/* What is wrong, the worst for the figures first. */
static void troubles(const struct machine *m, struct bd_strv *ret)
{
	if (m->spread >= SPREAD_MUCH)
		say(ret,
			bd_printf("its speed changed by up to %.*f× within the run", m->spread < 1.95 ? 2 : 1,
				m->spread));
	if (m->flagged_share >= FLAGGED_MUCH) {
		bd_auto_free char *share = percent(m->flagged_share);
		say(ret, bd_printf("%s of the batches were disturbed and left out of ratios", share));
	}
	if (m->steal_share >= STEAL_MUCH) {
		bd_auto_free char *share = percent(m->steal_share);
		say(ret, bd_printf("the hypervisor gave %s of the processors' time to others", share));
	}
	if (m->throttled > 0)
		say(ret, bd_printf("its quota stopped it %.0f time%s", m->throttled, m->throttled > 1 ? "s" : ""));
	if (m->others >= OTHERS_MUCH)
		say(ret, bd_printf("other programs kept %.1f processors busy", m->others));
	else if (isnan(m->others) && m->load_before >= LOAD_MUCH * m->processors)
		say(ret, bd_printf("its load was %.1f when the run began", m->load_before));
	if (m->involuntary_per_s >= INVOLUNTARY_MUCH)
		say(ret, bd_printf("what was measured lost its processor %.0f times a second", m->involuntary_per_s));
	if (m->mhz_hi / m->mhz_lo >= MHZ_MUCH)
		say(ret, bd_printf("its frequency went between %.1f and %.1f GHz", m->mhz_lo / 1e3, m->mhz_hi / 1e3));
}

/* What could have been and was not: only what could be read. */
static void reliefs(const struct machine *m, struct bd_strv *ret)
{
	if (m->steal_share < STEAL_MUCH)
		bd_strv_add(ret, "stolen");
	if (m->throttled == 0 && !isnan(m->throttled))
		bd_strv_add(ret, "throttled");
}

static char *sentence(const struct machine *m)
{
	bd_auto_strv struct bd_strv bad = {0}, good = {0};
	bd_auto_str struct bd_str out = {0};
	troubles(m, &bad);
	reliefs(m, &good);
	bd_str_puts(&out, bad.n ? "The machine was restless: " : "The machine was quiet: ");
	if (bad.n) {
		join(&bad, &out);
	} else {
		bd_auto_free char *speed = percent(m->spread - 1), *share = percent(m->flagged_share);
		if (!isnan(m->spread))
			bd_str_printf(&out, "its speed changed by at most %s within the run, and ", speed);
		if (m->flagged_share > 0)
			bd_str_printf(&out, "%s of the batches were disturbed", share);
		else
			bd_str_puts(&out, "no batch was disturbed");
	}
	if (good.n) {
		bd_str_puts(&out, "; nothing was ");
		for (size_t i = 0; i < good.n; i++)
			bd_str_printf(&out, "%s%s", i ? " or " : "", good.v[i]);
	}
	bd_str_puts(&out, ".");
	return bd_str_take(&out);
}

static void add(cJSON *o, const char *name, double v)
{
	cJSON_AddItemToObject(o, name, report_number_json(v));
}

void report_machine(const struct loaded *l, struct bd_run_head *ret)
{
	if (!l->machine.batches)
		return;
	struct machine m = reckon(l);
	cJSON *o = ret->machine = cJSON_CreateObject();
	add(o, "steal_ms", m.steal_ms);
	add(o, "throttled", m.throttled);
	add(o, "flagged_batches", (double)l->machine.flagged);
	add(o, "batches", (double)l->machine.batches);
	add(o, "involuntary_per_s", m.involuntary_per_s);
	add(o, "probe_spread", m.spread);
	add(o, "load_before", m.load_before);
	add(o, "load_after", m.load_after);
	add(o, "others_cpu", m.others);
	add(o, "mhz_lo", m.mhz_lo);
	add(o, "mhz_hi", m.mhz_hi);
	if (l->machine.batches >= FEW_BATCHES)
		ret->noise_line = sentence(&m);
}
