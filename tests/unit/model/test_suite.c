#include "bd_model.h"
#include "bd_test.h"

static char dir[] = "/tmp/bd-suite-XXXXXX";

static void put(const char *name, const char *text)
{
	bd_auto_free char *path = bd_printf("%s/%s.json", dir, name);
	BD_CHECK_INT(bd_file_write(path, text, strlen(text), 0600), 0);
}

static void done(void)
{
	bd_auto_strv struct bd_strv names = {0};
	bd_suite_names(dir, &names);
	for (size_t i = 0; i < names.n; i++) {
		bd_auto_free char *path = bd_printf("%s/%s.json", dir, names.v[i]);
		unlink(path);
	}
	rmdir(dir);
}

BD_TEST(loads_and_refuses)
{
	BD_CHECK(mkdtemp(dir));
	put("good-one",
		"{\"summary\":\"s\",\"cases\":[\"c\"],\"axes\":{\"threads\":[1,2]},\"defaults\":{\"launches\":6}}");
	put("bad-one", "{\n \"summary\": \"s\",\n \"cases\": [\"c\"],\n \"axis\": {}\n}");
	put("worse", "{\n \"summary\": \"s\",\n \"cases\": [\n  7]\n}");
	put("broken", "{\n \"summary\" \"s\"}");
	struct bd_suite s;
	struct bd_error err = {0};
	bd_doc_init(&bd_suite_doc, &s);
	BD_CHECK_INT(bd_suite_load(dir, "good-one", &s, &err), 0);
	BD_CHECK_STR(s.name, "good-one");
	BD_CHECK_INT(s.defaults.launches, 6);
	BD_CHECK(isnan(s.defaults.budget_s));
	bd_doc_done(&bd_suite_doc, &s);

	BD_CHECK(bd_suite_load(dir, "good-on", &s, &err) < 0);
	BD_CHECK_STR(err.key, "unknown-target");
	BD_CHECK_STR(err.hint, "did you mean 'good-one'?");
	BD_CHECK(bd_suite_load(dir, "../good-one", &s, &err) < 0);
	BD_CHECK_STR(err.key, "unknown-target");
	char longer[400]; /* than a file's name may be */
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	BD_CHECK(bd_suite_load(dir, longer, &s, &err) < 0);
	BD_CHECK_STR(err.key, "unknown-target");

	BD_CHECK(bd_suite_load(dir, "bad-one", &s, &err) < 0);
	BD_CHECK_STR(err.key, "bad-suite");
	BD_CHECK(strstr(err.message, "bad-one.json:4: unknown field axis"));
	BD_CHECK_STR(err.hint, "did you mean 'axes'?");
	BD_CHECK(bd_suite_load(dir, "worse", &s, &err) < 0);
	BD_CHECK(strstr(err.message, "worse.json:4: cases[0] must be a string"));
	BD_CHECK(bd_suite_load(dir, "broken", &s, &err) < 0);
	BD_CHECK(strstr(err.message, "line 2"));
	done();
}

BD_TEST_MAIN
