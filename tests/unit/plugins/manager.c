/* The plugin manager: what is replaced is gone, what cannot be loaded changes nothing, what stays is counted. */
#include "bd_plugin_manager.h"
#include "bd_test.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static struct bd_plugin_manager *manager;
static char folder[64];
static const char *replace_with; /* what work() loads, once */
static uint64_t seen_while_called;

static bool mapped(const void *address)
{
	bd_auto_free char *text = NULL;
	BD_CHECK_INT(bd_file_read("/proc/self/maps", 16 << 20, &text, NULL), 0);
	for (const char *line = text; line && *line;) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && (uintptr_t)address >= from && (uintptr_t)address < to)
			return true;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return false;
}

static bool file_mapped(void)
{
	bd_auto_free char *text = NULL;
	BD_CHECK_INT(bd_file_read("/proc/self/maps", 16 << 20, &text, NULL), 0);
	return strstr(text, folder) != NULL;
}

static int files_in_folder(void)
{
	int n = 0;
	DIR *d = opendir(folder);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return d ? n : -1;
}

static uint64_t work(uint64_t x, uint64_t y)
{
	if (replace_with) {
		const void *caller = __builtin_return_address(0);
		BD_CHECK_INT(bd_plugin_manager_load(manager, BD_TAKE_PTR(replace_with), NULL, NULL), 0);
		BD_CHECK(mapped(caller)); /* it returns into that code */
		seen_while_called = bd_plugin_manager_counts(manager).waiting;
	}
	return x + y;
}

static const struct bd_plugin_host host = {work};

static void start(enum bd_plugin_space space, const struct bd_plugin_place *place)
{
#ifdef BD_SANITIZED
	if (space == BD_PLUGIN_OWN)
		BD_SKIP("a sanitizer's run-time library works in one namespace only");
#endif
	struct bd_error err = {0};
	snprintf(folder, sizeof folder, "/tmp/bd-plugins-%d", (int)getpid());
	BD_CHECK_INT(bd_plugin_manager_new(folder, space, &host, place, &manager, &err), 0);
}

static void finish(void)
{
	bd_plugin_manager_free(&manager);
	BD_CHECK(manager == NULL);
	BD_CHECK_INT(files_in_folder(), -1);
}

static int load(const char *kind, struct bd_error *err)
{
	bd_auto_free char *path = bd_printf(PLUGINS "/%s.so", kind);
	return bd_plugin_manager_load(manager, path, NULL, err);
}

static const void *code(void)
{
	const struct bd_plugin *p = bd_plugin_manager_at(manager, 0);
	return p ? (const void *)(uintptr_t)p->call : NULL;
}

static void replaced_is_gone(enum bd_plugin_space space)
{
	start(space, NULL);
	for (unsigned i = 0; i < 40; i++) { /* more than there are namespaces */
		const void *before = code();
		const struct bd_plugin *old = bd_plugin_manager_at(manager, 0);
		BD_CHECK(!before || mapped(before));
		struct bd_error err = {0};
		if (space == BD_PLUGIN_OWN && i)
			BD_CHECK_INT(bd_plugin_manager_retire(manager, "reloaded", NULL), 0);
		if (load(i % 2 ? "second" : "first", &err) < 0)
			BD_FAIL("load %u: %s", i, err.message);
		BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 100), 100 + 1 + i % 2);
		BD_CHECK_INT(bd_plugin_manager_at(manager, 0)->version, 1 + i % 2);
		if (space ==
			BD_PLUGIN_SHARED) { /* both were there at a time; else the new one may be where the old was */
			BD_CHECK(code() != before);
			BD_CHECK(!before || !mapped(before));
			BD_CHECK(!old || !mapped(old));
		}
		BD_CHECK_INT(files_in_folder(), 1);
	}
	BD_CHECK_INT(bd_plugin_manager_retire(manager, "reloaded", NULL), 0);
	BD_CHECK(!file_mapped());
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 100), 100); /* nobody is there */
	BD_CHECK_INT(bd_plugin_manager_retire(manager, "reloaded", NULL), -ENOENT);
	struct bd_plugin_counts n = bd_plugin_manager_counts(manager);
	BD_CHECK_INT(n.loaded, 40);
	BD_CHECK_INT(n.retired, 40);
	BD_CHECK_INT(n.stays, 0);
	finish();
}

BD_TEST(a_replaced_version_is_gone)
{
	replaced_is_gone(BD_PLUGIN_SHARED);
}

BD_TEST(a_replaced_version_with_libraries_of_its_own_is_gone)
{
	replaced_is_gone(BD_PLUGIN_OWN);
}

