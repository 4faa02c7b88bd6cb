#include "bd_stats.h"

#include <math.h>

/* Mean of the logs, and the variance of that mean. False when a value has no log. */
static bool log_mean(const double *v, size_t n, double *ret_mean, double *ret_variance)
{
	bd_auto_free double *logs = bd_alloc(n * sizeof *logs);
	for (size_t i = 0; i < n; i++) {
		if (!(v[i] > 0) || isinf(v[i]))
			return false;
		logs[i] = log(v[i]);
	}
	double sd = bd_stats_sd(logs, n);
	*ret_mean = bd_stats_mean(logs, n);
	*ret_variance = sd * sd / (double)n;
	return n > 0;
}

struct bd_stats_interval bd_stats_welch(const double *a, size_t na, const double *b, size_t nb, double confidence,
	double *ret_p)
{
	struct bd_stats_interval out = {NAN, NAN, NAN};
	double mean_a, mean_b, va, vb, p = NAN;
	if (log_mean(a, na, &mean_a, &va) && log_mean(b, nb, &mean_b, &vb)) {
		double difference = mean_a - mean_b;
		out.estimate = exp(difference);
		if (na >= BD_STATS_MIN_LAUNCHES && nb >= BD_STATS_MIN_LAUNCHES && confidence > 0 && confidence < 1) {
			double error = sqrt(va + vb), half = 0;
			p = difference == 0 ? 1 : 0; /* launches that are all alike */
			if (error > 0) {
				double df = (va + vb) * (va + vb) /
					(va * va / (double)(na - 1) + vb * vb / (double)(nb - 1));
				p = 2 * bd_stats_t_tail(fabs(difference) / error, df);
				half = bd_stats_t_quantile(0.5 + confidence / 2, df) * error;
			}
			out.lo = exp(difference - half);
			out.hi = exp(difference + half);
		}
	}
	if (ret_p)
		*ret_p = p;
	return out;
}
