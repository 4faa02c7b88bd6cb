/* What requests may name: files only their owner can have written, under ids that lead nowhere else. */
#include "engine_internal.h"

#include "bd_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define ID "01M81E1284PN3A7V019N04125V"

static const char good[] =
	"{\"schema\":\"benchd.registered.v1\",\"kind\":\"python\",\"path\":\"/srv/bench.py\",\"name\":\"bench.py\","
	"\"cwd\":\"/srv\",\"env\":{\"K\":\"V\"},\"manifest\":[{\"path\":\"/srv/m.so\",\"build_id\":\"ab\"}]}";

struct folder {
	char data[40];
	char *file;
};

static void begin(struct folder *f)
{
	*f = (struct folder){.data = "/tmp/bd-registered-XXXXXX"};
	BD_CHECK(mkdtemp(f->data));
	bd_auto_free char *folder = bd_printf("%s/registered", f->data);
	BD_CHECK_INT(mkdir(folder, 0700), 0);
	f->file = bd_printf("%s/" ID ".json", folder);
}

static void end(struct folder *f)
{
	bd_auto_free char *rm = bd_printf("rm -rf '%s'", f->data);
	BD_CHECK_INT(system(rm), 0);
	free(f->file);
}

static void put(const struct folder *f, const char *text)
{
	BD_CHECK_INT(bd_file_write(f->file, text, strlen(text), 0600), 0);
}

static void refused(const struct folder *f, const char *id, const char *key, const char *part)
{
	struct bd_registered g;
	struct bd_error err;
	if (registered_load(f->data, id, &g, &err) == 0)
		BD_FAIL("was taken, though: %s", part);
	BD_CHECK_STR(err.key, key);
	if (!strstr(err.message, part))
		BD_FAIL("\"%s\" does not say \"%s\"", err.message, part);
}

BD_TEST(a_file_of_ours_is_read_whole)
{
	struct folder f;
	begin(&f);
	put(&f, good);
	struct bd_registered g;
	struct bd_error err;
	BD_CHECK_INT(registered_load(f.data, ID, &g, &err), 0);
	BD_CHECK_STR(g.kind, "python");
	BD_CHECK_STR(g.path, "/srv/bench.py");
	BD_CHECK_STR(bd_map_get(&g.env, "K"), "V");
	BD_CHECK_INT(cJSON_GetArraySize(g.manifest), 1);
	BD_CHECK(registered_is_target(&g));
	bd_doc_done(&bd_registered_doc, &g);
	put(&f, "{\"schema\":\"benchd.registered.v1\",\"kind\":\"folder\",\"path\":\"/srv\",\"name\":\"srv\"}");
	BD_CHECK_INT(registered_load(f.data, ID, &g, &err), 0);
	BD_CHECK(!registered_is_target(&g));
	bd_doc_done(&bd_registered_doc, &g);
	put(&f, "{\"schema\":\"benchd.registered.v1\",\"kind\":\"command\",\"argv\":[\"/bin/true\"],\"name\":\"true\"}");
	BD_CHECK_INT(registered_load(f.data, ID, &g, &err), 0);
	BD_CHECK(!g.path && !g.manifest && g.argv.n == 1);
	bd_doc_done(&bd_registered_doc, &g);
	put(&f, "{\"schema\":\"benchd.registered.v1\",\"kind\":\"module\",\"argv\":[\"/usr/bin/python3\"],\"name\":\"zlib\"}");
	BD_CHECK_INT(registered_load(f.data, ID, &g, &err), 0);
	BD_CHECK(!registered_is_target(&g) && !g.path && !g.calls); /* it is checked, never measured */
	bd_doc_done(&bd_registered_doc, &g);
	end(&f);
}

BD_TEST(an_id_leads_nowhere_else)
{
	struct folder f;
	begin(&f);
	bd_auto_free char *outside = bd_printf("%s/outside.json", f.data);
	BD_CHECK_INT(bd_file_write(outside, good, strlen(good), 0600), 0);
	refused(&f, ID, "not-found", ID);
	refused(&f, "../outside", "not-found", "nothing is registered");
	refused(&f, "", "not-found", "nothing is registered");
	refused(&f, "01M81E1284PN3A7V019N04125/", "not-found", "nothing is registered");
	refused(&f, ID "0", "not-found", "nothing is registered");
	BD_CHECK_INT(symlink(outside, f.file), 0);
	refused(&f, ID, "bad-registered", "symbolic link");
	end(&f);
}

