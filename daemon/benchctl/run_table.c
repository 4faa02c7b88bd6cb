/* The table of a run: one row per cell that was measured, columns for what differs, what is the same in the lines
 * above, and below everything that qualifies the figures (run_notes.c). */
#include "run_table.h"

#include <stdio.h>

/* From here on a table has room for intervals in brackets. */
#define WIDE 140
/* A blocker of threads that hardly wait is noise. */
#define BLOCKER_MIN_SHARE 0.01
#define WAITS_MUCH 0.2

struct row {
	const struct bd_cell_result *cell;
	size_t *rank; /* case, group, then the columns' axes, threads last */
};
struct table {
	const struct bd_run_document *doc;
	const struct bd_screen *s;
	struct bd_strv cases; /* in order of appearance, the empty loop last */
	struct bd_strv axes;  /* that have a column, threads last */
	char *group;          /* axis that has headings instead, or NULL */
	bool case_column;     /* every case has one row: its name is the first column, and there are no headings */
	struct row *rows;
	size_t rows_len, ranks;
	bool wide;
};

static bool measured(const struct bd_cell_result *c)
{
	return c->time_ns_per_op != NULL;
}

static size_t rank_in(const struct bd_strv *values, const char *value)
{
	for (size_t i = 0; i < values->n; i++)
		if (bd_streq(values->v[i], value))
			return i + 1;
	return 0;
}

/* Distinct values of an axis, in order of appearance. */
static void values_of(const struct table *t, const char *axis, struct bd_strv *ret)
{
	for (size_t i = 0; i < t->rows_len; i++) {
		const char *value = bd_axes_get(&t->rows[i].cell->axes, axis);
		if (value && !bd_strv_has(ret, value))
			bd_strv_add(ret, value);
	}
}

static bool is_parameter(const char *axis)
{
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		if (bd_streq(bd_axis_kinds[i].name, axis))
			return false;
	return true;
}

/* A heading for every other row is none. */
static bool worth_headings(const struct table *t, const char *group)
{
	bd_auto_strv struct bd_strv headings = {0};
	for (size_t i = 0; i < t->rows_len; i++) {
		const char *value = bd_axes_get(&t->rows[i].cell->axes, group);
		bd_auto_free char *heading = bd_printf("%s %s", t->rows[i].cell->case_name, value ? value : "");
		if (!bd_strv_has(&headings, heading))
			bd_strv_add(&headings, heading);
	}
	return 2 * headings.n <= t->rows_len;
}

/* Axes that differ within a case; between cases everything differs. */
static void find_axes(struct table *t)
{
	bd_auto_strv struct bd_strv varying = {0};
	bd_auto_free const struct bd_axes **axes = bd_alloc(t->rows_len * sizeof(const struct bd_axes *));
	for (size_t c = 0; c < t->cases.n; c++) {
		size_t n = 0;
		for (size_t i = 0; i < t->rows_len; i++)
			if (bd_streq(t->rows[i].cell->case_name, t->cases.v[c]))
				axes[n++] = &t->rows[i].cell->axes;
		bd_auto_strv struct bd_strv here = {0};
		bd_axes_varying(axes, n, &here);
		for (size_t i = 0; i < here.n; i++)
			if (!bd_strv_has(&varying, here.v[i]))
				bd_strv_add(&varying, here.v[i]);
	}
	/* the parameter with most values makes the headings, once there are two axes beside threads */
	size_t beside_threads = varying.n - (bd_strv_has(&varying, "threads") ? 1 : 0), most = 1;
	const char *group = NULL;
	for (size_t i = 0; beside_threads > 1 && i < varying.n; i++) {
		bd_auto_strv struct bd_strv values = {0};
		values_of(t, varying.v[i], &values);
		if (is_parameter(varying.v[i]) && values.n > most) {
			most = values.n;
			group = varying.v[i];
		}
	}
	if (group && !worth_headings(t, group))
		group = NULL;
	t->group = bd_strdup(group);
	for (size_t i = 0; i < varying.n; i++)
		if (!bd_streq(varying.v[i], group) && !bd_streq(varying.v[i], "threads"))
			bd_strv_add(&t->axes, varying.v[i]);
	if (bd_strv_has(&varying, "threads"))
		bd_strv_add(&t->axes, "threads");
}