BD_TEST(a_version_that_does_not_fit_leaves_the_old_one)
{
	start(BD_PLUGIN_OWN, NULL);
	struct bd_error err = {0};
	BD_CHECK_INT(load("first", NULL), 0);
	int r = 0;
	unsigned i = 0;
	for (; i < 1000 && r == 0; i++)
		r = load("first", &err);
	if (r == 0) { /* this libc gives everything back */
		BD_CHECK_INT(bd_plugin_manager_counts(manager).loaded, 1001);
	} else {
		BD_CHECK_INT(r, -ELIBBAD);
		BD_CHECK(strstr(err.message, "cannot be loaded"));
		BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 6);
		BD_CHECK_INT(bd_plugin_manager_retire(manager, "reloaded", NULL), 0);
		BD_CHECK_INT(load("second", NULL), 0);
		BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 7);
	}
	finish();
}

/* Negative control of the first one: this one asks the dynamic linker never to be unloaded. */
BD_TEST(code_that_stays_is_found)
{
	start(BD_PLUGIN_SHARED, NULL);
	BD_CHECK_INT(load("stays", NULL), 0);
	const void *before = code();
	BD_CHECK_INT(load("first", NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_counts(manager).stays, 1);
	BD_CHECK(mapped(before));
	BD_CHECK(file_mapped());
	BD_CHECK_INT(load("second", NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_counts(manager).stays, 1); /* not the one that went */
	finish();
}

BD_TEST(a_broken_version_leaves_the_old_one)
{
	static const struct {
		const char *kind;
		int code;
		const char *key, *says;
	} broken[] = {
		{"nowhere", -ENOENT, "no-such-input", "cannot read"},
		{"no_symbol", -ELIBBAD, "bad-plugin", "no symbol bd_plugin"},
		{"other_abi", -ELIBBAD, "plugin-abi", "speaks ABI 2, this host speaks 1"},
		{"short_table", -ELIBBAD, "bad-plugin", "not as its ABI says"},
		{"no_start", -EIO, "plugin-start", "returned 7"},
		{"no_code", -ELIBBAD, "bad-plugin", "cannot be loaded"},
	};
	start(BD_PLUGIN_SHARED, NULL);
	BD_CHECK_INT(load("first", NULL), 0);
	const void *before = code();
	for (size_t i = 0; i < BD_LEN(broken); i++) {
		struct bd_error err = {0};
		int r = load(broken[i].kind, &err);
		if (r != broken[i].code || !bd_streq(err.key, broken[i].key) || !strstr(err.message, broken[i].says))
			BD_FAIL("%s: %d %s: %s", broken[i].kind, r, err.key, err.message);
		BD_CHECK(code() == before);
		BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 6);
		BD_CHECK_INT(files_in_folder(), 1);
	}
	struct bd_error err = {0};
	BD_CHECK_INT(bd_plugin_manager_load(manager, "/dev/null", NULL, &err), -ELIBBAD);
	BD_CHECK_INT(bd_plugin_manager_load(manager, PLUGINS "/../../CMakeCache.txt", NULL, &err), -ELIBBAD);
	BD_CHECK_INT(bd_plugin_manager_counts(manager).refused, BD_LEN(broken) + 2);
	BD_CHECK_INT(load("second", NULL), 0); /* and nothing is in the way of one that works */
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 7);
	finish();
}

/* As a linker that is at work leaves it: the dynamic linker would map it, and die. */
BD_TEST(a_file_that_is_cut_short_leaves_the_old_one)
{
	start(BD_PLUGIN_SHARED, NULL);
	BD_CHECK_INT(load("first", NULL), 0);
	bd_auto_free char *path = bd_printf("%s-file.so", folder), *text = NULL;
	size_t len, tried = 0;
	BD_CHECK_INT(bd_file_read(PLUGINS "/second.so", 16 << 20, &text, &len), 0);
	for (size_t most = 0; most < len; most += 509, tried++) {
		struct bd_error err = {0};
		BD_CHECK_INT(bd_file_write(path, text, most, 0700), 0);
		int r = bd_plugin_manager_load(manager, path, NULL, &err);
		if (r != -ELIBBAD || (most > 64 && !strstr(err.message, "is cut short")))
			BD_FAIL("%zu bytes: %d %s: %s", most, r, err.key, err.message);
		BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 6);
		BD_CHECK_INT(files_in_folder(), 1);
	}
	BD_CHECK(tried > 10);
	BD_CHECK_INT(bd_file_write(path, text, len, 0700), 0);
	BD_CHECK_INT(bd_plugin_manager_load(manager, path, NULL, NULL), 0); /* all of it works */
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 7);
	unlink(path);
	finish();
}

