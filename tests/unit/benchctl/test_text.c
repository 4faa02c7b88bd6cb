/* Figures, widths and grids as people read them. */
#include "bd_benchctl.h"
#include "bd_test.h"

#include <locale.h>

#define CHECK_TEXT(call, want)                     \
	do {                                       \
		bd_auto_free char *text_ = (call); \
		BD_CHECK_STR(text_, want);         \
	} while (0)

BD_TEST(counts_have_three_digits_and_a_prefix)
{
	CHECK_TEXT(bd_text_count(0), "0.00");
	CHECK_TEXT(bd_text_count(9.994), "9.99");
	CHECK_TEXT(bd_text_count(9.996), "10.0");
	CHECK_TEXT(bd_text_count(99.96), "100");
	CHECK_TEXT(bd_text_count(999.4), "999");
	CHECK_TEXT(bd_text_count(999.6), "1.00 k");
	CHECK_TEXT(bd_text_count(192000), "192 k");
	CHECK_TEXT(bd_text_count(1.21e6), "1.21 M");
	CHECK_TEXT(bd_text_count(3e9), "3.00 G");
	CHECK_TEXT(bd_text_count(NAN), "–");
}

BD_TEST(seconds)
{
	CHECK_TEXT(bd_text_seconds(0.04), "0.0 s");
	CHECK_TEXT(bd_text_seconds(41.23), "41.2 s");
	CHECK_TEXT(bd_text_seconds(99.96), "1 min 40 s");
	CHECK_TEXT(bd_text_seconds(125), "2 min 5 s");
	CHECK_TEXT(bd_text_seconds(12000), "3 h 20 min");
	CHECK_TEXT(bd_text_seconds(INFINITY), "–");
}

BD_TEST(percent_and_ratio)
{
	CHECK_TEXT(bd_text_percent(0.4966), "50 %");
	CHECK_TEXT(bd_text_percent(0.0214), "2.1 %");
	CHECK_TEXT(bd_text_percent(0.0996), "10 %");
	CHECK_TEXT(bd_text_percent(-0.02), "-2.0 %");
	CHECK_TEXT(bd_text_ratio(1.0117), "1.012×");
	CHECK_TEXT(bd_text_ratio(9.99951), "10.0×");
	CHECK_TEXT(bd_text_ratio(123.4), "123×");
	CHECK_TEXT(bd_text_half_width(100, 99, 104), "±4.0 %");
	CHECK_TEXT(bd_text_half_width(100, 90, 104), "±10 %");
	CHECK_TEXT(bd_text_half_width(100, NAN, NAN), "–");
	CHECK_TEXT(bd_text_half_width(0, 0, 0), "–");
}

BD_TEST(one_scale_fits_a_set)
{
	struct bd_scale s = bd_scale_for(1050, 400e3);
	CHECK_TEXT(bd_scale_text(&s, 1050), "1.050 µs");
	CHECK_TEXT(bd_scale_text(&s, 400e3), "400.000 µs");
	s = bd_scale_for(11.9, 12.4);
	CHECK_TEXT(bd_scale_text(&s, 11.94), "11.94 ns");
	s = bd_scale_for(999.99, 2000); /* would be printed as 1000.0 ns */
	CHECK_TEXT(bd_scale_text(&s, 999.99), "1.000 µs");
	s = bd_scale_for(12, 5e9); /* 5000000000 ns is unreadable */
	BD_CHECK_STR(s.unit, "ms");
	s = bd_scale_for(0.4, 0.4);
	CHECK_TEXT(bd_scale_text(&s, 0.4), "0.400 ns");
	CHECK_TEXT(bd_scale_text(&s, NAN), "–");
}

BD_TEST(width_counts_columns_not_bytes)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	BD_CHECK_INT(bd_text_width("µs ±1"), 5);
	BD_CHECK_INT(bd_text_width("日本"), 4);
	BD_CHECK_INT(bd_text_width("e\xcc\x81"), 1); /* combining accent */
	BD_CHECK_INT(bd_text_width("\xff\xfe"), 2);  /* no UTF-8 at all */
	BD_CHECK_INT(bd_text_width("\xe2\x82"), 2);  /* cut short */
}

BD_TEST(text_is_made_harmless_and_fits_the_charset)
{
	struct bd_screen utf8 = {.utf8 = true, .width = 80}, ascii = {.width = 80};
	CHECK_TEXT(bd_text_for(&utf8, "a\x1b[2Jb\tc"), "a?[2Jb c");
	CHECK_TEXT(bd_text_for(&utf8, "a\u202egnp.exe \u2067b"), "a?gnp.exe ?b");
	CHECK_TEXT(bd_text_for(&utf8,
			   "\xc2\x9b"
			   "31m"),
		"?31m"); /* the one-character CSI */
	CHECK_TEXT(bd_text_for(&utf8, "x\xffy"), "x?y");
	CHECK_TEXT(bd_text_for(&utf8, "10 µs"), "10 µs");
	CHECK_TEXT(bd_text_for(&ascii, "10 µs ±1 % ≥ 2× ← é"), "10 us +-1 % >= 2x <- ?");
}

BD_TEST(cutting_and_wrapping)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	CHECK_TEXT(bd_text_cut("contention", 10, true), "contention");
	CHECK_TEXT(bd_text_cut("contention", 5, true), "cont…");
	CHECK_TEXT(bd_text_cut("contention", 5, false), "cont~");
	CHECK_TEXT(bd_text_cut("日本語", 4, true), "日…");
	CHECK_TEXT(bd_text_cut("x", 0, true), "");
	bd_auto_str struct bd_str s = {0};
	bd_text_wrap(&s, "one two  three averyveryverylongword x", 10, 2, 0);
	BD_CHECK_STR(s.s, "one two\n  three\n  averyveryverylongword\n  x");
}

static void grid(size_t width, struct bd_str *out)
{
	struct bd_screen s = {.utf8 = true, .width = width};
	bd_auto_grid struct bd_grid *g = bd_grid_new(&s);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"name", false, false, false, 0});
	size_t a = bd_grid_column(g, (struct bd_grid_column){"a", true, false, false, 1});
	size_t b = bd_grid_column(g, (struct bd_grid_column){"b", true, true, false, 2});
	bd_grid_column(g, (struct bd_grid_column){"never set", true, false, false, 0});
	size_t text = bd_grid_column(g, (struct bd_grid_column){"text", false, false, true, 0});
	bd_grid_row(g);
	bd_grid_set(g, name, BD_PLAIN, "first");
	bd_grid_set(g, a, BD_PLAIN, "%d", 12);
	bd_grid_set(g, b, BD_PLAIN, "±%d", 3);
	bd_grid_set(g, text, BD_PLAIN, "some words that are long");
	bd_grid_heading(g, "heading");
	bd_grid_row(g);
	bd_grid_set(g, name, BD_PLAIN, "2");
	bd_grid_span(g, a, BD_PLAIN, "failed, and why");
	bd_grid_print(g, out);
}

BD_TEST(grids_fit)
{
	bd_auto_str struct bd_str wide = {0}, narrow = {0};
	grid(80, &wide);
	BD_CHECK_STR(wide.s,
		"name    a  b  text\n"
		"first  12 ±3  some words that are long\n"
		"\nheading\n"
		"2      failed, and why\n");
	grid(30, &narrow); /* b goes, the text is wrapped */
	BD_CHECK_STR(narrow.s,
		"name   text\n"
		"first  some words that are\n"
		"       long\n"
		"\nheading\n"
		"2      failed, and why\n");
}

BD_TEST_MAIN
