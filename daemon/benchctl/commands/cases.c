/* benchctl cases: what crosses the boundary, with the parameters of each. */
#include "bd_benchctl.h"

static const struct bd_option options[] = {
	{"python", 0, BD_OPT_TEXT, "ID", "as this interpreter offers them (default: the default one)", false, 0, 0,
		BD_WORDS_VALUE},
};

static void join(const struct bd_strv *words, struct bd_str *ret)
{
	for (size_t i = 0; i < words->n; i++)
		bd_str_printf(ret, "%s%s", i ? ", " : "", words->v[i]);
}

static void table(const struct bd_ctl *ctl, const struct bd_catalogue *c, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(&ctl->out);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"case", false, false, false, 0});
	size_t params = bd_grid_column(g,
		(struct bd_grid_column){"parameters, the default first", false, false, false, 1});
	size_t needs = bd_grid_column(g, (struct bd_grid_column){"needs", false, false, false, 3});
	size_t with = bd_grid_column(g, (struct bd_grid_column){"bindings", true, false, false, 2});
	size_t summary = bd_grid_column(g, (struct bd_grid_column){"what it measures", false, false, true, 0});
	for (size_t i = 0; i < c->cases_len; i++) {
		const struct bd_case_info *k = &c->cases[i];
		bd_auto_str struct bd_str text = {0};
		for (size_t j = 0; j < k->params_len; j++) {
			bd_str_printf(&text, "%s%s=", j ? "  " : "", k->params[j].name);
			for (size_t v = 0; v < k->params[j].values.n; v++)
				bd_str_printf(&text, "%s%s", v ? "," : "", k->params[j].values.v[v]);
		}
		bd_grid_row(g);
		bd_grid_set(g, name, BD_BOLD, "%s", k->name);
		if (text.len)
			bd_grid_set(g, params, BD_PLAIN, "%s", text.s);
		if (!k->plain) {
			bd_auto_str struct bd_str names = {0};
			join(&k->needs, &names);
			if (names.len)
				bd_grid_set(g, needs, BD_PLAIN, "%s", names.s);
			bd_grid_set(g, with, k->bindings.n ? BD_PLAIN : BD_YELLOW, "%zu", k->bindings.n);
		}
		bd_grid_set(g, summary, BD_PLAIN, "%s", k->summary ? k->summary : "");
	}
	bd_grid_print(g, out);
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	return bd_ctl_catalogue(ctl, w, "/api/v1/cases", table);
}

const struct bd_command bd_command_cases = {
	.name = "cases",
	.summary = "list the cases that can be measured, with their parameters",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl cases",
	.run = run,
};
