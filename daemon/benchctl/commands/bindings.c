/* benchctl bindings: how the boundary can be crossed here, and why some ways cannot. */
#include "bd_benchctl.h"

static const struct bd_option options[] = {
	{"python", 0, BD_OPT_TEXT, "ID", "with this interpreter (default: the default one)", false, 0, 0,
		BD_WORDS_VALUE},
};

struct columns {
	size_t name, functions, what;
};

static void reason(struct bd_grid *g, size_t column, const struct bd_reason *r)
{
	bool hint = r->hint && *r->hint;
	bd_grid_set(g, column, BD_YELLOW, "unsupported: %s%s%s%s", r->message, hint ? " (" : "", hint ? r->hint : "",
		hint ? ")" : "");
}

/* The first of a binding's rows says what it is; a variant says what is different about it. */
static void row(struct bd_grid *g, const struct columns *c, const struct bd_binding_info *b,
	const struct bd_variant_info *v, bool first)
{
	const struct bd_reason *r = v ? v->unsupported : b->unsupported;
	bd_grid_row(g);
	bd_grid_set(g, c->name, r ? BD_DIM : BD_BOLD, "%s%s%s", b->name, v ? ":" : "", v ? v->name : "");
	if (v && !r)
		bd_grid_set(g, c->functions, BD_PLAIN, "%zu", v->functions.n);
	if (r)
		reason(g, c->what, r);
	else if (first)
		bd_grid_set(g, c->what, BD_PLAIN, "%s", b->summary ? b->summary : "");
	else if (v && v->caller)
		bd_grid_set(g, c->what, BD_DIM, "called from %s only", bd_streq(v->caller, "c") ? "C" : v->caller);
}

static void table(const struct bd_ctl *ctl, const struct bd_catalogue *c, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(&ctl->out);
	struct columns at;
	at.name = bd_grid_column(g, (struct bd_grid_column){"binding", false, false, false, 0});
	at.functions = bd_grid_column(g, (struct bd_grid_column){"functions", true, false, false, 1});
	at.what = bd_grid_column(g, (struct bd_grid_column){"crosses with", false, false, true, 0});
	for (size_t i = 0; i < c->bindings_len; i++) {
		const struct bd_binding_info *b = &c->bindings[i];
		for (size_t v = 0; v < b->variant_info_len; v++)
			row(g, &at, b, &b->variant_info[v], v == 0);
		if (!b->variant_info_len)
			row(g, &at, b, NULL, true);
	}
	bd_grid_print(g, out);
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	return bd_ctl_catalogue(ctl, w, "/api/v1/bindings", table);
}

const struct bd_command bd_command_bindings = {
	.name = "bindings",
	.summary = "list the ways to cross the boundary, and why some cannot be measured here",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl bindings",
	.run = run,
};
