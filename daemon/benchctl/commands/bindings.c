/* benchctl bindings: how the boundary can be crossed here, and why some ways cannot. */
#include "bd_benchctl.h"

static const struct bd_option options[] = {
	{"python", 0, BD_OPT_TEXT, "ID", "with this interpreter (default: the default one)", false, 0, 0,
		BD_WORDS_VALUE},
};

static void table(const struct bd_ctl *ctl, const struct bd_catalogue *c, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(&ctl->out);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"binding", false, false, false, 0});
	size_t variants = bd_grid_column(g, (struct bd_grid_column){"variants", false, false, false, 1});
	size_t what = bd_grid_column(g, (struct bd_grid_column){"crosses with", false, false, true, 0});
	for (size_t i = 0; i < c->bindings_len; i++) {
		const struct bd_binding_info *b = &c->bindings[i];
		bd_auto_str struct bd_str text = {0};
		for (size_t v = 0; v < b->variants.n; v++)
			bd_str_printf(&text, "%s%s", v ? ", " : "", b->variants.v[v]);
		bd_grid_row(g);
		bd_grid_set(g, name, b->unsupported ? BD_DIM : BD_BOLD, "%s", b->name);
		bd_grid_set(g, variants, BD_PLAIN, "%s", text.s ? text.s : "");
		if (b->unsupported)
			bd_grid_set(g, what, BD_YELLOW, "unsupported: %s%s%s%s", b->unsupported->message,
				b->unsupported->hint ? " (" : "", b->unsupported->hint ? b->unsupported->hint : "",
				b->unsupported->hint ? ")" : "");
		else
			bd_grid_set(g, what, BD_PLAIN, "%s", b->summary ? b->summary : "");
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
