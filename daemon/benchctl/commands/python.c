/* benchctl python list|add|remove: the interpreters that can be measured here, and workers for more of them. */
#include "../pythons.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_TIMEOUT_NS 900000000000LL

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
	return s ? s : "";
}

static bool is_true(const cJSON *o, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static int get_pythons(const struct bd_ctl *ctl, cJSON **ret, struct bd_error *err)
{
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_json cJSON *json = NULL;
	int r = bd_ctl_connect(ctl, NULL, &c, err);
	if (r == 0)
		r = bd_client_call(c, "GET", "/api/v1/pythons", NULL, &json, err);
	cJSON *list = r == 0 ? cJSON_DetachItemFromObjectCaseSensitive(json, "pythons") : NULL;
	if (bd_streq(err->key, "worker-missing") && r < 0) { /* there are none yet: that is an answer */
		list = cJSON_CreateArray();
		r = 0;
	}
	if (r == 0)
		*ret = list ? list : cJSON_CreateArray();
	return r;
}

/* ---- list ---------------------------------------------------------------------------------------------------------- */

static void add_row(cJSON *rows, const char *status, const char *message, const char *hint, cJSON *row)
{
	cJSON_AddStringToObject(row, "status", status);
	if (message) {
		cJSON *reason = cJSON_AddObjectToObject(row, "reason");
		cJSON_AddStringToObject(reason, "message", message);
		if (hint && *hint)
			cJSON_AddStringToObject(reason, "hint", hint);
		else
			cJSON_AddNullToObject(reason, "hint");
	} else {
		cJSON_AddNullToObject(row, "reason");
	}
	cJSON_AddItemToArray(rows, row);
}

static void copy_field(const cJSON *from, const char *name, cJSON *to)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, name);
	cJSON_AddItemToObject(to, name, v ? cJSON_Duplicate(v, true) : cJSON_CreateNull());
}

static void known_row(const cJSON *python, cJSON *rows)
{
	static const char *const names[] = {"id", "version", "host", "executable", "free_threaded", "debug", "default",
		"added"};
	const cJSON *reason = cJSON_GetObjectItemCaseSensitive(python, "reason");
	cJSON *row = cJSON_CreateObject();
	for (size_t i = 0; i < BD_LEN(names); i++)
		copy_field(python, names[i], row);
	if (cJSON_IsObject(reason))
		add_row(rows, "unusable", text_of(reason, "message"), text_of(reason, "hint"), row);
	else
		add_row(rows, "ok", NULL, NULL, row);
}

static bool is_known(const cJSON *pythons, const char *real)
{
	const cJSON *p;
	cJSON_ArrayForEach(p, pythons) {
		bd_auto_free char *own = realpath(text_of(p, "executable"), NULL);
		if (own && bd_streq(own, real))
			return true;
	}
	return false;
}

/* One that was found on this machine and has no worker. */
static void found_row(const char *sources, const char *path, cJSON *rows)
{
	static const char *const names[] = {"version", "free_threaded", "debug"};
	struct bd_error err = {0};
	bd_auto_json cJSON *said = NULL;
	bool fits = python_ask(sources, path, &said, &err) == 0 && python_fits(said, &err) == 0;
	cJSON *row = cJSON_CreateObject();
	cJSON_AddNullToObject(row, "id");
	cJSON_AddNullToObject(row, "host");
	cJSON_AddStringToObject(row, "executable", path);
	for (size_t i = 0; i < BD_LEN(names); i++)
		copy_field(said, names[i], row);
	cJSON_AddFalseToObject(row, "default");
	cJSON_AddFalseToObject(row, "added");
	bd_auto_free char *add = bd_printf("benchctl python add %s", path);
	if (fits)
		add_row(rows, "not built", "no worker was built for it", add, row);
	else
		add_row(rows, "unusable", err.message, err.hint, row);
}

static int add_found(const cJSON *pythons, cJSON *rows, struct bd_error *err)
{
	bd_auto_free char *sources = NULL;
	bd_auto_strv struct bd_strv candidates = {0}, seen = {0};
	int r = python_sources(&sources, err);
	if (r == 0)
		r = python_candidates(sources, &candidates, err);
	for (size_t i = 0; r == 0 && i < candidates.n; i++) {
		bd_auto_free char *real = realpath(candidates.v[i], NULL);
		if (!real || bd_strv_has(&seen, real) || is_known(pythons, real))
			continue;
		bd_strv_add(&seen, real);
		found_row(sources, candidates.v[i], rows);
	}
	return r;
}

