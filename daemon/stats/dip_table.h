/* Quantiles of the dip of uniform samples, for bd_stats alone. */
#ifndef BD_STATS_DIP_TABLE_H
#define BD_STATS_DIP_TABLE_H

enum { BD_DIP_ROWS = 18, BD_DIP_TAILS = 17 };

struct bd_dip_row {
	double n,
		scaled[BD_DIP_TAILS]; /* sqrt(n) dip, exceeded with the probability of the same place in bd_dip_tails */
};
extern const double bd_dip_tails[BD_DIP_TAILS];
extern const struct bd_dip_row bd_dip_table[BD_DIP_ROWS];

#endif
