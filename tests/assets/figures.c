/* Writes figures as benchctl does, one JSON array per line: [function, argument…, text]. The dashboard must write the same. */
#include "bd_benchctl.h"

#include <math.h>
#include <stdio.h>

static void put(const char *name, const double *args, size_t n, char *text)
{
	printf("[\"%s\"", name);
	for (size_t i = 0; i < n; i++)
		printf(",%.17g", args[i]);
	printf(",\"%s\"]\n", text);
	free(text);
}

static void each(double x)
{
	put("count", &x, 1, bd_text_count(x));
	put("percent", &x, 1, bd_text_percent(x));
	put("seconds", &x, 1, bd_text_seconds(x));
	put("ratio", &x, 1, bd_text_ratio(x));
	double width[] = {x, x * 0.97, x * 1.0125};
	put("halfWidth", width, 3, bd_text_half_width(width[0], width[1], width[2]));
	double spread[] = {x, x * 3, x * 1.5};
	struct bd_scale scale = bd_scale_for(spread[0], spread[1]);
	put("scaled", spread, 3, bd_scale_text(&scale, spread[2]));
	double far[] = {x, x * 1e6, x * 7};
	scale = bd_scale_for(far[0], far[1]);
	put("scaled", far, 3, bd_scale_text(&scale, far[2]));
}

int main(void)
{
	/* where the number of digits and the unit change, and one step to either side */
	static const double edges[] = {0.9, 0.995, 1, 9.95, 9.995, 9.9995, 99.5, 99.95, 99.995, 999.5, 999.95, 3600};
	for (size_t i = 0; i < BD_LEN(edges); i++)
		for (int e = -6; e <= 9; e++) {
			double x = edges[i] * pow(10, e);
			each(x);
			each(nextafter(x, 0));
			each(nextafter(x, INFINITY));
		}
	/* ties: exactly between two texts */
	for (int i = 1; i < 4000; i++)
		each(i / 16.0);
	unsigned long long state = 1;
	for (int i = 0; i < 5000; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		each(pow(10, (double)(state >> 33) / (1ULL << 31) * 16 - 4));
	}
	return 0;
}
