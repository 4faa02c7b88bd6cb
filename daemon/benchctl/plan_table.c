/* What --dry-run prints: the cells, the unsupported ones with reasons, the expected time. */
#include "bd_benchctl.h"

void bd_plan_table(const struct bd_plan_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	bd_auto_free const struct bd_axes **axes = bd_alloc(doc->cells_len * sizeof(const struct bd_axes *));
	size_t unsupported = 0, failed = 0;
	for (size_t i = 0; i < doc->cells_len; i++) {
		axes[i] = &doc->cells[i].axes;
		unsupported += bd_streq(doc->cells[i].status, "unsupported");
		failed += bd_streq(doc->cells[i].status, "failed");
	}
	size_t cells = doc->cells_len - unsupported - failed;
	bd_auto_strv struct bd_strv varying = {0};
	bd_axes_varying(axes, doc->cells_len, &varying);

	bd_auto_free char *time = bd_text_seconds(doc->expected_s);
	bd_put(out, s, BD_BOLD, doc->suite ? doc->suite : "plan");
	bd_auto_str struct bd_str rest = {0};
	bd_str_printf(&rest, "would measure %zu cell%s", cells, cells == 1 ? "" : "s");
	if (unsupported)
		bd_str_printf(&rest, " (%zu unsupported)", unsupported);
	if (failed)
		bd_str_printf(&rest, " (%zu failed)", failed);
	if (doc->launches > 0 && doc->rounds > 0)
		bd_str_printf(&rest, " in %lld launch%s × %lld round%s", (long long)doc->launches,
			doc->launches == 1 ? "" : "es", (long long)doc->rounds, doc->rounds == 1 ? "" : "s");
	bd_str_printf(&rest, ", about %s", time);
	bd_str_puts(out, "  ");
	bd_put_wrapped(out, s, rest.s, 2, 2 + bd_text_width(doc->suite ? doc->suite : "plan"));
	bd_str_puts(out, "\n\n");

	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"case", false, false, false, 0});
	for (size_t k = 0; k < varying.n; k++)
		bd_grid_column(g,
			(struct bd_grid_column){varying.v[k], bd_streq(varying.v[k], "threads"), false, false, 0});
	size_t batch = bd_grid_column(g, (struct bd_grid_column){"batch", true, false, false, 1});
	size_t why = bd_grid_column(g, (struct bd_grid_column){"", false, false, true, 0});
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_plan_cell *c = &doc->cells[i];
		bool bad = bd_streq(c->status, "failed"), no = bad || bd_streq(c->status, "unsupported");
		enum bd_style style = no ? BD_DIM : BD_PLAIN;
		bd_grid_row(g);
		bd_grid_set(g, name, style, "%s", c->case_name);
		for (size_t k = 0; k < varying.n; k++) {
			const char *value = bd_axes_get(&c->axes, varying.v[k]);
			if (value)
				bd_grid_set(g, name + 1 + k, style, "%s", value);
		}
		if (no)
			bd_grid_set(g, why, bad ? BD_RED : BD_YELLOW, "%s: %s", c->status,
				c->reason && c->reason->message ? c->reason->message : "no reason given");
		else if (isfinite(c->batch_s)) {
			struct bd_scale scale = bd_scale_for(c->batch_s * 1e9, c->batch_s * 1e9);
			bd_auto_free char *text = bd_scale_text(&scale, c->batch_s * 1e9);
			bd_grid_set(g, batch, style, "%s", text);
		}
	}
	bd_grid_print(g, out);
}
