#include "bd_base.h"
#include "bd_test.h"

BD_TEST(text_is_never_taken_for_macros)
{
	bd_auto_str struct bd_str out = {0};
	bd_man_text(&out, ".TH of\n'others' \\fB ~^` a\\n\n\nsecond");
	BD_CHECK_STR(out.s, ".PP\n\\&.TH of\n\\&\\(aqothers\\(aq \\efB \\(ti\\(ha\\(ga a\\en\n.PP\nsecond\n");
}

BD_TEST(hyphens_of_options_are_minus_signs)
{
	bd_auto_str struct bd_str out = {0};
	bd_man_text(&out, "self-contained, --json, -v (--help) [-q|-x]");
	BD_CHECK_STR(out.s, ".PP\nself-contained, \\-\\-json, \\-v (\\-\\-help) [\\-q|\\-x]\n");
	bd_str_clear(&out);
	bd_man_example(&out, "benchctl run gil-contention");
	BD_CHECK_STR(out.s, ".PP\n.RS 4\n.EX\nbenchctl run gil\\-contention\n.EE\n.RE\n");
}

BD_TEST(other_characters_are_named)
{
	bd_auto_str struct bd_str out = {0};
	bd_man_item(&out, "--u", "V", "1 µs … \xf0\x9f\x90\x8d \xff");
	BD_CHECK_STR(out.s, ".TP\n\\fB\\-\\-u\\fR \\fIV\\fR\n1 \\[u00B5]s \\[u2026] \\[u1F40D] \\[u00FF]\n");
}

BD_TEST(nothing_is_parted_from_its_title)
{
	bd_auto_str struct bd_str out = {0};
	bd_man_begin(&out, "a-b", 8, "1.2", "about");
	BD_CHECK_STR(out.s,
		".TH A\\-B 8 \"\" \"benchd 1.2\" \"benchd manual\"\n.nh\n.ad l\n.SH NAME\na\\-b \\- about\n");
	bd_str_clear(&out);
	bd_man_section(&out, "SYNOPSIS");
	bd_man_synopsis(&out, "a b", "[x]");
	bd_man_synopsis(&out, "a c", NULL);
	bd_man_part(&out, "more");
	bd_man_text(&out, "text");
	bd_man_see(&out, "c", 1, false);
	bd_man_see(&out, "d", 8, true);
	BD_CHECK_STR(out.s, ".SH SYNOPSIS\n.B a b\n[x]\n.br\n.B a c\n.SS more\ntext\n.BR c (1),\n.BR d (8)\n");
}

BD_TEST_MAIN
