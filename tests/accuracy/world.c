#include "world.h"

#include <math.h>

const struct world worlds[] = {
	{.name = "native", .what = "0.2 % between launches, 0.4 % within", .sd_launch = 0.002, .sd_round = 0.004},
	{.name = "quiet", .what = "3 % between launches, 1 % within", .sd_launch = 0.03, .sd_round = 0.01},
	{.name = "flips",
		.what = "the machine's speed flips 2x for all at once, every second or so",
		.sd_launch = 0.03,
		.sd_round = 0.01,
		.disturbance = FLIPS},
	{.name = "toggling",
		.what = "a load takes half the processor, one second on, one off",
		.sd_launch = 0.03,
		.sd_round = 0.01,
		.disturbance = TOGGLES},
	{.name = "heavy",
		.what = "one launch in ten 15 % slower, one batch in thirty 50 %",
		.sd_launch = 0.01,
		.sd_round = 0.01,
		.slow_launches = 0.1,
		.outliers = 1.0 / 30},
	{.name = "threads",
		.what = "two threads with two modes, 2.5x apart; launches prefer one",
		.sd_launch = 0.02,
		.sd_round = 0.01,
		.threads = true},
};
const size_t worlds_len = BD_LEN(worlds);

const struct world *world_named(const char *name)
{
	for (size_t i = 0; i < worlds_len; i++)
		if (bd_streq(worlds[i].name, name))
			return &worlds[i];
	return NULL;
}

double source_normal(struct source *s) /* Box & Muller 1958 */
{
	double u = 1 - bd_rng_unit(&s->rng), v = bd_rng_unit(&s->rng);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static double exponential(struct source *s, double mean)
{
	return -mean * log(1 - bd_rng_unit(&s->rng));
}

void source_init(struct source *s, const struct world *world, double ratio, uint64_t seed)
{
	*s = (struct source){.world = world, .ratio = ratio};
	s->a = bd_alloc(WORLD_MOST * sizeof *s->a);
	s->b = bd_alloc(WORLD_MOST * sizeof *s->b);
	bd_rng_init(&s->rng, seed);
	s->now_s = 2 * bd_rng_unit(&s->rng); /* anywhere in the period of the load */
	s->slow = bd_rng_below(&s->rng, 2);
	s->state_until_s = s->now_s + exponential(s, 1);
}

void source_done(struct source *s)
{
	bd_freep(&s->a);
	bd_freep(&s->b);
}

/* How much slower the machine is now. Time only goes forward. */
static double slowness(struct source *s)
{
	switch (s->world->disturbance) {
	case FLIPS:
		while (s->now_s >= s->state_until_s) {
			s->slow = !s->slow;
			s->state_until_s += exponential(s, 1);
		}
		return s->slow ? 2 : 1;
	case TOGGLES:
		/* what is left of the processor is not always the same */
		return fmod(s->now_s, 2) < 1 ? 1 : 2 * exp(0.05 * source_normal(s));
	default:
		return 1;
	}
}

/* One process of one cell. */
struct process {
	double effect;     /* log, for all its batches */
	double preference; /* share of its batches in the slow mode */
};

static struct process start(struct source *s)
{
	const struct world *w = s->world;
	struct process p = {.effect = w->sd_launch * source_normal(s)};
	if (w->slow_launches > 0 && bd_rng_unit(&s->rng) < w->slow_launches)
		p.effect += log(1.15);
	p.preference = bd_rng_below(&s->rng, 2) ? 0.35 : 0.65;
	return p;
}

/* A batch, 20 ms of it before and after which a probe tells how slow the machine is. */
static struct bd_stats_point batch(struct source *s, const struct process *p, double ratio, int64_t round)
{
	const struct world *w = s->world;
	double before = slowness(s);
	s->now_s += 0.02;
	double after = slowness(s), ns = 200 * ratio * exp(p->effect + w->sd_round * source_normal(s));
	if (w->threads && bd_rng_unit(&s->rng) < p->preference)
		ns *= 2.5;
	if (w->outliers > 0 && bd_rng_unit(&s->rng) < w->outliers)
		ns *= 1.5;
	ns *= (before + after) / 2;
	s->now_s += 0.001;
	double wall_ns = w->threads ? 200e6 * 2 : 20e6, ops = wall_ns / ns;
	return (struct bd_stats_point){.launch = s->launch,
		.round = round,
		.value = ns,
		.left_out = fmax(before, after) > 1.1 * fmin(before, after),
		.num = wall_ns,
		.den = ops};
}

void source_launch(struct source *s, int rounds)
{
	struct process a = start(s), b = start(s);
	s->now_s += 0.3;
	for (int64_t round = 0; round < rounds; round++, s->n++) {
		bool first = bd_rng_below(&s->rng, 2); /* each round in an order of its own */
		if (first)
			s->a[s->n] = batch(s, &a, 1, round);
		s->b[s->n] = batch(s, &b, s->ratio, round);
		if (!first)
			s->a[s->n] = batch(s, &a, 1, round);
	}
	s->launch++;
}
