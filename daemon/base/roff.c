/* Manual pages: text in roff with the man macros. */
#include "bd_base.h"

/* The next character of UTF-8 text; *len is how many bytes it has. Something else is taken byte by byte. */
static unsigned decode(const char *s, size_t *len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 1;
	unsigned c = n == 1 ? *p : *p & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			*len = 1;
			return *p;
		}
		c = c << 6 | (p[i] & 0x3fU);
	}
	*len = n;
	return c;
}

/* Text that no macro is seen in. Hyphens that belong to options are minus signs, which can be copied and searched for; in
 * literal text all are. */
static void put(struct bd_str *out, const char *text, bool literal)
{
	char before = ' ';
	bool line_start = !out->len || out->s[out->len - 1] == '\n';
	for (const char *p = text; *p;) {
		size_t len;
		unsigned c = decode(p, &len);
		if (line_start && (c == '.' || c == '\''))
			bd_str_puts(out, "\\&");
		if (c == '\\')
			bd_str_puts(out, "\\e");
		else if (c == '-' && (literal || strchr(" -([|,", before)))
			bd_str_puts(out, "\\-");
		else if (c == '~')
			bd_str_puts(out, "\\(ti");
		else if (c == '^')
			bd_str_puts(out, "\\(ha");
		else if (c == '`')
			bd_str_puts(out, "\\(ga");
		else if (c == '\'')
			bd_str_puts(out, "\\(aq");
		else if (c > 0x7e)
			bd_str_printf(out, "\\[u%04X]", c);
		else
			bd_str_append(out, p, 1);
		before = len == 1 ? *p : 'x';
		line_start = c == '\n';
		p += len;
	}
}

/* Whether a title is the last thing in it: a macro that parts things has nothing to part there. */
static bool after_title(const struct bd_str *out)
{
	size_t at = out->len;
	while (at > 1 && out->s[at - 2] != '\n')
		at--;
	return at > 0 && (bd_starts_with(out->s + at - 1, ".SH") || bd_starts_with(out->s + at - 1, ".SS"));
}

static void paragraph(struct bd_str *out)
{
	if (!after_title(out))
		bd_str_puts(out, ".PP\n");
}

void bd_man_begin(struct bd_str *out, const char *name, int section, const char *version, const char *about)
{
	bd_auto_free char *title = bd_strdup(name);
	for (char *p = title; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	/* no date: the same sources give the same page. No hyphenation: words are to be found and copied */
	bd_str_puts(out, ".TH ");
	put(out, title, true);
	bd_str_printf(out, " %d \"\" \"benchd %s\" \"benchd manual\"\n.nh\n.ad l\n", section, version);
	bd_man_section(out, "NAME");
	put(out, name, true);
	bd_str_puts(out, " \\- ");
	put(out, about, false);
	bd_str_puts(out, "\n");
}

void bd_man_section(struct bd_str *out, const char *title)
{
	bd_str_puts(out, ".SH ");
	put(out, title, false);
	bd_str_puts(out, "\n");
}

void bd_man_part(struct bd_str *out, const char *title)
{
	bd_str_puts(out, ".SS ");
	put(out, title, true);
	bd_str_puts(out, "\n");
}

void bd_man_synopsis(struct bd_str *out, const char *command, const char *rest)
{
	bd_str_puts(out, after_title(out) ? ".B " : ".br\n.B ");
	put(out, command, true);
	bd_str_puts(out, "\n");
	if (rest && *rest) {
		put(out, rest, true);
		bd_str_puts(out, "\n");
	}
}

void bd_man_text(struct bd_str *out, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		bd_auto_free char *one = bd_strndup(text, end ? (size_t)(end - text) : strlen(text));
		paragraph(out);
		put(out, one, false);
		bd_str_puts(out, "\n");
		text = end ? end + 2 : "";
	}
}

void bd_man_item(struct bd_str *out, const char *name, const char *argument, const char *text)
{
	bd_str_puts(out, ".TP\n\\fB");
	put(out, name, true);
	bd_str_puts(out, "\\fR");
	if (argument) {
		bd_str_puts(out, " \\fI");
		put(out, argument, true);
		bd_str_puts(out, "\\fR");
	}
	bd_str_puts(out, "\n");
	put(out, text, false);
	bd_str_puts(out, "\n");
}

void bd_man_example(struct bd_str *out, const char *line)
{
	paragraph(out);
	bd_str_puts(out, ".RS 4\n.EX\n");
	put(out, line, true);
	bd_str_puts(out, "\n.EE\n.RE\n");
}

void bd_man_see(struct bd_str *out, const char *name, int section, bool last)
{
	bd_str_puts(out, ".BR ");
	put(out, name, true);
	bd_str_printf(out, " (%d)%s\n", section, last ? "" : ",");
}
