/* Who waited for whom: a matrix for each GIL, the largest rows and columns, and the rest summed. */
#include "trace.h"

#define MOST 12   /* rows, and columns where they fit */
#define COLUMN 10 /* width that a holder takes at most, with its gap */
#define NAME_MOST 16

struct party { /* one that waits, or that is waited for */
	int64_t pid, tid, ns;
};
struct matrix {
	const struct trace_document *d;
	int64_t pid, interpreter;
	struct party *waiters, *holders;                /* the largest first */
	size_t waiters_len, holders_len, rows, columns; /* shown */
	int64_t whole;
};

static void add(struct party **v, size_t *n, int64_t pid, int64_t tid, int64_t ns)
{
	for (size_t i = 0; i < *n; i++)
		if ((*v)[i].tid == tid && (*v)[i].pid == pid) {
			(*v)[i].ns += ns;
			return;
		}
	*BD_PUSH(*v, *n) = (struct party){pid, tid, ns};
}

/* The largest first; whoever is unknown last. */
static int by_size(const void *a, const void *b)
{
	const struct party *x = a, *y = b;
	if ((x->tid <= 0) != (y->tid <= 0))
		return x->tid <= 0 ? 1 : -1;
	return x->ns > y->ns ? -1 : x->ns < y->ns ? 1 : x->tid < y->tid ? -1 : 1;
}

static bool same_process(int64_t a, int64_t b)
{
	return a == b || a == BD_NULL_INT || b == BD_NULL_INT;
}

static bool belongs(const struct matrix *m, const struct trace_blocker *b)
{
	return trace_known(b->interpreter) == m->interpreter && same_process(b->pid, m->pid);
}

static void collect(struct matrix *m)
{
	for (size_t i = 0; i < m->d->blockers_len; i++) {
		const struct trace_blocker *b = &m->d->blockers[i];
		if (!belongs(m, b) || trace_known(b->ns) <= 0)
			continue;
		add(&m->waiters, &m->waiters_len, b->pid, trace_known(b->waiter), b->ns);
		add(&m->holders, &m->holders_len, b->pid, trace_known(b->holder), b->ns);
		m->whole += b->ns;
	}
	if (m->waiters_len)
		qsort(m->waiters, m->waiters_len, sizeof *m->waiters, by_size);
	if (m->holders_len)
		qsort(m->holders, m->holders_len, sizeof *m->holders, by_size);
}

static size_t index_of(const struct party *v, size_t n, size_t most, int64_t pid, int64_t tid)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].tid == tid && v[i].pid == pid)
			return BD_MIN(i, most);
	return most;
}

/* Nanoseconds of each shown waiter (and the others) for each shown holder (and the others). */
static int64_t *fill(const struct matrix *m)
{
	size_t width = m->columns + 1;
	int64_t *ns = bd_alloc((m->rows + 1) * width * sizeof *ns);
	for (size_t i = 0; i < m->d->blockers_len; i++) {
		const struct trace_blocker *b = &m->d->blockers[i];
		if (!belongs(m, b) || trace_known(b->ns) <= 0)
			continue;
		size_t w = index_of(m->waiters, m->waiters_len, m->rows, b->pid, trace_known(b->waiter));
		size_t h = index_of(m->holders, m->holders_len, m->columns, b->pid, trace_known(b->holder));
		ns[w * width + h] += b->ns;
	}
	return ns;
}

static void set_time(struct bd_grid *g, size_t column, enum bd_style style, int64_t ns)
{
	bd_auto_free char *text = ns ? trace_time(ns) : bd_strdup("·");
	bd_grid_set(g, column, ns ? style : BD_DIM, "%s", text);
}

static char *party_name(const struct matrix *m, const struct party *p, size_t width, bool utf8)
{
	bd_auto_free char *name = trace_thread_name(m->d, p->pid, p->tid);
	if (p->tid > 0 && bd_text_width(name) > width) /* of many that are called the same, the tid says which */
		return bd_printf("%lld", (long long)p->tid);
	return bd_text_cut(name, width, utf8);
}

static void print(const struct matrix *m, const struct bd_screen *s, struct bd_str *out)
{
	bool others = m->columns < m->holders_len;
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	bd_auto_free int64_t *ns = fill(m);
	bd_auto_free size_t *columns = bd_alloc((m->columns + 1) * sizeof *columns);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"waiter \\ holder", false, false, false, 0});
	for (size_t h = 0; h < m->columns; h++) {
		bd_auto_free char *title = party_name(m, &m->holders[h], COLUMN, s->utf8);
		columns[h] = bd_grid_column(g, (struct bd_grid_column){title, true, false, false, 0});
	}
	columns[m->columns] = bd_grid_column(g, (struct bd_grid_column){"others", true, false, false, 0});
	size_t all = bd_grid_column(g, (struct bd_grid_column){"all", true, false, false, 0});
	for (size_t w = 0; w <= m->rows; w++) {
		if (w == m->rows && m->rows == m->waiters_len)
			break;
		bd_grid_row(g);
		if (w < m->rows) {
			bd_auto_free char *text = party_name(m, &m->waiters[w], NAME_MOST, s->utf8);
			bd_grid_set(g, name, BD_BOLD, "%s", text);
		} else {
			bd_grid_set(g, name, BD_DIM, "%zu others", m->waiters_len - m->rows);
		}
		int64_t sum = 0;
		for (size_t h = 0; h <= m->columns; h++) {
			int64_t value = ns[w * (m->columns + 1) + h];
			sum += value;
			if (h < m->columns || others)
				set_time(g, columns[h], (double)value > 0.2 * (double)m->whole ? BD_YELLOW : BD_PLAIN,
					value);
		}
		set_time(g, all, BD_DIM, sum);
	}
	bd_grid_print(g, out);
}

static void one(const struct trace_document *d, int64_t pid, int64_t interpreter, const struct bd_screen *s,
	struct bd_str *out)
{
	struct matrix m = {.d = d, .pid = pid, .interpreter = interpreter};
	collect(&m);
	if (m.whole) {
		size_t room = s->width > NAME_MOST + 2 * COLUMN ? s->width - NAME_MOST - 2 * COLUMN : 0;
		m.rows = m.waiters_len <= MOST + 1 || s->verbose ? m.waiters_len : MOST;
		m.columns = BD_MAX(BD_MIN(room / (COLUMN + 2), (size_t)MOST), (size_t)1);
		m.columns = BD_MIN(m.columns, m.holders_len);
		bd_str_puts(out, "\n");
		bd_put(out, s, BD_BOLD, "who waited for whom");
		if (d->gils_len > 1) {
			bd_auto_free char *name = trace_gil_name(d, pid, interpreter);
			bd_putf(out, s, BD_BOLD, ", %s", name);
		}
		bd_str_puts(out, "\n");
		print(&m, s, out);
	}
	free(m.waiters);
	free(m.holders);
}

void trace_matrix(const struct trace_document *d, const struct bd_screen *s, struct bd_str *out)
{
	for (size_t i = 0; i < d->gils_len; i++)
		one(d, d->gils[i].pid, trace_known(d->gils[i].interpreter), s, out);
}
