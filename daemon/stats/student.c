#include "bd_stats.h"

#include <math.h>

/* log of 1 / B(a, 1/2). Beyond a = 20 the difference of two large lgamma values would lose digits, so the ratio of
 * the gamma functions comes from its own asymptotic series there (Tricomi & Erdélyi 1951). */
static double log_inverse_beta_half(double a)
{
	const double log_sqrt_pi = 0.57236494292470008707;
	int sign; /* lgamma writes it to a variable that all threads share */
	if (a < 20)
		return lgamma_r(a + 0.5, &sign) - lgamma_r(a, &sign) - log_sqrt_pi;
	double r = 1 / (a * a);
	return 0.5 * log(a) - (1.0 / 8 - r * (1.0 / 192 - r * (1.0 / 640 - r * 17.0 / 14336))) / a - log_sqrt_pi;
}

/* Continued fraction of the incomplete beta function, by the modified Lentz method (Thompson & Barnett 1986). It
 * converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;
	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m < 20000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double before = f;
		for (int half = 0; half < 2; half++) {
			double k = half ? odd : even;
			d = 1 + k * d;
			c = 1 + k / c;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = fabs(c) < tiny ? tiny : c;
			f *= c * d;
		}
		if (fabs(f - before) <= 1e-16 * fabs(f))
			break;
	}
	return f;
}

/* What lies beyond +t, and what lies between 0 and t. Each is computed directly where it is the smaller one, so that
 * neither end loses its digits to a subtraction from one half. */
static void areas(double t, double df, double *tail, double *central)
{
	double q = t * t / df; /* x = 1 / (1 + q) */
	double a = df / 2, log_common = log_inverse_beta_half(a) - a * log1p(q) + 0.5 * log(q / (1 + q));
	if (1 / (1 + q) < (a + 1) / (a + 2.5)) {
		*tail = 0.5 * exp(log_common) / a * beta_fraction(a, 0.5, 1 / (1 + q));
		*central = 0.5 - *tail;
	} else {
		*central = exp(log_common) * beta_fraction(0.5, a, q / (1 + q)); /* the 0.5 and the 1/b cancel */
		*tail = 0.5 - *central;
	}
}

static double density(double t, double df)
{
	return exp(log_inverse_beta_half(df / 2) - 0.5 * log(df) - (df + 1) / 2 * log1p(t * t / df));
}

static void normal_areas(double t, double *tail, double *central)
{
	*tail = 0.5 * erfc(t * M_SQRT1_2);
	*central = 0.5 * erf(t * M_SQRT1_2);
}

static double normal_density(double t)
{
	return 0.5 * M_2_SQRTPI * M_SQRT1_2 * exp(-0.5 * t * t);
}

/* The t > 0 beyond which `tail` lies, and up to which `central` = 1/2 - tail lies. Newton steps on the logarithm of
 * the smaller of both as a function of log t: nearly straight lines, so a bounded step always leads there. */
static double solve(double tail, double central, double df)
{
	double u = central < 0.25 ? log(central / normal_density(0)) : 0;
	for (int i = 0; i < 200; i++) {
		double t = exp(u), have_tail, have_central, f;
		if (isinf(df)) {
			normal_areas(t, &have_tail, &have_central);
			f = normal_density(t);
		} else {
			areas(t, df, &have_tail, &have_central);
			f = density(t, df);
		}
		double step = central < 0.25 ? log(have_central / central) * have_central / (f * t)
					     : -log(have_tail / tail) * have_tail / (f * t);
		step = fmin(1, fmax(-1, step));
		u -= step;
		if (fabs(step) < 1e-14)
			break;
	}
	return exp(u);
}

double bd_stats_t_quantile(double p, double df)
{
	if (!(p > 0 && p < 1) || !(df > 0))
		return NAN;
	double tail = fmin(p, 1 - p), central = fabs(p - 0.5), t;
	if (central == 0) /* exactly the middle */
		return 0;
	if (df > 1e5) {
		/* So close to the normal distribution that its expansion is exact to the last digits (Abramowitz & Stegun 26.7.5). */
		double z = solve(tail, central, INFINITY), y = z * z;
		double first = (y + 1) / 4, second = ((5 * y + 16) * y + 3) / 96;
		double third = (((3 * y + 19) * y + 17) * y - 15) / 384;
		t = z * (1 + (first + (second + third / df) / df) / df);
	} else {
		t = solve(tail, central, df);
	}
	return p < 0.5 ? -t : t;
}

double bd_stats_t_tail(double t, double df)
{
	if (isnan(t) || !(df > 0))
		return NAN;
	double size = fabs(t), tail, central;
	if (size == 0)
		return 0.5;
	if (isinf(size))
		return t > 0 ? 0 : 1;
	if (isinf(df))
		normal_areas(size, &tail, &central);
	else
		areas(size, df, &tail, &central);
	return t > 0 ? tail : 0.5 + central;
}