static void list_table(const struct bd_ctl *ctl, const cJSON *rows, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(&ctl->out);
	size_t id = bd_grid_column(g, (struct bd_grid_column){"python", false, false, false, 0});
	size_t host = bd_grid_column(g, (struct bd_grid_column){"host", false, false, false, 3});
	size_t path = bd_grid_column(g, (struct bd_grid_column){"executable", false, false, false, 0});
	size_t status = bd_grid_column(g, (struct bd_grid_column){"status", false, false, true, 0});
	const cJSON *row;
	cJSON_ArrayForEach(row, rows) {
		const cJSON *reason = cJSON_GetObjectItemCaseSensitive(row, "reason");
		const char *word = text_of(row, "status"), *hint = text_of(reason, "hint");
		bool ok = bd_streq(word, "ok");
		bd_grid_row(g);
		bd_grid_set(g, id, ok ? BD_BOLD : BD_PLAIN, "%s",
			*text_of(row, "id") ? text_of(row, "id") : text_of(row, "version"));
		bd_grid_set(g, host, BD_PLAIN, "%s", text_of(row, "host"));
		bd_grid_set(g, path, BD_PLAIN, "%s", text_of(row, "executable"));
		if (ok)
			bd_grid_set(g, status, BD_PLAIN, "ok%s%s%s%s", is_true(row, "default") ? ", default" : "",
				is_true(row, "added") ? ", added" : "",
				is_true(row, "free_threaded") ? ", free-threaded" : "",
				is_true(row, "debug") ? ", debug" : "");
		else
			bd_grid_set(g, status, BD_YELLOW, "%s: %s%s%s%s", word, text_of(reason, "message"),
				*hint ? " (" : "", hint, *hint ? ")" : "");
	}
	bd_grid_print(g, out);
}

