/* The table of stored runs. */
#include "bd_benchctl.h"

static enum bd_style style_of(const char *state)
{
	return bd_streq(state, "complete")                                ? BD_PLAIN
		: bd_streq(state, "queued") || bd_streq(state, "running") ? BD_GREEN
		: bd_streq(state, "failed")                               ? BD_RED
									  : BD_YELLOW;
}

static enum bd_style style_of_verdict(const char *verdict)
{
	return bd_streq(verdict, "found") ? BD_RED : bd_streq(verdict, "nothing found") ? BD_GREEN : BD_YELLOW;
}

/* So many characters of the ids tell them apart, with two to spare for the runs to come. */
static int id_length(const struct bd_run_list *l)
{
	size_t most = 0;
	for (size_t i = 0; i + 1 < l->runs_len; i++) {
		const char *a = l->runs[i].id, *b = l->runs[i + 1].id; /* sorted, so neighbours are nearest */
		size_t n = 0;
		while (a && b && a[n] && a[n] == b[n])
			n++;
		most = BD_MAX(most, n);
	}
	return (int)BD_MAX(most + 3, (size_t)12);
}

/* "2 invalid, 1 failed", or how many in all; what is unsupported here is no trouble. */
static char *trouble_text(const struct bd_statuses *n, bool wide)
{
	const struct {
		int64_t count;
		const char *name;
	} kinds[] = {{n->invalid, "invalid"}, {n->failed, "failed"}, {n->interrupted, "interrupted"}};
	struct bd_str out = {0};
	int64_t sum = 0;
	for (size_t i = 0; i < BD_LEN(kinds); i++) {
		if (kinds[i].count <= 0)
			continue;
		sum += kinds[i].count;
		if (wide)
			bd_str_printf(&out, "%s%lld %s", out.len ? ", " : "", (long long)kinds[i].count, kinds[i].name);
	}
	if (sum && !wide)
		bd_str_printf(&out, "%lld", (long long)sum);
	return bd_str_take(&out);
}

void bd_runs_table(const struct bd_run_list *l, const struct bd_screen *s, struct bd_str *out)
{
	bool wide = s->width >= 120;
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	size_t id = bd_grid_column(g, (struct bd_grid_column){"run", false, false, false, 0});
	size_t suite = bd_grid_column(g, (struct bd_grid_column){"suite", false, false, false, 0});
	size_t verdict = bd_grid_column(g, (struct bd_grid_column){"verdict", false, false, false, 0});
	size_t state = bd_grid_column(g, (struct bd_grid_column){"state", false, false, false, 0});
	size_t cells = bd_grid_column(g, (struct bd_grid_column){"cells", true, false, false, 3});
	size_t trouble = bd_grid_column(g, (struct bd_grid_column){"not ok", !wide, false, false, 1});
	size_t wall = bd_grid_column(g, (struct bd_grid_column){"wall", true, false, false, 4});
	size_t started = bd_grid_column(g, (struct bd_grid_column){"started", false, false, false, 2});
	size_t labels = bd_grid_column(g, (struct bd_grid_column){"labels", false, false, true, 5});
	int length = wide ? BD_ULID_LEN : id_length(l);
	for (size_t i = 0; i < l->runs_len; i++) {
		const struct bd_run_row *r = &l->runs[i];
		bd_grid_row(g);
		bd_grid_set(g, id, BD_BOLD, "%.*s", length, r->id ? r->id : "?");
		bool check = bd_streq(r->kind, "check");
		bd_grid_set(g, suite, BD_PLAIN, "%s%s", check ? "check of " : "", r->suite ? r->suite : "");
		if (r->verdict)
			bd_grid_set(g, verdict, style_of_verdict(r->verdict), "%s", r->verdict);
		bd_grid_set(g, state, style_of(r->state), "%s", r->state ? r->state : "");
		if (!check)
			bd_grid_set(g, cells, BD_PLAIN, "%lld", (long long)r->cells);
		bd_auto_free char *bad = trouble_text(&r->statuses, wide);
		if (*bad)
			bd_grid_set(g, trouble, r->statuses.failed ? BD_RED : BD_YELLOW, "%s", bad);
		if (r->started)
			bd_grid_set(g, started, BD_PLAIN, "%s", r->started);
		if (isfinite(r->wall_s)) {
			bd_auto_free char *text = bd_text_seconds(r->wall_s);
			bd_grid_set(g, wall, BD_PLAIN, "%s", text);
		}
		bd_auto_free char *text = bd_text_map(&r->labels);
		if (*text)
			bd_grid_set(g, labels, BD_PLAIN, "%s", text);
	}
	bd_grid_print(g, out);
}
