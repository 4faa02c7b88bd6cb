/* Gauss-Legendre quadrature, for bd_stats alone. */
#ifndef BD_STATS_QUADRATURE_H
#define BD_STATS_QUADRATURE_H

enum { BD_NODES = 32 };

struct bd_stats_rule {
	double x[BD_NODES], w[BD_NODES]; /* on [0, 1]; exact for polynomials up to degree 63 */
};
/* Computed by the first caller; any thread may be that. */
const struct bd_stats_rule *bd_stats_rule(void);

#endif
