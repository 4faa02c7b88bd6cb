/* What users bring: files of bench_* functions, plugins, commands. A target is a list of units (one file of a folder, or
 * the plugin, or the command), and a unit is loaded when one of its cases is first wanted. Names of cases are known before:
 * UNIT.CASE, or UNIT alone for a command and for what could not be loaded. */
#include "bd_bench.h"
#include "targets.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT_TIMEOUT_NS 10000000000LL
#define UNIT_LEAST_NS 500000000LL
#define ALL_TIMEOUT_NS 30000000000LL /* of all units: below what benchd waits for a catalogue */

static struct bd_target **targets;
static size_t targets_len;
static struct bd_unit **units;
static size_t units_len;
static struct bd_target_case **cases;
static size_t cases_len;

/* ---- cases ------------------------------------------------------------------------------------------------- */

static struct bd_target_case *find_case(const char *name)
{
	for (size_t i = 0; i < cases_len; i++)
		if (bd_streq(cases[i]->c.name, name))
			return cases[i];
	return NULL;
}

struct bd_target_case *bd_target_case_add(struct bd_unit *unit, const char *name)
{
	struct bd_target_case *row = bd_alloc(sizeof *row);
	bd_auto_free char *unique = bd_strdup(name);
	for (int n = 2; find_case(unique); n++) {
		free(unique);
		unique = bd_printf("%s~%d", name, n);
	}
	row->c.name = BD_TAKE_PTR(unique);
	row->c.summary = "";
	row->c.plain = "plain";
	row->unit = unit;
	row->timeout_s = NAN;
	struct bd_target_case **at = BD_PUSH(cases, cases_len);
	*at = row;
	return row;
}

void bd_target_case_unusable(struct bd_unit *unit, const char *name, const struct bd_error *err)
{
	struct bd_target_case *row = bd_target_case_add(unit, name);
	row->reason = bd_reason_new(NULL, err->key, *err->hint ? err->hint : NULL, "%s", err->message);
}

bool bd_target_axis_taken(const char *name)
{
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		if (bd_streq(bd_axis_kinds[i].name, name))
			return true;
	return bd_streq(name, "side") || bd_streq(name, "u"); /* `u` is native work, calibrated */
}

/* ---- units ------------------------------------------------------------------------------------------------- */

static struct bd_unit *add_unit(size_t target, const char *name, const char *path, void (*load)(struct bd_unit *unit))
{
	bd_auto_free char *unique = bd_strdup(name);
	for (int n = 2;; n++) {
		bool taken = bd_library_case(unique) != NULL;
		for (size_t i = 0; i < units_len && !taken; i++)
			taken = bd_streq(units[i]->name, unique);
		if (!taken)
			break;
		free(unique);
		unique = bd_printf("%s~%d", name, n);
	}
	struct bd_unit **row = BD_PUSH(units, units_len);
	*row = bd_alloc(sizeof **row);
	(*row)->name = BD_TAKE_PTR(unique);
	(*row)->path = bd_strdup(path);
	(*row)->target = target;
	(*row)->load = load;
	return *row;
}

static void unusable(size_t target, const char *name, const char *key, const char *hint, const char *message)
{
	struct bd_error err;
	struct bd_unit *unit = add_unit(target, name, NULL, NULL);
	unit->loaded = true;
	bd_error_set(&err, -EINVAL, key, hint, "%s", message);
	bd_target_case_unusable(unit, unit->name, &err);
}

/* A word for a name: ids of cells are divided by '/', '=' and ','. */
static char *word(const char *path, const char *suffix)
{
	const char *base = strrchr(path, '/');
	char *w = bd_strdup(base ? base + 1 : path);
	size_t len = strlen(w), n = strlen(suffix);
	if (len > n && bd_streq(w + len - n, suffix))
		w[len - n] = '\0';
	for (char *c = w; *c; c++)
		if (!strchr("+-._", *c) && !(*c >= '0' && *c <= '9') && !((*c | 32) >= 'a' && (*c | 32) <= 'z'))
			*c = '_';
	return w;
}

static void add_python(size_t index)
{
	const struct bd_target *t = targets[index];
	bd_auto_free char *name = word(t->path, ".py");
	if (access(t->path, R_OK) < 0) {
		bd_auto_free char *message = bd_printf("cannot read %s: %s", t->path, strerror(errno));
		unusable(index, name, "no-such-input", "", message);
		return;
	}
	bd_auto_py PyObject *files = bd_userfile_files(t->path, t->root);
	if (!files) {
		bd_auto_free char *message = bd_py_error();
		unusable(index, name, "no-such-input", "", message);
		return;
	}
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(files); i++) {
		const char *unit, *path;
		if (PyArg_ParseTuple(PyList_GET_ITEM(files, i), "ss", &unit, &path))
			add_unit(index, unit, path, bd_userfile_load)->alone = bd_streq(path, t->path) && !t->root;
		else
			PyErr_Clear(); /* a name that is no UTF-8 cannot be a case's */
	}
	if (!PyList_GET_SIZE(files)) {
		bd_auto_free char *message = bd_printf("no bench_*.py, *_bench.py or bench.py in %s", t->path);
		unusable(index, name, "no-benchmarks", "benchctl new bench NAME writes one that works", message);
	}
}

