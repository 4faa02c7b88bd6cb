/* Which axes are worth a column, and how one cell is named by them. */
#include "bd_benchctl.h"

void bd_axes_varying(const struct bd_axes *const *axes, size_t n, struct bd_strv *ret)
{
	bd_auto_strv struct bd_strv names = {0};
	for (size_t k = 0; k < bd_axis_kinds_len; k++)
		bd_strv_add(&names, bd_axis_kinds[k].name);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < axes[i]->n; j++)
			if (!bd_strv_has(&names, axes[i]->v[j].key))
				bd_strv_add(&names, axes[i]->v[j].key);
	for (size_t k = 0; k < names.n; k++) {
		const char *seen = NULL;
		for (size_t i = 0; i < n; i++) {
			const char *value = bd_axes_get(axes[i], names.v[k]);
			if (value && seen && !bd_streq(value, seen)) {
				bd_strv_add(ret, names.v[k]);
				break;
			}
			seen = value ? value : seen;
		}
	}
}

bool bd_axis_worth_naming(const char *axis, const char *value)
{
	if (bd_streq(axis, "allocator") || bd_streq(axis, "objalloc")) /* what people ask first */
		return true;
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		if (bd_streq(bd_axis_kinds[i].name, axis))
			return !bd_streq(value, bd_axis_kinds[i].fallback);
	return true;
}

char *bd_cell_label(const struct bd_run_document *doc, const struct bd_cell_result *cell)
{
	bd_auto_free const struct bd_axes **axes = bd_alloc(doc->cells_len * sizeof(const struct bd_axes *));
	const char *main_case = doc->run.suite;
	size_t n = 0;
	bool named = false;
	for (size_t i = 0; i < doc->cells_len; i++) {
		named = named || bd_streq(doc->cells[i].case_name, main_case);
		if (bd_streq(doc->cells[i].case_name, cell->case_name))
			axes[n++] = &doc->cells[i].axes;
	}
	bd_auto_strv struct bd_strv varying = {0};
	bd_axes_varying(axes, n, &varying);
	struct bd_str out = {0};
	if (!varying.n || !bd_streq(cell->case_name, named ? main_case : doc->cells[0].case_name))
		bd_str_puts(&out, cell->case_name);
	for (size_t k = 0; k < varying.n; k++) {
		const char *value = bd_axes_get(&cell->axes, varying.v[k]);
		if (value)
			bd_str_printf(&out, "%s%s=%s", out.len ? " " : "", varying.v[k], value);
	}
	return bd_str_take(&out);
}
