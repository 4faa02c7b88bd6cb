/* Text as people read it: widths, wrapping, figures with their units. */
#include "bd_benchctl.h"

#include <stdio.h>
#include <wchar.h>

static const char DASH[] = "–";

/* Length of one UTF-8 character at s and its code point; an invalid byte is itself. */
static size_t decode(const char *s, wchar_t *ret)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = p[0] < 0x80                ? 1
		: p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		: (p[0] & 0xf0) == 0xe0       ? 3
		: p[0] >= 0xf0 && p[0] < 0xf5 ? 4
					      : 0;
	uint32_t c = n == 1 ? p[0] : n ? p[0] & (0xffU >> (n + 1)) : 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			n = 0;
			break;
		}
		c = c << 6 | (p[i] & 0x3fU);
	}
	*ret = (wchar_t)(n ? c : 0xfffd);
	return n ? n : 1;
}

static size_t columns(wchar_t c)
{
	int w = c < 0x80 ? 1 : wcwidth(c);
	/* the C locale knows no width above ASCII; what we print ourselves is narrow */
	return w < 0 ? 1 : (size_t)w;
}

size_t bd_text_width(const char *s)
{
	size_t width = 0;
	wchar_t c;
	while (*s) {
		s += decode(s, &c);
		width += columns(c);
	}
	return width;
}

/* Marks that reorder what follows: a line would read as another one. */
static bool turns_text(wchar_t c)
{
	return c == 0x200e || c == 0x200f || c == 0x61c || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

char *bd_text_for(const struct bd_screen *s, const char *text)
{
	static const struct {
		wchar_t c;
		const char *ascii;
	} plain[] = {{0xb5, "u"}, {0xb1, "+-"}, {0xd7, "x"}, {0xf7, "/"}, {0xb7, "-"}, {0x2013, "-"}, {0x2014, "-"},
		{0x2190, "<-"}, {0x2192, "->"}, {0x2264, "<="}, {0x2265, ">="}, {0x2026, "..."}, {0x2713, "ok"},
		{0x2717, "!!"}, {0x2588, "#"}, {0x2591, "."}, {0x2018, "'"}, {0x2019, "'"}, {0x201c, "\""},
		{0x201d, "\""}, {0x3a3, "sum of"}};
	struct bd_str out = {0};
	wchar_t c;
	while (*text) {
		size_t n = decode(text, &c);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || turns_text(c)) {
			bd_str_puts(&out,
				c == '\t' || c == '\n' ? " " : "?"); /* text of others must not drive the terminal */
		} else if (c < 0x80 || (s->utf8 && c != 0xfffd)) {
			bd_str_append(&out, text, n);
		} else {
			const char *ascii = "?";
			for (size_t i = 0; i < BD_LEN(plain); i++)
				if (plain[i].c == c)
					ascii = plain[i].ascii;
			bd_str_puts(&out, ascii);
		}
		text += n;
	}
	return bd_str_take(&out);
}

void bd_text_wrap(struct bd_str *out, const char *text, size_t width, size_t indent, size_t start)
{
	size_t at = start;
	bool first = true;
	while (*text) {
		size_t skip = strspn(text, " \n"), len = strcspn(text + skip, " \n");
		if (!len)
			return;
		bd_auto_free char *word = bd_strndup(text + skip, len);
		size_t w = bd_text_width(word);
		if (!first && at + 1 + w > width) {
			bd_str_printf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			bd_str_puts(out, " ");
			at++;
		}
		bd_str_puts(out, word);
		at += w;
		first = false;
		text += skip + len;
	}
}

char *bd_text_cut(const char *s, size_t width, bool utf8)
{
	if (bd_text_width(s) <= width)
		return bd_strdup(s);
	const char *mark = utf8 ? "…" : "~";
	struct bd_str out = {0};
	size_t used = 0;
	wchar_t c;
	while (*s) {
		size_t n = decode(s, &c);
		if (used + columns(c) + 1 > width)
			break;
		used += columns(c);
		bd_str_append(&out, s, n);
		s += n;
	}
	if (width)
		bd_str_puts(&out, mark);
	return bd_str_take(&out);
}

/* Three significant digits for 1 ≤ x < 1000, without an exponent. */
static char *three(double x)
{
	return x < 9.995 ? bd_printf("%.2f", x) : x < 99.95 ? bd_printf("%.1f", x) : bd_printf("%.0f", x);
}

char *bd_text_count(double x)
{
	static const char *const prefixes[] = {"", " k", " M", " G", " T"};
	if (!isfinite(x))
		return bd_strdup(DASH);
	size_t i = 0;
	while (fabs(x) >= 999.5 && i + 1 < BD_LEN(prefixes)) {
		x /= 1000;
		i++;
	}
	bd_auto_free char *digits = three(x);
	return bd_printf("%s%s", digits, prefixes[i]);
}

char *bd_text_seconds(double s)
{
	if (!isfinite(s))
		return bd_strdup(DASH);
	if (s < 99.95)
		return bd_printf("%.1f s", s);
	if (s > 1e15)
		return bd_printf("%.3g s", s);
	long long whole = (long long)(s + 0.5);
	if (whole < 3600)
		return bd_printf("%lld min %lld s", whole / 60, whole % 60);
	return bd_printf("%lld h %lld min", whole / 3600, whole % 3600 / 60);
}

char *bd_text_percent(double part)
{
	if (!isfinite(part))
		return bd_strdup(DASH);
	double p = part * 100;
	return fabs(p) < 9.95 ? bd_printf("%.1f %%", p) : bd_printf("%.0f %%", p);
}

char *bd_text_ratio(double r)
{
	if (!isfinite(r))
		return bd_strdup(DASH);
	return r < 9.9995 ? bd_printf("%.3f×", r) : r < 99.95 ? bd_printf("%.1f×", r) : bd_printf("%.0f×", r);
}

char *bd_text_half_width(double median, double lo, double hi)
{
	if (!isfinite(lo) || !isfinite(hi) || !(fabs(median) > 0))
		return bd_strdup(DASH);
	bd_auto_free char *p = bd_text_percent(fmax(hi - median, median - lo) / fabs(median));
	return bd_printf("±%s", p);
}

char *bd_text_map(const struct bd_map *m)
{
	struct bd_str out = {0};
	for (size_t i = 0; i < m->n; i++)
		bd_str_printf(&out, "%s%s=%s", i ? " " : "", m->v[i].key, m->v[i].value);
	return bd_str_take(&out);
}

struct bd_scale bd_scale_for(double smallest_ns, double largest_ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	size_t i = 0;
	while (i + 1 < BD_LEN(units) && smallest_ns >= 0.9 * units[i + 1].ns) /* 0.997 ms beside 1.472 ms */
		i++;
	/* a set that spans much more than the unit reads better in the unit of its large ones */
	while (i + 1 < BD_LEN(units) && largest_ns >= 1e5 * units[i].ns)
		i++;
	double x = smallest_ns / units[i].ns;
	/* four digits of the smallest: intervals of a few per mille are printed beside them */
	return (struct bd_scale){units[i].unit, units[i].ns, x < 9.9995 ? 3 : x < 99.995 ? 2 : x < 999.95 ? 1 : 0};
}

char *bd_scale_text(const struct bd_scale *s, double ns)
{
	return isfinite(ns) ? bd_printf("%.*f %s", s->decimals, ns / s->ns, s->unit) : bd_strdup(DASH);
}