static int by_rank(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	const struct table *t = arg;
	for (size_t i = 0; i < t->ranks; i++)
		if (x->rank[i] != y->rank[i])
			return x->rank[i] < y->rank[i] ? -1 : 1;
	return 0;
}

static void sort_rows(struct table *t)
{
	t->ranks = 3 + t->axes.n;
	for (size_t i = 0; i < t->rows_len; i++) {
		t->rows[i].rank = bd_alloc(t->ranks * sizeof(size_t));
		t->rows[i].rank[0] = rank_in(&t->cases, t->rows[i].cell->case_name);
		t->rows[i].rank[t->ranks - 1] = i; /* the order of the document, last */
	}
	for (size_t k = 0; k <= t->axes.n; k++) {
		const char *axis = k ? t->axes.v[k - 1] : t->group;
		bd_auto_strv struct bd_strv values = {0};
		if (axis)
			values_of(t, axis, &values);
		for (size_t i = 0; axis && i < t->rows_len; i++)
			t->rows[i].rank[1 + k] = rank_in(&values, bd_axes_get(&t->rows[i].cell->axes, axis));
	}
	if (t->rows_len)
		qsort_r(t->rows, t->rows_len, sizeof *t->rows, by_rank, t);
}

static void table_init(struct table *t, const struct bd_run_document *doc, const struct bd_screen *s)
{
	*t = (struct table){.doc = doc, .s = s, .wide = s->width >= WIDE};
	static const char last[] = "empty-loop";
	bool empty_loop = false;
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell_result *c = &doc->cells[i];
		if (bd_streq(c->status, "unsupported"))
			continue; /* has no figures and never will: listed below */
		(BD_PUSH(t->rows, t->rows_len))->cell = c;
		if (bd_streq(c->case_name, last))
			empty_loop = true;
		else if (!bd_strv_has(&t->cases, c->case_name))
			bd_strv_add(&t->cases, c->case_name);
	}
	if (empty_loop)
		bd_strv_add(&t->cases, last);
	find_axes(t);
	sort_rows(t);
	t->case_column = t->rows_len == t->cases.n;
}

static void table_done(struct table *t)
{
	for (size_t i = 0; i < t->rows_len; i++)
		free(t->rows[i].rank);
	free(t->rows);
	free(t->group);
	bd_strv_done(&t->cases);
	bd_strv_done(&t->axes);
}

/* ---- what is the same everywhere ------------------------------------------------------------------------------ */

/* The one value of an axis among the rows of a case, or NULL. */
static const char *constant(const struct table *t, const char *case_name, const char *axis)
{
	const char *one = NULL;
	for (size_t i = 0; i < t->rows_len; i++) {
		const struct bd_cell_result *cell = t->rows[i].cell;
		const char *value = bd_axes_get(&cell->axes, axis);
		if (!bd_streq(cell->case_name, case_name) || !value)
			continue;
		if (one && !bd_streq(one, value))
			return NULL;
		one = value;
	}
	return one;
}

/* What is the same in all rows of the first case; the headings of other cases say where they differ. */
static void constants(const struct table *t, struct bd_str *out)
{
	if (!t->rows_len)
		return;
	const struct bd_axes *axes = &t->rows[0].cell->axes;
	for (size_t j = 0; j < axes->n; j++) {
		const char *axis = axes->v[j].key, *value = constant(t, t->cases.v[0], axis);
		if (value && bd_axis_worth_naming(axis, value) && !bd_strv_has(&t->axes, axis) &&
			!bd_streq(axis, t->group))
			bd_str_printf(out, "%s%s=%s", out->len ? " " : "", axis, value);
	}
}

static void dim_lines(const struct bd_screen *s, const char *text, struct bd_str *out)
{
	bd_auto_str struct bd_str lines = {0};
	bd_auto_strv struct bd_strv each = {0};
	bd_auto_free char *plain = bd_text_for(s, text);
	bd_text_wrap(&lines, plain, s->width, 0, 0);
	if (!lines.len)
		return;
	bd_strv_split(&each, lines.s, '\n');
	for (size_t i = 0; i < each.n; i++) {
		bd_put(out, s, BD_DIM, each.v[i]);
		bd_str_puts(out, "\n");
	}
}

