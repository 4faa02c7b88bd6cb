/* benchd.json of the code under test: what may be how much slower, and suites of its own. */
#ifndef CONFIG_H
#define CONFIG_H

#include "bd_benchctl.h"

#define CONFIG_FILE "benchd.json"

struct config_limit {
	char *glob;
	double slower; /* 0.05 = 5 % */
};
struct config_suite {
	char *name, *target; /* target: as in benchctl run, relative to the file's folder */
	struct bd_choices axes;
	double budget_s; /* NAN = not said */
};
struct config {
	char *file, *folder; /* NULL: there is none */
	double slower;       /* NAN = not said */
	char *metric;        /* NULL = not said */
	struct config_limit *cells;
	size_t cells_len;
	struct bd_strv ignore;
	struct config_suite *suites;
	size_t suites_len;
};
#define auto_config BD_CLEANUP(config_done)
/* The file, or (NULL) the first benchd.json from the current folder upward; where there is none, all is absent. One that
 * somebody else could have put there is passed over. Errors name file, line and path, and the nearest word: no-such-input,
 * bad-json, usage. */
int config_load(const char *file, struct config *ret, struct bd_error *err);
const struct config_suite *config_suite(const struct config *c, const char *name); /* NULL = none; borrowed */
/* {"slower", "metric", "cells": [{"glob", "slower"}], "ignore": []}, as POST gate takes it; caller frees. */
cJSON *config_limits(const struct config *c);
void config_done(struct config *c);

#endif