static void add_named(size_t index, const char *path, const char *suffix, void (*load)(struct bd_unit *unit))
{
	bd_auto_free char *name = word(path, suffix);
	add_unit(index, name, path, load);
}

static const char *text_field(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
	return s && *s ? s : NULL;
}

static void read_target(const cJSON *o)
{
	size_t index = targets_len;
	struct bd_target **row = BD_PUSH(targets, targets_len), *t = bd_alloc(sizeof *t);
	*row = t;
	t->kind = bd_strdup(text_field(o, "kind"));
	t->path = bd_strdup(text_field(o, "path"));
	t->root = bd_strdup(text_field(o, "root"));
	t->cwd = bd_strdup(text_field(o, "cwd"));
	const cJSON *v;
	cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(o, "argv")) {
		if (!cJSON_IsString(v))
			bd_wire_fault_nogil("protocol", "argv of target %zu holds something that is no text", index);
		bd_strv_add(&t->argv, v->valuestring);
	}
	cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(o, "env")) {
		if (!cJSON_IsString(v))
			bd_wire_fault_nogil("protocol", "%s in the environment of target %zu is no text", v->string,
				index);
		bd_map_set(&t->env, v->string, v->valuestring);
	}
	if (bd_streq(t->kind, "python") && t->path)
		add_python(index);
	else if (bd_streq(t->kind, "plugin") && t->path)
		add_named(index, t->path, ".so", bd_plugin_load);
	else if (bd_streq(t->kind, "command") && t->argv.n && *t->argv.v[0])
		add_named(index, t->argv.v[0], "", bd_process_load);
	else
		bd_wire_fault_nogil("protocol", "target %zu is of no kind this worker knows", index);
}

void bd_targets_read(const cJSON *list)
{
	const cJSON *o;
	size_t had = targets_len;
	cJSON_ArrayForEach(o, list) {
		/* `prepare` may come again with the same list, for cells that another worker lost. */
		if (had)
			had--;
		else if (cJSON_IsObject(o))
			read_target(o);
	}
}

static void load(struct bd_unit *unit)
{
	if (unit->loaded)
		return;
	unit->loaded = true;
	unit->load(unit);
}

/* The unit with the longest name that a case of this name can be in, and that was not looked at yet. */
static struct bd_unit *unit_of(const char *name)
{
	struct bd_unit *best = NULL;
	for (size_t i = 0; i < units_len; i++) {
		size_t n = strlen(units[i]->name);
		if (!units[i]->loaded && strncmp(name, units[i]->name, n) == 0 && (!name[n] || name[n] == '.') &&
			(!best || n > strlen(best->name)))
			best = units[i];
	}
	return best;
}

const struct bd_case *bd_targets_case(const char *name, struct bd_error *err)
{
	struct bd_target_case *row = find_case(name);
	for (struct bd_unit *unit; !row && (unit = unit_of(name)); row = find_case(name))
		load(unit);
	if (!row) {
		bd_error_set(err, -ENOENT, "unknown-target", "", "this worker has no case %s", name);
		return NULL;
	}
	if (row->reason) {
		const char *hint = row->reason->hint;
		bd_error_set(err, -EINVAL, row->reason->key, hint ? hint : "", "%s", row->reason->message);
		return NULL;
	}
	return &row->c;
}

/* ---- describe ---------------------------------------------------------------------------------------------- */

static void info_of(const struct bd_target_case *row, struct bd_case_info *info)
{
	bd_library_describe(&row->c, info);
	info->target = (int64_t)row->unit->target;
	info->reason = bd_reason_copy(row->reason);
	info->affinity = bd_strdup(row->affinity);
	info->timeout_s = row->timeout_s;
}

/* In the child: a line of JSON per unit. */
_Noreturn static void describe_child(int out, size_t first)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t u = first; u < units_len; u++) {
		struct bd_catalogue catalogue;
		bd_doc_init(&bd_catalogue_doc, &catalogue);
		load(units[u]);
		for (size_t i = 0; i < cases_len; i++)
			if (cases[i]->unit == units[u])
				info_of(cases[i], BD_PUSH(catalogue.cases, catalogue.cases_len));
		cJSON *json = bd_doc_encode(&bd_catalogue_doc, &catalogue);
		bd_auto_free char *text = bd_json_text(json);
		bd_auto_free char *line = bd_printf("%s\n", text);
		for (size_t at = 0, len = strlen(line); at < len;) {
			ssize_t n = write(out, line + at, len - at);
			if (n < 0 && errno != EINTR)
				_exit(1);
			at += n > 0 ? (size_t)n : 0;
		}
	}
	_exit(0);
}

