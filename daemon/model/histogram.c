#include "bd_model.h"

/* Values below 16 have a bucket each; above, the 4 bits after the leading one choose among 16 buckets per octave. */
unsigned bd_hist_bucket(uint64_t ns)
{
	if (ns < 16)
		return (unsigned)ns;
	unsigned octave = 63U - (unsigned)__builtin_clzll(ns);
	unsigned bucket = (octave - 3) * 16 + (unsigned)((ns >> (octave - 4)) & 15);
	return BD_MIN(bucket, BD_HIST_BUCKETS - 1U);
}

uint64_t bd_hist_low(unsigned bucket)
{
	if (bucket < 16)
		return bucket;
	unsigned octave = bucket / 16 + 3;
	return (16 + (uint64_t)(bucket % 16)) << (octave - 4);
}
