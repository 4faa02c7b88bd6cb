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

char *bd_axes_label(const char *case_name, const struct bd_axes *axes, const struct bd_strv *names)
{
	struct bd_str out = {0};
	for (size_t k = 0; k < names->n; k++) {
		const char *value = bd_axes_get(axes, names->v[k]);
		if (value)
			bd_str_printf(&out, "%s%s=%s", out.len ? " " : "", names->v[k], value);
	}
	if (!out.len)
		bd_str_puts(&out, case_name ? case_name : "cell");
	return bd_str_take(&out);
}