static int list(struct bd_ctl *ctl, const struct bd_words *w)
{
	(void)w;
	struct bd_error err = {0};
	bd_auto_json cJSON *pythons = NULL, *json = cJSON_CreateObject();
	cJSON *rows = cJSON_AddArrayToObject(json, "pythons");
	if (get_pythons(ctl, &pythons, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	const cJSON *p;
	cJSON_ArrayForEach(p, pythons)
		known_row(p, rows);
	if (!ctl->server && add_found(pythons, rows, &err) < 0) /* another machine's files are not ours to look for */
		bd_ctl_note(ctl, "others were not looked for: %s", err.message);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	bd_auto_str struct bd_str out = {0};
	list_table(ctl, rows, &out);
	return bd_ctl_answer(ctl, out.s ? out.s : "");
}

/* ---- add --------------------------------------------------------------------------------------------------------------- */

static int refuse_server(const struct bd_ctl *ctl)
{
	struct bd_error err;
	bd_error_set(&err, -EINVAL, "usage", "run it on that machine", "python add and remove do not work on --server");
	return bd_ctl_fail(ctl, &err);
}

/* Where added interpreters are kept, with the lock that whoever changes them holds. */
struct place {
	char *folder;
	int lock;
};

static void place_done(struct place *p)
{
	free(p->folder);
	bd_closep(&p->lock);
}

static int place_open(struct place *ret, struct bd_error *err)
{
	bd_auto_free char *data = bd_client_data_dir();
	ret->folder = bd_printf("%s/interpreters", data);
	bd_auto_free char *file = bd_printf("%s/.lock", ret->folder);
	int r = bd_mkdirs(ret->folder, 0700);
	if (r == 0 && (ret->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		r = -errno;
	if (r < 0)
		return bd_error_set(err, r, "data-unusable", NULL, "%s: %s", ret->folder, strerror(-r));
	if (flock(ret->lock, LOCK_EX | LOCK_NB) < 0)
		return bd_error_set(err, -EBUSY, "daemon-busy", "wait for it to end",
			"another benchctl adds or removes an interpreter");
	return 0;
}

/* The id without the host, which both hosts of an interpreter have in common. */
static char *base_of(const char *id)
{
	return bd_strndup(id, strcspn(id, "+"));
}

struct builder {
	const struct bd_ctl *ctl;
	struct bd_error *err;
	struct place *place;
	char *sources, *executable, *folder; /* folder: where it is built */
	bool there;                          /* nothing needed to be done */
	struct bd_strv taken, ids;
};

static void builder_done(struct builder *b)
{
	if (b->folder)
		python_remove_tree(b->folder);
	free(b->sources);
	free(b->executable);
	free(b->folder);
	bd_strv_done(&b->taken);
	bd_strv_done(&b->ids);
}

/* What the user typed as an absolute path: a file, a name in PATH, or a folder that has a bin/python3. */
static int find_executable(struct builder *b, const char *word)
{
	struct stat st;
	bd_auto_free char *found = NULL;
	if (stat(word, &st) == 0 && S_ISDIR(st.st_mode))
		found = bd_printf("%s/bin/python3", word);
	else
		found = python_which(word);
	if (!found || access(found, X_OK) < 0)
		return bd_error_set(b->err, -ENOENT, "no-such-input", "benchctl python list shows what was found here",
			"there is no program %s", word);
	if (*found == '/') {
		b->executable = BD_TAKE_PTR(found);
		return 0;
	}
	bd_auto_free char *here = getcwd(NULL, 0);
	b->executable = bd_printf("%s/%s", here ? here : "", found);
	return 0;
}

static int check_tools(struct builder *b)
{
	static const char *const names[] = {"cmake", "cc", "pkg-config"};
	for (size_t i = 0; i < BD_LEN(names); i++) {
		bd_auto_free char *path = python_which(names[i]);
		if (!path)
			return bd_error_set(b->err, -ENOENT, "worker-missing",
				"apt-get install cmake gcc make pkg-config libcjson-dev",
				"a worker cannot be built without %s", names[i]);
	}
	return 0;
}

/* Whether this benchd has a worker for it that was not added (1, with its ids); fills taken and base. */
static int look_at_known(struct builder *b, const cJSON *said)
{
	bd_auto_json cJSON *pythons = NULL;
	int r = get_pythons(b->ctl, &pythons, b->err);
	if (r < 0)
		return r;
	const char *real = text_of(said, "realpath");
	const cJSON *p;
	cJSON_ArrayForEach(p, pythons) {
		bd_auto_free char *base = base_of(text_of(p, "id")), *own = realpath(text_of(p, "executable"), NULL);
		bool same = own && bd_streq(own, real);
		if (same && !is_true(p, "added"))
			bd_strv_add(&b->ids, text_of(p, "id"));
		else if (!same && !bd_strv_has(&b->taken, base))
			bd_strv_add(&b->taken, base);
	}
	return b->ids.n > 0;
}

/* Keeps what the tools said where it can be read later. */
static char *keep_log(const struct builder *b, const struct bd_str *said)
{
	char *path = bd_printf("%s/last-failure.log", b->place->folder);
	bd_file_write(path, said->s ? said->s : "", said->len, 0600);
	return path;
}

/* "-- off: python PATH: reason" → the reason, which begins where this ends; NULL when there is none. */
static char *reason_in(const char *said)
{
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, said, '\n');
	for (size_t i = 0; i < lines.n; i++) {
		const char *at = bd_starts_with(lines.v[i], "-- off: python ") ? strstr(lines.v[i], ": ") : NULL;
		at = at ? strstr(at + 2, ": ") : NULL;
		if (at && !strstr(lines.v[i], ", embedded: "))
			return bd_strdup(at + 2);
	}
	return NULL;
}

static char *first_error(const char *said)
{
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, said, '\n');
	for (size_t i = 0; i < lines.n; i++)
		if (strstr(lines.v[i], "error: ") || strstr(lines.v[i], "No package '") ||
			bd_starts_with(lines.v[i], "CMake Error:"))
			return bd_strdup(lines.v[i]);
	for (size_t i = 0; i + 1 < lines.n; i++)
		if (bd_starts_with(lines.v[i], "CMake Error"))
			return bd_strdup(lines.v[i + 1] + strspn(lines.v[i + 1], " "));
	return bd_strdup("its words are in the log");
}

static int tool(struct builder *b, const struct bd_strv *argv, const char *what, struct bd_str *said)
{
	int status = 0;
	int r = python_program(argv, true, BUILD_TIMEOUT_NS, said, &status, b->err);
	if (r < 0 || status == 0)
		return r;
	bd_auto_free char *log = keep_log(b, said), *reason = reason_in(said->s), *error = first_error(said->s);
	bd_auto_free char *hint = strstr(said->s, "No package 'libcjson'") ? bd_strdup("apt-get install libcjson-dev")
									   : bd_printf("all of it is in %s", log);
	return bd_error_set(b->err, -EIO, "worker-missing", hint, "%s: %.300s", what, reason ? reason : error);
}

/* "-- python 3.14.0 3.14.0+exe: PATH" → the ids. */
static int take_ids(struct builder *b, const struct bd_str *said)
{
	static const char mark[] = "-- python ";
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, said->s, '\n');
	for (size_t i = 0; i < lines.n && !b->ids.n; i++) {
		const char *colon = bd_starts_with(lines.v[i], mark) ? strstr(lines.v[i], ": /") : NULL;
		if (!colon)
			continue;
		bd_auto_free char *words = bd_strndup(lines.v[i] + strlen(mark),
			(size_t)(colon - lines.v[i]) - strlen(mark));
		bd_strv_split(&b->ids, words, ' ');
	}
	if (b->ids.n)
		return 0;
	bd_auto_free char *reason = reason_in(said->s), *log = keep_log(b, said);
	bd_auto_free char *hint = bd_printf("all of it is in %s", log);
	return bd_error_set(b->err, -ENOTSUP, "worker-missing", reason ? "" : hint, "no worker can be built for %s: %s",
		b->executable, reason ? reason : "configure does not say why");
}

static int configure(struct builder *b)
{
	bd_auto_free char *kernels = bd_program_file("lib/benchd/libbdkernels.so", NULL),
			  *ninja = python_which("ninja");
	if (!kernels)
		return bd_error_set(b->err, -ENOENT, "worker-missing", "install benchd again",
			"lib/benchd/libbdkernels.so is missing");
	bd_auto_free char *template = bd_printf("%s/.build-XXXXXX", b->place->folder);
	if (!mkdtemp(template))
		return bd_error_set(b->err, -errno, "data-unusable", NULL, "%s: %s", template, strerror(errno));
	b->folder = BD_TAKE_PTR(template);
	bd_auto_str struct bd_str taken = {0}, said = {0};
	for (size_t i = 0; i < b->taken.n; i++)
		bd_str_printf(&taken, "%s%s", i ? ";" : "", b->taken.v[i]);
	bd_auto_strv struct bd_strv argv = {0};
	bd_strv_split(&argv, "cmake,-DBENCHD_ONLY_WORKERS=ON,-DCMAKE_BUILD_TYPE=Release,-S", ',');
	bd_strv_add(&argv, b->sources);
	bd_strv_add(&argv, "-B");
	bd_strv_add(&argv, b->folder);
	bd_strv_add(&argv, "-G");
	bd_strv_add(&argv, ninja ? "Ninja" : "Unix Makefiles");
	bd_strv_addf(&argv, "-DBENCHD_PYTHONS=%s", b->executable);
	bd_strv_addf(&argv, "-DBENCHD_KERNELS=%s", kernels);
	bd_strv_addf(&argv, "-DBENCHD_TAKEN=%s", taken.s ? taken.s : "");
	int r = tool(b, &argv, "configuring the build failed", &said);
	return r < 0 ? r : take_ids(b, &said);
}

static int build(struct builder *b)
{
	bd_auto_strv struct bd_strv argv = {0};
	bd_auto_str struct bd_str said = {0}, proof = {0};
	bd_strv_split(&argv, "cmake,--build", ',');
	bd_strv_add(&argv, b->folder);
	bd_strv_add(&argv, "-j");
	bd_strv_addf(&argv, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	int r = tool(b, &argv, "building the worker failed", &said);
	if (r < 0)
		return r;
	bd_strv_done(&argv);
	argv = (struct bd_strv){0};
	bd_strv_add(&argv, b->executable);
	bd_strv_add(&argv, "-I");
	bd_strv_addf(&argv, "%s/cmake/prove_worker.py", b->sources);
	for (size_t i = 0; i < b->ids.n; i++)
		bd_strv_addf(&argv, "%s/lib/benchd/interpreters/%s", b->folder, b->ids.v[i]);
	int status = 0;
	r = python_program(&argv, true, BUILD_TIMEOUT_NS, &proof, &status, b->err);
	if (r < 0 || status == 0)
		return r;
	return bd_error_set(b->err, -EIO, "worker-failed", "it was not added", "the worker was built, but %.400s",
		proof.s ? proof.s : "it does not work");
}

/* What was built takes the place of what was there: whoever looks sees the one or the other. */
static int put_in_place(struct builder *b)
{
	bd_auto_free char *base = base_of(b->ids.v[0]);
	bd_auto_free char *target = bd_printf("%s/%s", b->place->folder, base),
			  *old = bd_printf("%s/.old", b->place->folder);
	bd_auto_free char *stage = bd_printf("%s/.new", b->place->folder), *lib = bd_printf("%s/lib", stage);
	bd_auto_free char *built = bd_printf("%s/lib", b->folder);
	python_remove_tree(stage);
	python_remove_tree(old);
	int r = mkdir(stage, 0700) < 0 || rename(built, lib) < 0 ? -errno : 0;
	if (r == 0 && rename(target, old) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0 && rename(stage, target) < 0)
		r = -errno;
	python_remove_tree(old);
	if (r < 0)
		return bd_error_set(b->err, r, "data-unusable", NULL, "%s: %s", target, strerror(-r));
	return 0;
}

static int answer(const struct bd_ctl *ctl, const char *verb, bool done, const struct bd_strv *ids,
	const char *executable)
{
	bd_auto_str struct bd_str all = {0}, line = {0};
	bd_auto_json cJSON *json = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(json, verb);
	cJSON_AddBoolToObject(json, "dry_run", !done);
	if (executable)
		cJSON_AddStringToObject(json, "executable", executable);
	for (size_t i = 0; i < ids->n; i++) {
		cJSON_AddItemToArray(array, cJSON_CreateString(ids->v[i]));
		bd_str_printf(&all, "%s%s", i ? ", " : "", ids->v[i]);
	}
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	if (bd_streq(verb, "there"))
		bd_str_printf(&line, "there already: %s\n", all.s);
	else
		bd_str_printf(&line, "%s%s %s\n", done ? "" : "would have ", verb, all.s);
	return bd_ctl_answer(ctl, line.s);
}

static int add_worker(struct builder *b, const char *word, bool dry)
{
	bd_auto_json cJSON *said = NULL;
	struct bd_error why = {0};
	int r = find_executable(b, word);
	if (r == 0)
		r = python_sources(&b->sources, b->err);
	if (r == 0)
		r = python_ask(b->sources, b->executable, &said, b->err);
	if (r == 0 && python_fits(said, &why) < 0)
		r = bd_error_set(b->err, why.code, why.key, why.hint, "%s: %s", b->executable, why.message);
	if (r == 0) { /* a virtual environment's is a link to the one that has the headers */
		free(b->executable);
		b->executable = bd_strdup(text_of(said, "executable"));
		r = check_tools(b);
	}
	if (r == 0)
		r = look_at_known(b, said);
	if (r > 0) {
		b->there = true;
		return 0;
	}
	if (r == 0)
		r = configure(b);
	if (r < 0 || dry)
		return r;
	bd_ctl_note(b->ctl, "building a worker for %s", b->executable);
	r = build(b);
	return r < 0 ? r : put_in_place(b);
}

static int add(struct bd_ctl *ctl, const struct bd_words *w)
{
	if (ctl->server)
		return refuse_server(ctl);
	struct bd_error err = {0};
	BD_CLEANUP(place_done) struct place place = {.lock = -1};
	BD_CLEANUP(builder_done) struct builder b = {.ctl = ctl, .err = &err, .place = &place};
	bool dry = bd_words_flag(w, "dry-run");
	if (place_open(&place, &err) < 0 || add_worker(&b, w->operands.v[0], dry) < 0)
		return bd_ctl_fail(ctl, &err);
	return answer(ctl, b.there ? "there" : "added", !dry, &b.ids, b.executable);
}

/* ---- remove --------------------------------------------------------------------------------------------------------------- */

static int remove_worker(const struct bd_ctl *ctl, const struct place *place, const char *id, bool dry,
	struct bd_strv *ret_ids, struct bd_error *err)
{
	bd_auto_json cJSON *pythons = NULL;
	int r = get_pythons(ctl, &pythons, err);
	if (r < 0)
		return r;
	bd_auto_free char *wanted = base_of(id);
	bd_auto_str struct bd_str others = {0};
	bool built_in = false;
	const cJSON *p;
	cJSON_ArrayForEach(p, pythons) {
		bd_auto_free char *base = base_of(text_of(p, "id"));
		if (bd_streq(base, wanted) && is_true(p, "added"))
			bd_strv_add(ret_ids, text_of(p, "id"));
		else if (bd_streq(base, wanted))
			built_in = true;
		else if (is_true(p, "added"))
			bd_str_printf(&others, "%s%s", others.len ? ", " : "added were: ", text_of(p, "id"));
	}
	if (!ret_ids->n && built_in)
		return bd_error_set(err, -EINVAL, "usage", NULL, "%s is part of this benchd and was not added", id);
	if (!ret_ids->n)
		return bd_error_set(err, -ENOENT, "not-found", others.s ? others.s : "none was added",
			"there is no interpreter '%s'", id);
	if (dry)
		return 0;
	bd_auto_free char *folder = bd_printf("%s/%s", place->folder, wanted),
			  *old = bd_printf("%s/.old", place->folder);
	python_remove_tree(old);
	if (rename(folder, old) < 0)
		return bd_error_set(err, -errno, "data-unusable", NULL, "%s: %s", folder, strerror(errno));
	python_remove_tree(old);
	return 0;
}

static int take_away(struct bd_ctl *ctl, const struct bd_words *w)
{
	if (ctl->server)
		return refuse_server(ctl);
	struct bd_error err = {0};
	BD_CLEANUP(place_done) struct place place = {.lock = -1};
	bd_auto_strv struct bd_strv ids = {0};
	bool dry = bd_words_flag(w, "dry-run");
	if (place_open(&place, &err) < 0 || remove_worker(ctl, &place, w->operands.v[0], dry, &ids, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	return answer(ctl, "removed", !dry, &ids, NULL);
}

/* ---- the command ------------------------------------------------------------------------------------------------------------- */

static const struct bd_option change_options[] = {
	{"dry-run", 0, BD_OPT_FLAG, NULL, "say what would be done, and do nothing", false, 0, 0, BD_WORDS_NONE},
};

static const struct bd_command verbs[] = {
	{
		.name = "list",
		.summary = "list interpreters with their ids, and why one cannot be measured",
		.details =
			"Those with an id can be given to run --python. An interpreter has two hosts: the program of benchd that "
			"embeds its libpython, and +exe, its own executable, which is what people run. The others were found "
			"on this machine: the system's, pyenv's, uv's and those of ./dev python.",
		.example = "benchctl python list",
		.run = list,
	},
	{
		.name = "add",
		.summary = "build a worker for an interpreter, prove it with a small case, and offer it",
		.operands = "PATH",
		.words = BD_WORDS_FILE,
		.operands_min = 1,
		.operands_max = 1,
		.details =
			"PATH is an executable, a name in PATH, or a folder with a bin/python3. Its headers and a C compiler are "
			"needed. A benchd that runs offers it at once; one that was added before is built again.",
		.options = change_options,
		.options_len = BD_LEN(change_options),
		.example = "benchctl python add /usr/bin/python3 --dry-run",
		.run = add,
	},
	{
		.name = "remove",
		.summary = "remove the worker of an interpreter that was added; the interpreter stays",
		.operands = "ID",
		.operands_min = 1,
		.operands_max = 1,
		.options = change_options,
		.options_len = BD_LEN(change_options),
		.example = "benchctl python remove 3.14.0 --dry-run",
		.run = take_away,
	},
};

const struct bd_command bd_command_python = {
	.name = "python",
	.summary = "list interpreters, add and remove workers for them",
	.example = "benchctl python list",
	.verbs = verbs,
	.verbs_len = BD_LEN(verbs),
};
