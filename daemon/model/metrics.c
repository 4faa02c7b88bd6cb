/* What a series can show of a cell. */
#include "bd_model.h"

#include <errno.h>

const struct bd_metric_kind bd_metric_kinds[BD_METRICS] = {
	[BD_METRIC_TIME] = {"time_ns_per_op", "ns"},
	[BD_METRIC_THROUGHPUT] = {"throughput_ops_s", "ops/s"},
	[BD_METRIC_RATIO] = {"ratio", NULL},
	[BD_METRIC_SCALING] = {"scaling", NULL},
	[BD_METRIC_WAIT_SHARE] = {"wait_share", NULL},
};

int bd_metric_parse(const char *name, enum bd_metric *ret, struct bd_error *err)
{
	const char *names[BD_METRICS];
	bd_auto_str struct bd_str hint = {0};
	for (size_t i = 0; i < BD_METRICS; i++) {
		names[i] = bd_metric_kinds[i].name;
		bd_str_printf(&hint, "%s%s", i ? ", " : "one of ", names[i]);
		if (bd_streq(name, names[i])) {
			*ret = (enum bd_metric)i;
			return 0;
		}
	}
	const char *near = bd_nearest(name, names, BD_METRICS);
	if (near) {
		bd_str_clear(&hint);
		bd_str_printf(&hint, "did you mean '%s'?", near);
	}
	return bd_error_set(err, -EINVAL, "bad-value", hint.s, "there is no metric '%.100s'", name);
}

struct bd_interval bd_cell_metric(const struct bd_cell_result *c, enum bd_metric m)
{
	struct bd_interval none = {(double)NAN, (double)NAN, (double)NAN};
	switch (m) {
	case BD_METRIC_TIME:
		return c->time_ns_per_op
			? (struct bd_interval){c->time_ns_per_op->median, c->time_ns_per_op->lo, c->time_ns_per_op->hi}
			: none;
	case BD_METRIC_THROUGHPUT:
		return c->throughput_ops_s ? *c->throughput_ops_s : none;
	case BD_METRIC_RATIO:
		return c->ratio ? (struct bd_interval){c->ratio->median, c->ratio->lo, c->ratio->hi} : none;
	case BD_METRIC_SCALING:
		return c->scaling ? *c->scaling : none;
	case BD_METRIC_WAIT_SHARE:
		none.median = c->gil ? c->gil->wait_share : (double)NAN;
		return none;
	case BD_METRICS:
		break;
	}
	return none;
}

const struct bd_reason *bd_cell_metric_off(const struct bd_cell_result *c, enum bd_metric m)
{
	if (m == BD_METRIC_SCALING && !c->scaling)
		return c->scaling_reason;
	if (m == BD_METRIC_WAIT_SHARE && c->gil && isnan(c->gil->wait_share))
		return c->gil->reason;
	return NULL;
}