BD_TEST(a_file_may_be_overwritten_while_it_runs)
{
	start(BD_PLUGIN_SHARED, NULL);
	bd_auto_free char *path = bd_printf("%s-file.so", folder), *text = NULL;
	size_t len;
	BD_CHECK_INT(bd_file_read(PLUGINS "/first.so", 16 << 20, &text, &len), 0);
	BD_CHECK_INT(bd_file_write(path, text, len, 0700), 0);
	BD_CHECK_INT(bd_plugin_manager_load(manager, path, NULL, NULL), 0);
	BD_CHECK_INT(truncate(path, 0), 0); /* in place: the same inode */
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 6);
	BD_CHECK_INT(bd_plugin_manager_load(manager, path, NULL, NULL), -ELIBBAD);
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 6);
	unlink(path);
	finish();
}

BD_TEST(a_plugin_may_replace_itself)
{
	start(BD_PLUGIN_SHARED, NULL);
	BD_CHECK_INT(load("first", NULL), 0);
	const void *before = code();
	replace_with = PLUGINS "/second.so";
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 10), 11); /* the first one still answers */
	BD_CHECK_INT(seen_while_called, 1);
	BD_CHECK_INT(bd_plugin_manager_counts(manager).waiting, 0);
	BD_CHECK(!mapped(before));
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 10), 12);
	replace_with = PLUGINS "/first.so";
	BD_CHECK_INT(bd_plugin_manager_call_all(manager, 10), 12);
	BD_CHECK_INT(bd_plugin_manager_call_all(manager, 10), 11);
	BD_CHECK_INT(bd_plugin_manager_counts(manager).stays, 0);
	finish();
}

/* What another one left under the names of the next copies is in nobody's way, and stays. */
BD_TEST(files_that_are_there_already_stay)
{
	start(BD_PLUGIN_SHARED, NULL);
	bd_auto_free char *one = bd_printf("%s/1-first.so", folder), *two = bd_printf("%s/2-first.so", folder);
	bd_auto_free char *text = NULL;
	BD_CHECK_INT(bd_file_write(one, "left", 4, 0600), 0);
	BD_CHECK_INT(bd_file_write(two, "left", 4, 0600), 0);
	BD_CHECK_INT(load("first", NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 5), 6);
	BD_CHECK_INT(files_in_folder(), 3);
	BD_CHECK_INT(bd_file_read(one, 64, &text, NULL), 0);
	BD_CHECK_STR(text, "left");
	BD_CHECK_INT(unlink(one), 0);
	BD_CHECK_INT(unlink(two), 0);
	finish();
}

BD_TEST(a_pipe_is_refused_and_not_waited_for)
{
	start(BD_PLUGIN_SHARED, NULL);
	bd_auto_free char *path = bd_printf("%s.pipe", folder);
	struct bd_error err = {0};
	BD_CHECK_INT(mkfifo(path, 0600), 0);
	BD_CHECK_INT(bd_plugin_manager_load(manager, path, NULL, &err), -ELIBBAD);
	BD_CHECK_STR(err.key, "bad-plugin");
	unlink(path);
	finish();
}

/* ---- plugins of the program ---------------------------------------------------------------------------------- */

static int running;

static int count_start(const struct bd_plugin_host *h, void **ret_state)
{
	(void)h, (void)ret_state;
	running++;
	return 0;
}

static void count_stop(void *state)
{
	(void)state;
	running--;
}

static uint64_t twice(void *state, uint64_t x)
{
	(void)state;
	return 2 * x;
}

static uint64_t next(void *state, uint64_t x)
{
	(void)state;
	return x + 1;
}

#define OWN(n, f)                                                                                                   \
	{                                                                                                           \
		.abi = BD_PLUGIN_ABI, .size = sizeof(struct bd_plugin), .name = n, .start = count_start, .call = f, \
		.stop = count_stop                                                                                  \
	}