/* Takes the cases of one line over. */
static void take_line(const char *line, struct bd_catalogue *ret)
{
	struct bd_catalogue got;
	struct bd_error err;
	bd_auto_json cJSON *json = cJSON_Parse(line);
	bd_doc_init(&bd_catalogue_doc, &got);
	if (!json || bd_doc_decode(&bd_catalogue_doc, json, &got, &err) < 0)
		bd_wire_fault_nogil("internal", "a catalogue that was just written cannot be read");
	for (size_t i = 0; i < got.cases_len; i++) {
		struct bd_case_info *info = BD_PUSH(ret->cases, ret->cases_len);
		*info = got.cases[i];
	}
	got.cases_len = 0; /* handed over */
	bd_doc_done(&bd_catalogue_doc, &got);
}

static void lost(const struct bd_unit *unit, const struct bd_error *err, struct bd_catalogue *ret)
{
	struct bd_case_info *info = BD_PUSH(ret->cases, ret->cases_len);
	info->name = bd_strdup(unit->name);
	info->summary = bd_strdup("");
	info->shape = bd_strdup("iterations");
	info->plain = bd_strdup("plain");
	info->target = (int64_t)unit->target;
	info->reason = bd_reason_new(NULL, err->key, *err->hint ? err->hint : NULL, "%s", err->message);
	info->timeout_s = NAN;
}

/* How a child that ended over a unit ended. */
static void how(int status, const struct bd_unit *unit, struct bd_error *err)
{
	const char *base = unit->path ? strrchr(unit->path, '/') : NULL;
	base = base ? base + 1 : unit->name;
	if (WIFSIGNALED(status))
		bd_error_set(err, -ECHILD, "signal", "its own output is in the log",
			"loading %s ended the process by signal %d (%s)", base, WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		bd_error_set(err, -ECHILD, "exit", "it calls os._exit(), or something that does",
			"loading %s ended the process with status %d", base, WEXITSTATUS(status));
}

/* Reads lines from a child until it ends, or until a unit takes too long; returns how many units it got through.
 * 0 in err.code: all of them. */
static size_t listen(int in, pid_t pid, size_t first, int64_t latest, struct bd_catalogue *ret, struct bd_error *err)
{
	bd_auto_str struct bd_str text = {0};
	size_t done = first;
	int64_t from = bd_clock_mono_ns();
	bool late = false;
	while (done < units_len) {
		/* half of what is left of the time for all: some that hang leave enough for those behind them */
		int64_t unit = BD_MIN(UNIT_TIMEOUT_NS, BD_MAX((latest - from) / 2, UNIT_LEAST_NS));
		int64_t left = from + unit - bd_clock_mono_ns();
		struct pollfd p = {.fd = in, .events = POLLIN};
		late = left <= 0 || poll(&p, 1, (int)(left / 1000000 + 1)) == 0;
		char chunk[8192];
		ssize_t n = late ? 0 : read(in, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		bd_str_append(&text, chunk, (size_t)n);
		for (char *end; (end = memchr(text.s, '\n', text.len));) {
			*end = '\0';
			take_line(text.s, ret);
			size_t used = (size_t)(end - text.s) + 1;
			memmove(text.s, end + 1, text.len - used + 1);
			text.len -= used;
			done++;
			from = bd_clock_mono_ns();
		}
	}
	int status = 0;
	if (late || done == units_len) /* what it started and left behind must not be waited for */
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	memset(err, 0, sizeof *err);
	if (done == units_len)
		return done;
	const char *base = units[done]->path ? strrchr(units[done]->path, '/') : NULL;
	if (late)
		bd_error_set(err, -ETIMEDOUT, "timeout", "work belongs into functions, not into the file itself",
			"%s was not loaded within %.3g s", base ? base + 1 : units[done]->name,
			(double)(bd_clock_mono_ns() - from) / 1e9);
	else
		how(status, units[done], err);
	return done;
}

/* Users' code is run in a child, and a file that ends it or hangs is one case that failed; the next child goes on after it. */
void bd_targets_describe(struct bd_catalogue *ret)
{
	int64_t latest = bd_clock_mono_ns() + ALL_TIMEOUT_NS;
	for (size_t first = 0; first < units_len; first++) {
		int ends[2];
		if (pipe(ends) < 0)
			bd_wire_fault_nogil("internal", "pipe: %s", strerror(errno));
		fflush(NULL);
		PyOS_BeforeFork();
		pid_t pid = fork();
		if (pid == 0) {
			PyOS_AfterFork_Child();
			close(ends[0]);
			bd_wire_close_nogil();
			describe_child(bd_fd_high(ends[1]), first);
		}
		PyOS_AfterFork_Parent();
		close(ends[1]);
		if (pid < 0)
			bd_wire_fault_nogil("internal", "fork: %s", strerror(errno));
		struct bd_error err;
		first = listen(ends[0], pid, first, latest, ret, &err);
		close(ends[0]);
		if (err.code)
			lost(units[first], &err, ret);
	}
}

const struct bd_target *bd_target_of(const struct bd_unit *unit)
{
	return targets[unit->target];
}
