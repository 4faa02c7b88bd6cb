/* Which looks a cell has, and what each may spend. */
#include "plan.h"

#include <math.h>
#include <pthread.h>

const int64_t bd_stats_looks[6] = {6, 8, 11, 16, 24, 36};

/* Two-sided, each side spends 2 (1 - Phi(z(alpha / 4) / sqrt(t))): alpha / 2 in the end. */
double bd_stats_spent_at(int64_t launches, int64_t max, double alpha)
{
	if (launches >= max)
		return alpha;
	double z = bd_stats_t_quantile(1 - alpha / 4, INFINITY), part = (double)launches / (double)max;
	return 4 * bd_stats_t_tail(z / sqrt(part), INFINITY);
}

/* A look is told by its launches, by max as far as that is still ahead, and by whether it is the end. */
struct key {
	int64_t done, max;
	bool final;
	double early, alpha; /* what looks before the end spend of, and what there is to spend at the end */
};
struct remembered {
	struct key key;
	struct bd_stats_look look;
};
static struct remembered memory[256]; /* done = 0: empty */
static size_t next_place;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t look_before(int64_t done) /* 0: there is none */
{
	int64_t before = 0;
	for (size_t i = 0; i < BD_LEN(bd_stats_looks) && bd_stats_looks[i] < done; i++)
		before = bd_stats_looks[i];
	return before;
}

static void find_or_make(struct key key, struct bd_stats_look *ret)
{
	key.final = key.final || key.done >= key.max;
	key.alpha = key.final ? key.alpha : key.early;
	for (size_t i = 0; i < BD_LEN(memory); i++) {
		const struct key *k = &memory[i].key;
		if (k->done == key.done && k->max == key.max && k->final == key.final && k->early == key.early &&
			k->alpha == key.alpha) {
			*ret = memory[i].look;
			return;
		}
	}
	struct bd_stats_look before;
	int64_t launches = look_before(key.done);
	if (launches)
		find_or_make((struct key){launches, key.max, false, key.early, key.early}, &before);
	double spent = key.final ? key.alpha : bd_stats_spent_at(key.done, key.max, key.early);
	bd_stats_look_make(launches ? &before : NULL, key.done, spent, ret);
	memory[next_place] = (struct remembered){key, *ret};
	next_place = (next_place + 1) % BD_LEN(memory);
}

static void find(struct key key, struct bd_stats_look *ret)
{
	pthread_mutex_lock(&lock);
	find_or_make(key, ret);
	pthread_mutex_unlock(&lock);
}

static struct key key_of(const struct bd_stats_plan *plan, size_t i)
{
	return (struct key){plan->launches[i], plan->max, i + 1 == plan->n && plan->final, plan->early, plan->alpha};
}

void bd_stats_plan_family(int64_t done, int64_t max, bool final, double alpha, size_t cells, struct bd_stats_plan *ret)
{
	*ret = (struct bd_stats_plan){.alpha = alpha,
		.early = alpha / (double)BD_MAX(cells, (size_t)1),
		.max = max,
		.final = final};
	if (done < BD_STATS_MIN_LAUNCHES || !(alpha > 0 && alpha < 1))
		return;
	for (size_t i = 0; i < BD_LEN(bd_stats_looks) && bd_stats_looks[i] < done; i++)
		ret->launches[ret->n++] = bd_stats_looks[i];
	ret->launches[ret->n++] = done;
	for (size_t i = 0; i < ret->n; i++) {
		struct bd_stats_look look;
		find(key_of(ret, i), &look);
		ret->level[i] = look.level;
		ret->spent[i] = look.spent;
	}
}

void bd_stats_plan_make(int64_t done, int64_t max, bool final, double alpha, struct bd_stats_plan *ret)
{
	bd_stats_plan_family(done, max, final, alpha, 1, ret);
}

void bd_stats_plan_single(int64_t launches, double alpha, struct bd_stats_plan *ret)
{
	*ret = (struct bd_stats_plan){.alpha = alpha, .early = alpha, .max = launches, .final = true};
	if (launches < BD_STATS_MIN_LAUNCHES || !(alpha > 0 && alpha < 1))
		return;
	ret->n = 1;
	ret->launches[0] = launches;
	ret->level[0] = ret->spent[0] = alpha;
}

void bd_stats_plan_look(const struct bd_stats_plan *plan, size_t i, struct bd_stats_look *ret)
{
	if (plan->n == 1)
		bd_stats_look_make(NULL, plan->launches[0], plan->spent[0], ret);
	else
		find(key_of(plan, i), ret);
}
