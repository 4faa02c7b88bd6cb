/* Which processors, in which order, and how fast the native spin is on them. */
#include "bd_kernels.h"
#include "bd_stats.h"
#include "engine_internal.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>

/* While this process keeps off some of them, the kernel would name only the rest. */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct processors kept;
static bool keeps_off;

void processors_allowed(struct processors *p)
{
	cpu_set_t set;
	pthread_mutex_lock(&kept_lock);
	bool known = keeps_off;
	if (known)
		*p = kept;
	pthread_mutex_unlock(&kept_lock);
	if (known)
		return;
	p->n = 0;
	if (sched_getaffinity(0, sizeof set, &set) < 0) {
		p->allowed[p->n++] = 0;
		return;
	}
	for (size_t i = 0; i < CPU_SETSIZE && p->n < BD_LEN(p->allowed); i++)
		if (CPU_ISSET(i, &set))
			p->allowed[p->n++] = (int64_t)i;
}

void processors_permute(const struct processors *p, struct bd_rng *rng, size_t launch, size_t *order, int64_t *ret)
{
	/* A new shuffle every n launches, rotated in between: each processor is first once in n launches. */
	if (launch % p->n == 0) {
		for (size_t i = 0; i < p->n; i++)
			order[i] = i;
		bd_rng_shuffle(rng, order, p->n);
	}
	for (size_t i = 0; i < p->n; i++)
		ret[i] = p->allowed[order[(i + launch) % p->n]];
}

static void pin_all_threads(const cpu_set_t *set)
{
	DIR *d = opendir("/proc/self/task");
	if (!d)
		return;
	struct dirent *e;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			sched_setaffinity((pid_t)strtol(e->d_name, NULL, 10), sizeof *set, set);
	closedir(d);
}

void processors_keep_off(const struct processors *p, const int64_t *permutation, size_t used)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	bool spare = permutation && used < p->n;
	pthread_mutex_lock(&kept_lock);
	kept = *p;
	keeps_off = spare;
	pthread_mutex_unlock(&kept_lock);
	for (size_t i = spare ? used : 0; i < p->n; i++)
		CPU_SET((size_t)(permutation ? permutation[i] : p->allowed[i]), &set);
	pin_all_threads(&set);
}

#define CALIBRATION_STEPS 300000U

double calibrate_spin(const struct processors *p)
{
	enum { SPINS = 9, MOST = 16 };
	cpu_set_t before;
	sched_getaffinity(0, sizeof before, &before);
	double medians[MOST];
	size_t n = BD_MIN(p->n, (size_t)MOST);
	uint64_t x = 1;
	for (size_t i = 0; i < n; i++) {
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET((size_t)p->allowed[i], &one);
		sched_setaffinity(0, sizeof one, &one);
		double spins[SPINS];
		for (size_t k = 0; k < SPINS; k++) {
			int64_t t = bd_clock_mono_ns();
			x = bd_kernel_spin(x, CALIBRATION_STEPS);
			spins[k] = (double)(bd_clock_mono_ns() - t) / CALIBRATION_STEPS;
		}
		medians[i] = bd_stats_median(spins, SPINS);
	}
	sched_setaffinity(0, sizeof before, &before);
	/* x is used, so that the spins cannot be removed */
	return bd_stats_median(medians, n) + (x == 42 ? 1e-12 : 0);
}