void bd_run_header(const struct bd_run_document *doc, const struct bd_screen *s, size_t cells, const char *same,
	struct bd_str *out)
{
	const struct bd_run_head *r = &doc->run;
	bool good = bd_streq(r->state, "complete");
	bd_put(out, s, BD_BOLD, r->suite ? r->suite : "run");
	bd_str_puts(out, "  ");
	bd_put(out, s, good ? BD_GREEN : BD_RED, r->state ? r->state : "?");
	bd_auto_str struct bd_str rest = {0};
	if (isfinite(r->wall_s)) {
		bd_auto_free char *wall = bd_text_seconds(r->wall_s);
		bd_str_printf(&rest, "%s %s", good ? "in" : "after", wall);
	}
	if (bd_run_is_check(doc))
		bd_str_printf(&rest, "%sa check", rest.len ? ", " : "");
	else
		bd_str_printf(&rest, "%s%zu cell%s", rest.len ? ", " : "", cells, cells == 1 ? "" : "s");
	if (r->launches > 0 && r->rounds > 0) /* neither is known before the first launch */
		bd_str_printf(&rest, ", %lld launch%s × %lld round%s", (long long)r->launches,
			r->launches == 1 ? "" : "es", (long long)r->rounds, r->rounds == 1 ? "" : "s");
	bd_str_puts(out, isfinite(r->wall_s) ? " " : ", ");
	bd_put_wrapped(out, s, rest.s, 2,
		bd_text_width(r->suite ? r->suite : "run") + strlen(r->state ? r->state : "?") + 4);
	bd_str_puts(out, "\n");
	bd_auto_str struct bd_str machine = {0};
	dim_lines(s, same ? same : "", out);
	bd_run_machine(r->environment, &machine);
	dim_lines(s, machine.s ? machine.s : "", out);
	if (r->reason && r->reason->message) {
		bd_auto_free char *text = bd_printf("%s%s%s%s", r->reason->message, r->reason->hint ? " (" : "",
			r->reason->hint ? r->reason->hint : "", r->reason->hint ? ")" : "");
		bd_put_wrapped(out, s, text, 0, 0);
		bd_str_puts(out, "\n");
	}
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

struct columns {
	size_t name, first_axis, time, time_width, ops, ratio, ratio_width, scaling, scaling_width, wait, blocker, p99,
		split, cpu, fairness, work, steady, samples, first, memory, allocations, allocated, copies;
};

static void make_columns(const struct table *t, struct bd_grid *g, struct columns *c)
{
	const char *interval = t->wide ? "95 % interval" : "±";
	c->name = bd_grid_column(g, (struct bd_grid_column){"case", false, false, false, 0});
	for (size_t k = 0; k < t->axes.n; k++) {
		size_t at = bd_grid_column(g,
			(struct bd_grid_column){t->axes.v[k], bd_streq(t->axes.v[k], "threads"), false, false, 0});
		if (k == 0)
			c->first_axis = at;
	}
	c->time = bd_grid_column(g, (struct bd_grid_column){"time/op", true, false, false, 0});
	c->time_width = bd_grid_column(g, (struct bd_grid_column){"±", true, true, false, 4});
	c->ops = bd_grid_column(g, (struct bd_grid_column){"ops/s", true, false, false, 6});
	c->ratio = bd_grid_column(g, (struct bd_grid_column){"ratio", true, false, false, 2});
	c->ratio_width = bd_grid_column(g, (struct bd_grid_column){interval, true, true, false, 5});
	c->scaling = bd_grid_column(g, (struct bd_grid_column){"scaling", true, false, false, 1});
	c->scaling_width = bd_grid_column(g, (struct bd_grid_column){interval, true, true, false, 7});
	c->copies = bd_grid_column(g, (struct bd_grid_column){"V3", false, false, false, 0});
	c->allocations = bd_grid_column(g, (struct bd_grid_column){"allocs/op", true, false, false, 1});
	c->allocated = bd_grid_column(g, (struct bd_grid_column){"B/op", true, false, false, 2});
	c->wait = bd_grid_column(g, (struct bd_grid_column){t->wide ? "GIL wait" : "wait", true, false, false, 1});
	c->blocker = bd_grid_column(g,
		(struct bd_grid_column){t->wide ? "main blocker" : "blocker", false, false, false, 3});
	c->p99 = bd_grid_column(g, (struct bd_grid_column){"wait p99", true, false, false, 10});
	c->split = bd_grid_column(g, (struct bd_grid_column){"holder/queue/switch/mutex", true, false, false, 13});
	c->cpu = bd_grid_column(g, (struct bd_grid_column){"cpu/op", true, false, false, 8});
	c->fairness = bd_grid_column(g, (struct bd_grid_column){"fairness", true, false, false, 11});
	c->work = bd_grid_column(g, (struct bd_grid_column){"native work", true, false, false, 9});
	c->steady = bd_grid_column(g, (struct bd_grid_column){"warm-up", false, false, false, 8});
	c->samples = bd_grid_column(g, (struct bd_grid_column){"samples", true, false, false, 12});
	if (t->s->verbose) {
		c->first = bd_grid_column(g, (struct bd_grid_column){"first call", true, false, false, 2});
		c->memory = bd_grid_column(g, (struct bd_grid_column){"memory", true, false, false, 3});
	}
}

static void set_interval(struct bd_grid *g, size_t column, const struct table *t, double median, double lo, double hi)
{
	if (!isfinite(lo) || !isfinite(hi))
		return;
	if (t->wide) {
		bd_grid_set(g, column, BD_DIM, "[%.3f, %.3f]", lo, hi);
	} else {
		bd_auto_free char *text = bd_text_half_width(median, lo, hi);
		bd_grid_set(g, column, BD_DIM, "%s", text);
	}
}

static void set_taken(struct bd_grid *g, size_t column, enum bd_style style, char *text)
{
	bd_grid_set(g, column, style, "%s", text);
	free(text);
}

/* What most of the waiting was for: another thread that held the GIL, or a processor to run on once it was free. */
static void set_blocker(const struct table *t, struct bd_grid *g, size_t column, const struct bd_gil_result *gil)
{
	const struct bd_blocker *most = NULL;
	for (size_t i = 0; i < gil->blockers_len; i++)
		if (!most || gil->blockers[i].ns > most->ns)
			most = &gil->blockers[i];
	bool queue = gil->runqueue_ns > gil->holder_ns && gil->runqueue_ns > gil->switch_ns;
	if (!most && !queue)
		return;
	bd_auto_free char *share = bd_text_percent(
		(double)(queue ? gil->runqueue_ns : most->ns) / (double)gil->wait_ns);
	const char *name = t->wide ? "thread " : "T";
	if (queue)
		bd_grid_set(g, column, BD_PLAIN, "%s %s", t->wide ? "the run queue" : "run queue", share);
	else if (most->holder < 0)
		bd_grid_set(g, column, BD_PLAIN, "%s%lld ← ? %s", name, (long long)most->waiter, share);
	else
		bd_grid_set(g, column, BD_PLAIN, "%s%lld ← %s%lld %s", name, (long long)most->waiter, name,
			(long long)most->holder, share);
}

static void set_gil(const struct table *t, struct bd_grid *g, const struct columns *c, const struct bd_gil_result *gil)
{
	if (!gil || bd_streq(gil->mode, "off") || !isfinite(gil->wait_share))
		return;
	set_taken(g, c->wait, gil->wait_share >= WAITS_MUCH ? BD_YELLOW : BD_PLAIN, bd_text_percent(gil->wait_share));
	if (gil->waits <= 0 || gil->wait_ns <= 0)
		return;
	if (gil->p99_ns > 0) {
		struct bd_scale scale = bd_scale_for((double)gil->p99_ns, (double)gil->p99_ns);
		set_taken(g, c->p99, BD_PLAIN, bd_scale_text(&scale, (double)gil->p99_ns));
	}
	if (gil->wait_share < BLOCKER_MIN_SHARE)
		return;
	double all = (double)gil->wait_ns / 100;
	bd_grid_set(g, c->split, BD_DIM, "%.0f/%.0f/%.0f/%.0f %%", (double)gil->holder_ns / all,
		(double)gil->runqueue_ns / all, (double)gil->switch_ns / all, (double)gil->mutex_ns / all);
	set_blocker(t, g, c->blocker, gil);
}

/* A cell that others are compared with. */
static bool is_reference(const struct table *t, const struct bd_cell_result *c)
{
	for (size_t i = 0; i < t->rows_len; i++)
		if (t->rows[i].cell->ratio && bd_streq(t->rows[i].cell->ratio->to, c->id))
			return true;
	return false;
}

static void figures(const struct table *t, struct bd_grid *g, const struct columns *c, const struct bd_scale *scale,
	const struct bd_cell_result *cell)
{
	const struct bd_estimate *time = cell->time_ns_per_op;
	bd_auto_free char *text = bd_scale_text(scale, time->median);
	bd_grid_set(g, c->time, BD_BOLD, "%s%s", cell->complete ? "" : "~", text);
	if (isfinite(time->lo) && isfinite(time->hi))
		set_taken(g, c->time_width, BD_DIM, bd_text_half_width(time->median, time->lo, time->hi));
	if (cell->throughput_ops_s)
		set_taken(g, c->ops, BD_PLAIN, bd_text_count(cell->throughput_ops_s->median));
	if (cell->ratio && !bd_streq(cell->ratio->to, cell->id)) {
		set_taken(g, c->ratio, BD_PLAIN, bd_text_ratio(cell->ratio->median));
		set_interval(g, c->ratio_width, t, cell->ratio->median, cell->ratio->lo, cell->ratio->hi);
	} else if (is_reference(t, cell)) {
		bd_grid_set(g, c->ratio, BD_DIM, "ref");
	}
	if (cell->scaling) {
		set_taken(g, c->scaling, BD_BOLD, bd_text_ratio(cell->scaling->median));
		set_interval(g, c->scaling_width, t, cell->scaling->median, cell->scaling->lo, cell->scaling->hi);
	}
	set_gil(t, g, c, cell->gil);
	if (isfinite(cell->cpu_ns_per_op))
		set_taken(g, c->cpu, BD_PLAIN, bd_scale_text(scale, cell->cpu_ns_per_op));
	if (isfinite(cell->fairness) && bd_axes_threads(&cell->axes) > 1)
		bd_grid_set(g, c->fairness, BD_PLAIN, "%.2f", cell->fairness);
	if (isfinite(cell->u_actual_ns) && !bd_streq(t->group, "u")) {
		struct bd_scale own = bd_scale_for(cell->u_actual_ns, cell->u_actual_ns);
		set_taken(g, c->work, BD_PLAIN, bd_scale_text(&own, cell->u_actual_ns));
	}
	if (cell->steady && !bd_streq(cell->steady, "flat"))
		bd_grid_set(g, c->steady, BD_PLAIN, "%s", cell->steady);
	if (t->s->verbose && cell->first_call_ns) {
		struct bd_scale own = bd_scale_for(cell->first_call_ns->median, cell->first_call_ns->median);
		set_taken(g, c->first, BD_PLAIN, bd_scale_text(&own, cell->first_call_ns->median));
	}
	if (t->s->verbose && cell->memory && cell->memory->rss_peak_bytes > 0)
		bd_grid_set(g, c->memory, BD_PLAIN, "%.1f MB", (double)cell->memory->rss_peak_bytes / 1e6);
	for (size_t i = 0; i < cell->notes_len; i++) /* which of the two V3 found */
		if (bd_streq(cell->notes[i].key, "copies") || bd_streq(cell->notes[i].key, "zero-copy"))
			bd_grid_set(g, c->copies, BD_PLAIN, "%s", cell->notes[i].key);
	if (cell->memory && isfinite(cell->memory->allocations_per_op)) {
		bd_grid_set(g, c->allocations, BD_PLAIN, "%.2f", cell->memory->allocations_per_op);
		set_taken(g, c->allocated, BD_PLAIN, bd_text_count(cell->memory->allocated_bytes_per_op));
	}
	if (cell->samples > 0)
		bd_grid_set(g, c->samples, BD_DIM, "%lld", (long long)cell->samples);
}

/* "failed (signal)", "invalid (V4)", where the figures would be. */
static void status(struct bd_grid *g, size_t column, const struct bd_cell_result *cell)
{
	const struct bd_reason *r = cell->reason;
	const char *why = r && r->check ? r->check : r ? r->key : NULL;
	bool known = why && !bd_streq(why, cell->status);
	bd_grid_span(g, column, bd_streq(cell->status, "interrupted") ? BD_YELLOW : BD_RED, "%s%s%s%s",
		cell->status ? cell->status : "?", known ? " (" : "", known ? why : "", known ? ")" : "");
}

static void add_row(const struct table *t, struct bd_grid *g, const struct columns *c, const struct bd_scale *scale,
	const struct bd_cell_result *cell, const struct bd_cell_result *above)
{
	bd_grid_row(g);
	if (t->case_column)
		bd_grid_set(g, c->name, BD_PLAIN, "%s", cell->case_name);
	bool same = above != NULL;
	for (size_t k = 0; k < t->axes.n; k++) {
		const char *axis = t->axes.v[k], *value = bd_axes_get(&cell->axes, axis);
		same = same && bd_streq(value, bd_axes_get(&above->axes, axis));
		bool crowded = cell->oversubscribed && bd_streq(axis, "threads");
		if (value)
			bd_grid_set(g, c->first_axis + k, same ? BD_DIM : BD_PLAIN, "%s%s", crowded ? "*" : "", value);
	}
	if (measured(cell))
		figures(t, g, c, scale, cell);
	else
		status(g, c->time, cell);
}

static bool same_group(const struct table *t, const struct row *a, const struct row *b)
{
	return a->rank[0] == b->rank[0] && (!t->group || a->rank[1] == b->rank[1]);
}

/* The scale of rows[from..to). */
static struct bd_scale group_scale(const struct table *t, size_t from, size_t to)
{
	double least = INFINITY, most = 0;
	for (size_t i = from; i < to; i++)
		if (measured(t->rows[i].cell)) {
			least = fmin(least, t->rows[i].cell->time_ns_per_op->median);
			most = fmax(most, t->rows[i].cell->time_ns_per_op->median);
		}
	return bd_scale_for(least, most);
}

/* Case, value of the grouping axis, and axes that are the same in the case but not in the run. */
static void add_heading(const struct table *t, struct bd_grid *g, size_t from, size_t to)
{
	const struct bd_cell_result *cell = t->rows[from].cell;
	bd_auto_str struct bd_str text = {0};
	const char *value = t->group ? bd_axes_get(&cell->axes, t->group) : NULL;
	if (!bd_streq(cell->case_name, t->doc->run.suite) && (t->cases.n > 1 || !value))
		bd_str_puts(&text, cell->case_name);
	if (value)
		bd_str_printf(&text, "%s%s=%s", text.len ? "  " : "", t->group, value);
	for (size_t i = from; value && bd_streq(t->group, "u") && i < to; i++)
		if (isfinite(t->rows[i].cell->u_actual_ns)) {
			struct bd_scale scale = bd_scale_for(t->rows[i].cell->u_actual_ns,
				t->rows[i].cell->u_actual_ns);
			bd_auto_free char *actual = bd_scale_text(&scale, t->rows[i].cell->u_actual_ns);
			bd_str_printf(&text, " (%s measured)", actual);
			break;
		}
	for (size_t j = 0; j < cell->axes.n; j++) {
		const char *axis = cell->axes.v[j].key;
		if (!bd_strv_has(&t->axes, axis) && !bd_streq(axis, t->group) &&
			!bd_streq(cell->axes.v[j].value, constant(t, t->cases.v[0], axis)))
			bd_str_printf(&text, "  %s=%s", axis, cell->axes.v[j].value);
	}
	if (text.len)
		bd_grid_heading(g, text.s);
}

void bd_run_table(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	if (bd_run_is_check(doc)) {
		bd_check_table(doc, s, out);
		return;
	}
	if (bd_run_has_sides(doc)) {
		bd_sides_table(doc, s, out);
		return;
	}
	struct table t;
	table_init(&t, doc, s);
	bd_auto_str struct bd_str same = {0};
	constants(&t, &same);
	bd_run_header(doc, s, doc->cells_len, same.s, out);
	struct bd_grid *g = bd_grid_new(s);
	struct columns c = {0};
	make_columns(&t, g, &c);
	for (size_t from = 0, to; from < t.rows_len; from = to) {
		for (to = from + 1; to < t.rows_len && same_group(&t, &t.rows[from], &t.rows[to]);)
			to++;
		struct bd_scale scale = group_scale(&t, from, to);
		if (!t.case_column)
			add_heading(&t, g, from, to);
		for (size_t i = from; i < to; i++)
			add_row(&t, g, &c, &scale, t.rows[i].cell, i > from ? t.rows[i - 1].cell : NULL);
	}
	if (t.rows_len) {
		bd_str_puts(out, "\n");
		bd_grid_print(g, out);
	}
	bd_grid_free(&g);
	bd_str_puts(out, "\n");
	bd_run_notes(doc, s, out);
	table_done(&t);
}