BD_TEST(all_are_called_in_order)
{
	static const struct bd_plugin a = OWN("a", twice), b = OWN("b", next), c = OWN("c", twice),
				      again = OWN("a", next);
	const struct bd_plugin broken = {.abi = BD_PLUGIN_ABI, .size = sizeof broken, .name = "d"};
	start(BD_PLUGIN_SHARED, NULL);
	size_t index = 9;
	BD_CHECK_INT(bd_plugin_manager_add(manager, &a, &index, NULL), 0);
	BD_CHECK_INT(index, 0);
	BD_CHECK_INT(bd_plugin_manager_add(manager, &b, &index, NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_add(manager, &c, &index, NULL), 0);
	BD_CHECK_INT(index, 2);
	BD_CHECK_INT(bd_plugin_manager_add(manager, &broken, &index, NULL), -ELIBBAD);
	BD_CHECK_INT(bd_plugin_manager_call_all(manager, 3), (3 * 2 + 1) * 2);
	BD_CHECK_INT(bd_plugin_manager_find(manager, "b", &index), 0);
	BD_CHECK_INT(bd_plugin_manager_call(manager, index, 3), 4);
	BD_CHECK_INT(running, 3);
	BD_CHECK_INT(bd_plugin_manager_retire(manager, "b", NULL), 0);
	BD_CHECK_INT(running, 2);
	BD_CHECK_INT(bd_plugin_manager_call_all(manager, 3), 3 * 2 * 2);
	BD_CHECK_INT(bd_plugin_manager_add(manager, &again, &index, NULL), 0);
	BD_CHECK_INT(index, 0);
	BD_CHECK_INT(bd_plugin_manager_call_all(manager, 3), (3 + 1) * 2);
	BD_CHECK_INT(bd_plugin_manager_find(manager, "z", &index), -ENOENT);
	BD_CHECK_INT(bd_plugin_manager_call(manager, 99, 3), 3);
	finish();
	BD_CHECK_INT(running, 0);
}

static struct bd_plugin_manager *manager_in_stop; /* `manager` is NULL by then */
static uint64_t seen_in_stop;
static int stops;

/* A plugin that says goodbye through its host, by its own name and index. */
static void talking_stop(void *state)
{
	size_t index;
	(void)state;
	stops++;
	BD_CHECK_INT(bd_plugin_manager_find(manager_in_stop, "talks", &index), 0);
	seen_in_stop = bd_plugin_manager_call(manager_in_stop, index, 3);
	BD_CHECK_INT(bd_plugin_manager_retire(manager_in_stop, "talks", NULL), -ENOENT);
	seen_in_stop += bd_plugin_manager_call_all(manager_in_stop, 100);
}

BD_TEST(a_plugin_that_is_stopped_is_called_no_more)
{
	static const struct bd_plugin before = OWN("before", next), after = OWN("after", next);
	static struct bd_plugin talks = OWN("talks", twice);
	talks.stop = talking_stop;
	start(BD_PLUGIN_SHARED, NULL);
	manager_in_stop = manager;
	BD_CHECK_INT(bd_plugin_manager_add(manager, &before, NULL, NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_add(manager, &talks, NULL, NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_add(manager, &after, NULL, NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_retire(manager, "talks", NULL), 0);
	BD_CHECK_INT(stops, 1);
	BD_CHECK_INT(seen_in_stop, 3 + 102); /* itself is no more, the others are */
	BD_CHECK_INT(bd_plugin_manager_add(manager, &talks, NULL, NULL), 0);
	finish();
	BD_CHECK_INT(stops, 2);
	BD_CHECK_INT(seen_in_stop, 3 + 101); /* the one before it went first */
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static int places, inside;
static bool no_more;

static int make(void *arg, void **ret_place, struct bd_error *err)
{
	if (no_more)
		return bd_error_set(err, -EAGAIN, "no-place", "", "no more");
	places++;
	*ret_place = arg;
	return 0;
}

static void enter(void *place)
{
	BD_CHECK(place == &places);
	inside++;
}

static void leave(void *place)
{
	(void)place;
	inside--;
}

static void end(void *place)
{
	(void)place;
	BD_CHECK_INT(inside, 0);
	places--;
}

static uint64_t in_place(void *state, uint64_t x)
{
	(void)state;
	return x + (uint64_t)inside;
}

BD_TEST(what_runs_in_a_place_is_called_there)
{
	static const struct bd_plugin_place place = {make, enter, leave, end, &places};
	static const struct bd_plugin a = OWN("a", in_place);
	start(BD_PLUGIN_SHARED, &place);
	BD_CHECK_INT(bd_plugin_manager_add(manager, &a, NULL, NULL), 0);
	BD_CHECK_INT(bd_plugin_manager_call(manager, 0, 10), 11);
	BD_CHECK_INT(load("first", NULL), 0);
	BD_CHECK_INT(places, 2);
	struct bd_error err = {0};
	BD_CHECK_INT(load("no_start", &err), -EIO);
	BD_CHECK_INT(places, 2);
	no_more = true;
	BD_CHECK_INT(load("second", &err), -EAGAIN);
	BD_CHECK_STR(err.key, "no-place");
	BD_CHECK_INT(bd_plugin_manager_call(manager, 1, 10), 11);
	BD_CHECK_INT(inside, 0);
	finish();
	BD_CHECK_INT(places, 0);
}

BD_TEST_MAIN