BD_TEST(a_file_others_can_read_or_wrote_is_refused)
{
	struct folder f;
	begin(&f);
	BD_CHECK_INT(bd_file_write(f.file, good, strlen(good), 0640), 0);
	refused(&f, ID, "bad-registered", "open to others");
	BD_CHECK_INT(bd_file_write(f.file, good, strlen(good), 0602), 0);
	refused(&f, ID, "bad-registered", "open to others");
	if (geteuid() == 0) {
		BD_CHECK_INT(bd_file_write(f.file, good, strlen(good), 0600), 0);
		BD_CHECK_INT(chown(f.file, 65534, 65534), 0);
		refused(&f, ID, "bad-registered", "belongs to somebody else");
	}
	BD_CHECK_INT(unlink(f.file), 0);
	BD_CHECK_INT(mkfifo(f.file, 0600), 0);
	refused(&f, ID, "bad-registered", "is no file"); /* and nobody waits for its other end */
	end(&f);
}

BD_TEST(what_it_says_is_checked)
{
	static const char *const wrong[][2] = {
		{"", "is not JSON"},
		{"[]", "is wrong"},
		{"{\"schema\":\"benchd.registered.v2\",\"kind\":\"python\",\"path\":\"/x\",\"name\":\"x\"}",
			"is wrong"},
		{"{\"path\":\"/x\",\"name\":\"x\"}", "is wrong"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"pyhton\",\"path\":\"/x\",\"name\":\"x\"}",
			"unknown kind"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"python\",\"path\":\"x\",\"name\":\"x\"}",
			"absolute path"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"python\",\"name\":\"x\"}", "absolute path"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"command\",\"argv\":[],\"name\":\"x\"}",
			"absolute path"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"command\",\"argv\":[\"true\"],\"name\":\"x\"}",
			"absolute path"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"module\",\"name\":\"x\"}", "one interpreter"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"module\",\"argv\":[\"python3\"],\"name\":\"x\"}",
			"one interpreter"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"module\",\"argv\":[\"/p\",\"-c\"],\"name\":\"x\"}",
			"one interpreter"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"module\",\"path\":\"x.so\",\"argv\":[\"/p\"],\"name\":\"x\"}",
			"absolute path"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"module\",\"calls\":\"x.py\",\"argv\":[\"/p\"],\"name\":\"x\"}",
			"file of calls"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"folder\",\"path\":\"/x\"}", "no name"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"folder\",\"path\":\"/x\",\"name\":\"x\",\"cwd\":\".\"}",
			"working folder"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"folder\",\"path\":\"/x\",\"name\":\"x\",\"exec\":1}",
			"exec"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"folder\",\"path\":\"/x\",\"name\":\"x\",\"manifest\":{}}",
			"no list"},
		{"{\"schema\":\"benchd.registered.v1\",\"kind\":\"folder\",\"path\":\"/x\",\"name\":\"x\",\"manifest\":[{\"path\":"
		 "\"/x/a.so\"}]}",
			"without path or build_id"},
	};
	struct folder f;
	begin(&f);
	for (size_t i = 0; i < BD_LEN(wrong); i++) {
		put(&f, wrong[i][0]);
		refused(&f, ID, "bad-registered", wrong[i][1]);
	}
	end(&f);
}

BD_TEST(files_older_than_30_days_go_and_nothing_else)
{
	struct folder f;
	begin(&f);
	put(&f, good);
	bd_auto_free char *old = bd_printf("%s/registered/01M81E1284PN3A7V019N04125W.json", f.data);
	bd_auto_free char *outside = bd_printf("%s/old", f.data);
	const struct timespec long_ago[2] = {{.tv_sec = time(NULL) - 31LL * 24 * 3600},
		{.tv_sec = time(NULL) - 31LL * 24 * 3600}};
	const struct timespec lately[2] = {{.tv_sec = time(NULL) - 29LL * 24 * 3600},
		{.tv_sec = time(NULL) - 29LL * 24 * 3600}};
	BD_CHECK_INT(bd_file_write(old, good, strlen(good), 0600), 0);
	BD_CHECK_INT(bd_file_write(outside, good, strlen(good), 0600), 0);
	BD_CHECK_INT(utimensat(AT_FDCWD, old, long_ago, 0), 0);
	BD_CHECK_INT(utimensat(AT_FDCWD, outside, long_ago, 0), 0);
	BD_CHECK_INT(utimensat(AT_FDCWD, f.file, lately, 0), 0);
	registered_sweep(f.data);
	BD_CHECK(access(old, F_OK) < 0);
	BD_CHECK_INT(access(outside, F_OK), 0);
	BD_CHECK_INT(access(f.file, F_OK), 0);
	registered_sweep("/nowhere"); /* is nothing to be swept */
	end(&f);
}

BD_TEST_MAIN
