#include "layout.h"

#include "elf_file.h"
#include "mapped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_INTERPRETERS 256
#define MAX_THREADS 8192
#define TRIES 8
#define TRY_NS 25000000 /* threads come and go while we look */

int bd_process_read(const struct bd_process *p, uint64_t address, void *ret, size_t len)
{
	struct iovec to = {ret, len}, from = {(void *)address, len};
	ssize_t n = process_vm_readv(p->pid, &to, 1, &from, 1, 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -EFAULT;
}

static int read_u64(const struct bd_process *p, uint64_t address, uint64_t *ret)
{
	return bd_process_read(p, address, ret, sizeof *ret);
}

/* ---- which file, and where it is mapped ------------------------------------------------------------------ */

struct runtime {
	uint64_t address, size;
	uint64_t version, code_type; /* addresses of Py_Version and PyCode_Type, 0 = none */
	int minor_by_name;           /* from a file name like libpython3.11.so.1.0; -1 = no */
};

static int minor_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *at = strstr(slash ? slash : path, "python3.");
	return at && at[8] >= '0' && at[8] <= '9' ? atoi(at + 8) : -1;
}

/* The reader of bd_python_elf_memory. */
static int read_image(const void *process, uint64_t address, void *ret, size_t len)
{
	return bd_process_read(process, address, ret, len);
}

static size_t find_runtimes(const struct bd_process *p, const char *maps, bool symbols, struct runtime *ret, size_t max)
{
	size_t n = 0;
	struct bd_mapping m, seen = {0};
	while (n < max && bd_maps_next(&maps, &m)) {
		if (!m.path_len || m.path[0] != '/' ||
			(m.path_len == seen.path_len && memcmp(m.path, seen.path, m.path_len) == 0))
			continue;
		seen = m;
		bd_auto_close int fd = bd_mapped_open(p->proc_fd, &m);
		struct bd_python_elf e;
		uint64_t bias;
		/* a file that was replaced and cannot be had any more: its own table of symbols is mapped as well */
		if (fd < 0 && (m.offset || bd_python_elf_memory(read_image, p, m.start, &e, &bias) < 0))
			continue;
		if (fd >= 0 &&
			(bd_python_elf_read(fd, symbols, &e) < 0 || bd_elf_bias(fd, m.start, m.offset, &bias) < 0))
			continue;
		bd_auto_free char *path = bd_strndup(m.path, m.path_len);
		ret[n++] = (struct runtime){.address = bias + e.runtime,
			.size = e.runtime_size,
			.version = e.version ? bias + e.version : 0,
			.code_type = e.code_type ? bias + e.code_type : 0,
			.minor_by_name = minor_of(path)};
	}
	return n;
}

/* ---- which offsets ----------------------------------------------------------------------------------------- */

/* The row of the headers that says what the debug offsets leave out, the one of this very size first. */
static const struct bd_offsets *row_of(const struct bd_offsets *table, size_t len, int minor, bool free_threaded,
	uint64_t runtime_size)
{
	const struct bd_offsets *found = NULL;
	for (size_t i = 0; i < len; i++)
		if (table[i].minor == minor && (table[i].abiflags[0] == 't') == free_threaded &&
			(!found || table[i].runtime_size == runtime_size))
			found = &table[i];
	return found;
}

enum { W_VERSION = 1, W_FREE_THREADED = 2, W_MAX = 128 };

static bool is_debug_offsets(const struct bd_process *p, const struct runtime *rt, uint64_t *w)
{
	return rt->size >= W_MAX * sizeof w[0] && bd_process_read(p, rt->address, w, W_MAX * sizeof w[0]) == 0 &&
		memcmp(w, "xdebugpy", 8) == 0;
}

/* What the interpreter says of itself by _Py_DebugOffsets, on top of the row of its version; NULL, or why not. */
static const char *debug_offsets(const uint64_t *w, const struct runtime *rt, const struct bd_offsets *table,
	size_t len, struct bd_offsets *ret)
{
	unsigned minor = w[W_VERSION] >> 16 & 0xff, level = w[W_VERSION] >> 4 & 0xf;
	const struct bd_debug_offsets *d = NULL;
	for (size_t i = 0; i < bd_debug_offsets_table_len; i++)
		if (bd_debug_offsets_table[i].minor == (int)minor)
			d = &bd_debug_offsets_table[i];
	if (w[W_VERSION] >> 24 != 3 || !d || d->words > W_MAX)
		return "its debug offsets are of an unknown version";
	if (level < 0xc) /* they change until the first release candidate */
		return "an alpha or beta version keeps its structures as it likes";
	for (size_t i = 3; i < d->words; i++)
		if (w[i] > 1U << 28)
			return "its debug offsets make no sense";
	const struct bd_offsets *row = row_of(table, len, (int)minor, w[W_FREE_THREADED], rt->size);
	if (!row)
		return "no offsets are known for this version";
	struct bd_offsets o = *row;
	/* last_holder and locked are told as offsets in the interpreter, of a GIL that is a part of it */
	if (w[d->last_holder] - w[d->own_gil] != o.in_gil.last_holder ||
		w[d->locked] - w[d->own_gil] != o.in_gil.locked)
		return "its GIL is not as its version's headers have it";
#define TAKE(field, word) o.field = (__typeof__(o.field))w[d->word]
	TAKE(runtime_size, runtime_size);
	TAKE(interp_size, interp_size);
	TAKE(ts_size, ts_size);
	TAKE(interpreters_head, interpreters_head);
	TAKE(interp_next, interp_next);
	TAKE(interp_id, interp_id);
	TAKE(threads_head, threads_head);
	TAKE(tstate_next, tstate_next);
	TAKE(tstate_interp, tstate_interp);
	TAKE(native_thread_id, native_thread_id);
	TAKE(gil, gil);
	TAKE(frame.current_frame, current_frame);
	TAKE(frame.code, code);
	TAKE(frame.ip, ip);
	TAKE(frame.previous, previous);
	TAKE(frame.owner, owner);
	TAKE(code.filename, filename);
	TAKE(code.qualname, qualname);
	TAKE(code.linetable, linetable);
	TAKE(code.firstlineno, firstlineno);
	TAKE(code.instructions, instructions);
	TAKE(object.ob_type, ob_type);
	TAKE(object.tp_name, tp_name);
	TAKE(object.bytes_size, bytes_size);
	TAKE(object.bytes_data, bytes_data);
	TAKE(object.unicode_length, unicode_length);
	TAKE(object.unicode_state, unicode_state);
	TAKE(object.ascii_data, ascii_data);
	if (d->tlbc && w[W_FREE_THREADED]) {
		TAKE(frame.tlbc_index, tlbc_index);
		TAKE(code.tlbc, tlbc);
	}
#undef TAKE
	*ret = o;
	return NULL;
}

/* PY_VERSION_HEX, 0: unknown. */
static uint32_t version_of_runtime(const struct bd_process *p, const struct runtime *rt)
{
	uint64_t version;
	return rt->version && read_u64(p, rt->version, &version) == 0 && version >> 24 == 3 ? (uint32_t)version : 0;
}

static int minor_of_runtime(const struct runtime *rt, uint32_t version)
{
	return version ? (int)(version >> 16 & 0xff) : rt->minor_by_name;
}

/* ---- whether they are right: follow everything -------------------------------------------------------------- */

struct ids {
	uint64_t *v;
	size_t n;
};

static void ids_done(struct ids *i)
{
	bd_freep(&i->v);
}

static bool has(const struct ids *list, uint64_t x)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i] == x)
			return true;
	return false;
}

/* Numbers of the live threads as the target itself sees them. */
static void live_tids(const struct bd_process *p, struct ids *ret)
{
	int fd = openat(p->proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		bd_closep(&fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		bd_auto_free char *name = bd_printf("%s/status", e->d_name), *text = NULL;
		bd_auto_close int status = e->d_name[0] == '.' ? -1 : openat(dirfd(d), name, O_RDONLY | O_CLOEXEC);
		if (status < 0 || bd_fd_read(status, 65536, &text, NULL) < 0)
			continue;
		const char *at = strstr(text, "\nNSpid:");
		if (!at)
			continue;
		size_t len = strcspn(at + 1, "\n");
		const char *end = at + 1 + len, *last = end;
		while (last > at && last[-1] >= '0' && last[-1] <= '9')
			last--;
		*BD_PUSH(ret->v, ret->n) = strtoull(last, NULL, 10);
	}
	closedir(d);
}

static bool is_pointer(uint64_t a)
{
	return a && a % 8 == 0 && a < 1ULL << 47;
}

/* The interpreters' addresses, and every thread state when states is given. false: no such chain. */
static bool walk(const struct bd_process *p, const struct bd_layout *l, struct ids *interps, struct ids *states,
	struct ids *tids)
{
	const struct bd_offsets *o = &l->offsets;
	uint64_t interp, ts, owner, tid;
	if (read_u64(p, l->runtime + o->interpreters_head, &interp) < 0)
		return false;
	while (interp) {
		if (!is_pointer(interp) || interps->n >= MAX_INTERPRETERS)
			return false;
		*BD_PUSH(interps->v, interps->n) = interp;
		if (states && read_u64(p, interp + o->threads_head, &ts) < 0)
			return false;
		while (states && ts) {
			if (!is_pointer(ts) || states->n >= MAX_THREADS ||
				read_u64(p, ts + o->tstate_interp, &owner) < 0 || owner != interp ||
				read_u64(p, ts + o->native_thread_id, &tid) < 0 || tid >> 22)
				return false;
			*BD_PUSH(states->v, states->n) = ts;
			*BD_PUSH(tids->v, tids->n) = tid;
			if (read_u64(p, ts + o->tstate_next, &ts) < 0)
				return false;
		}
		if (read_u64(p, interp + o->interp_next, &interp) < 0)
			return false;
	}
	return interps->n > 0;
}

static int by_number(const void *a, const void *b)
{
	const struct bd_tracer_gil *x = a, *y = b;
	return (x->interpreter > y->interpreter) - (x->interpreter < y->interpreter);
}

static int gils_of(const struct bd_process *p, const struct bd_layout *l, const struct ids *interps,
	struct bd_tracer_gil *ret, size_t max, size_t *ret_len)
{
	const struct bd_offsets *o = &l->offsets;
	size_t n = 0;
	for (size_t i = interps->n;
		i-- > 0;) { /* the oldest first: where there are too many, the newest are left out */
		uint64_t gil = l->runtime + o->gil, id;
		if (!o->gil_in_runtime && read_u64(p, interps->v[i] + o->gil, &gil) < 0)
			return -EAGAIN;
		if (read_u64(p, interps->v[i] + o->interp_id, &id) < 0 || id >> 40)
			return -EAGAIN;
		if (!gil) /* an interpreter that is being made has none yet */
			continue;
		size_t k = 0;
		while (k < n && ret[k].address != gil)
			k++;
		if (k < n) { /* shared: it belongs to the oldest */
			ret[k].interpreter = BD_MIN(ret[k].interpreter, (int64_t)id);
			continue;
		}
		if (n == max)
			continue;
		ret[n++] = (struct bd_tracer_gil){.address = gil, .size = o->in_gil.size, .interpreter = (int64_t)id};
	}
	if (!n)
		return -EAGAIN;
	qsort(ret, n, sizeof *ret, by_number);
	*ret_len = n;
	return 0;
}

int bd_layout_gils(const struct bd_process *p, const struct bd_layout *l, struct bd_tracer_gil *ret, size_t max,
	size_t *ret_len)
{
	BD_CLEANUP(ids_done) struct ids interps = {0};
	if (!walk(p, l, &interps, NULL, NULL))
		return -EAGAIN;
	return gils_of(p, l, &interps, ret, max, ret_len);
}

/* The last holder of a free GIL may be no more, and its memory another's: threads come and go. */
static bool was_state(const struct bd_process *p, const struct bd_layout *l, uint64_t holder)
{
	uint64_t tid;
	return !holder || (is_pointer(holder) && read_u64(p, holder + l->offsets.native_thread_id, &tid) == 0);
}

/* NULL when everything is where it should be, else what was not. */
static const char *doubt(const struct bd_process *p, const struct bd_layout *l)
{
	BD_CLEANUP(ids_done) struct ids interps = {0}, states = {0}, tids = {0}, live = {0};
	if (!walk(p, l, &interps, &states, &tids))
		return "the lists of interpreters and thread states do not hold together";
	live_tids(p, &live);
	size_t alive = 0;
	for (size_t i = 0; i < tids.n; i++)
		alive += has(&live, tids.v[i]);
	if (!alive)
		return "no thread state names a live thread";
	struct bd_tracer_gil gils[BD_PROBE_GILS];
	size_t n;
	if (gils_of(p, l, &interps, gils, BD_LEN(gils), &n) < 0)
		return "an interpreter has no GIL";
	const struct bd_gil_offsets *g = &l->offsets.in_gil;
	for (size_t i = 0; i < n; i++) {
		uint64_t interval, holder;
		int32_t locked;
		if (!is_pointer(gils[i].address) || read_u64(p, gils[i].address + g->interval, &interval) < 0 ||
			read_u64(p, gils[i].address + g->last_holder, &holder) < 0 ||
			bd_process_read(p, gils[i].address + g->locked, &locked, sizeof locked) < 0)
			return "the GIL cannot be read";
		if (interval < 1 || interval > 1000000) /* microseconds */
			return "the GIL's switch interval is not one";
		if (locked < -1 || locked > 1)
			return "the GIL's lock is neither free nor taken";
		if (locked == 1 ? !has(&states, holder) : !was_state(p, l, holder))
			return "the GIL's last holder is not a thread of this process";
	}
	return NULL;
}

/* ---- the type of code objects ------------------------------------------------------------------------------- */

#define MAX_STACKS 64
#define MAX_FRAMES 32

/* A type object called "code" whose own type is `type`. */
static bool is_code_type(const struct bd_process *p, const struct bd_object_offsets *o, uint64_t type)
{
	uint64_t name, meta, above;
	char text[5];
	return is_pointer(type) && read_u64(p, type + o->tp_name, &name) == 0 &&
		bd_process_read(p, name, text, sizeof text) == 0 && memcmp(text, "code", 5) == 0 &&
		read_u64(p, type + o->ob_type, &meta) == 0 && read_u64(p, meta + o->ob_type, &above) == 0 &&
		above == meta;
}

/* The type of a code object in some thread's stack; 0 = none was seen. */
static uint64_t code_type_of_frames(const struct bd_process *p, const struct bd_layout *l, const struct ids *states)
{
	const struct bd_frame_offsets *f = &l->offsets.frame;
	for (size_t i = 0; i < BD_MIN(states->n, MAX_STACKS); i++) {
		uint64_t from = states->v[i], frame, code, type;
		if (f->cframe >= 0 && read_u64(p, from + (uint32_t)f->cframe, &from) < 0)
			continue;
		if (read_u64(p, from + f->current_frame, &frame) < 0)
			continue;
		for (int k = 0; k < MAX_FRAMES && is_pointer(frame); k++) {
			if (read_u64(p, frame + f->code, &code) == 0 && is_pointer(code &= ~(uint64_t)f->code_tag) &&
				read_u64(p, code + l->offsets.object.ob_type, &type) == 0 &&
				is_code_type(p, &l->offsets.object, type))
				return type;
			if (read_u64(p, frame + f->previous, &frame) < 0)
				break;
		}
	}
	return 0;
}

/* The symbol alone may lead to a copy nobody uses: a program that names PyCode_Type has its own. */
static uint64_t find_code_type(const struct bd_process *p, const struct bd_layout *l, uint64_t symbol)
{
	BD_CLEANUP(ids_done) struct ids interps = {0}, states = {0}, tids = {0};
	walk(p, l, &interps, &states, &tids);
	uint64_t type = code_type_of_frames(p, l, &states);
	return type ? type : is_code_type(p, &l->offsets.object, symbol) ? symbol : 0;
}

int bd_layout_gil_enabled(const struct bd_process *p, const struct bd_layout *l, uint64_t gil, bool *ret)
{
	int32_t enabled = 1;
	if (l->offsets.in_gil.enabled >= 0) {
		int r = bd_process_read(p, gil + (uint32_t)l->offsets.in_gil.enabled, &enabled, sizeof enabled);
		if (r < 0)
			return r;
	}
	*ret = enabled != 0;
	return 0;
}

static const char *try_layout(const struct bd_process *p, const struct bd_layout *l, int tries)
{
	const char *why = NULL;
	for (int i = 0; i < tries; i++) {
		if (i)
			bd_sleep_ns(TRY_NS);
		if (!(why = doubt(p, l)))
			return NULL;
	}
	return why;
}

/* Rows of the version, those of this size of .PyRuntime first: patch levels mostly share both. Every row has to prove
 * itself, so a wrong guess ends as layout-unknown, never as figures. */
static const char *try_table(const struct bd_process *p, const struct runtime *rt, int minor,
	const struct bd_offsets *table, size_t len, int tries, struct bd_layout *l)
{
	const char *why = "no offsets are known for this version";
	for (int exact = 1; exact >= 0; exact--)
		for (size_t i = 0; i < len; i++) {
			if (table[i].minor != minor || (table[i].runtime_size == rt->size) != exact)
				continue;
			l->offsets = table[i];
			if (!(why = try_layout(p, l, tries)))
				return NULL;
		}
	return why;
}

static const char *look_at(const struct bd_process *p, const struct runtime *rt, const struct bd_offsets *table,
	size_t len, int tries, struct bd_layout *ret)
{
	struct bd_layout l = {.runtime = rt->address, .version = version_of_runtime(p, rt)};
	uint64_t words[W_MAX];
	const char *why;
	if (is_debug_offsets(p, rt, words)) {
		if (!(why = debug_offsets(words, rt, table, len, &l.offsets)))
			why = try_layout(p, &l, tries);
	} else {
		why = try_table(p, rt, minor_of_runtime(rt, l.version), table, len, tries, &l);
	}
	if (!why) {
		l.code_type = find_code_type(p, &l, rt->code_type);
		*ret = l;
	}
	return why;
}

/* Which of them is the one; n: none. */
static size_t look_at_all(const struct bd_process *p, const struct runtime *found, size_t n,
	const struct bd_offsets *table, size_t len, int tries, struct bd_layout *ret, const char **ret_why)
{
	size_t at = 0;
	while (at < n && (*ret_why = look_at(p, &found[at], table, len, tries, ret)))
		at++;
	return at;
}

/* Yama is one reason why memory may be closed, where there is a Yama. */
static const char *closed_hint(void)
{
	return access("/proc/sys/kernel/yama/ptrace_scope", F_OK) == 0
		? "sudo sysctl kernel.yama.ptrace_scope=0"
		: "trace it as root with all capabilities, or as the user and group it runs as";
}

int bd_layout_find(const struct bd_process *p, const struct bd_offsets *table, size_t table_len, struct bd_layout *ret,
	struct bd_error *err)
{
	bd_auto_free char *maps = NULL;
	int r = bd_maps_read(p->proc_fd, &maps);
	if (r == -EACCES || r == -EPERM)
		return bd_error_set(err, r, "not-permitted", closed_hint(),
			"the kernel does not let us look into process %d", p->pid);
	if (r < 0)
		return bd_error_set(err, -ESRCH, "no-such-process", NULL, "process %d is gone", p->pid);
	struct runtime found[4];
	size_t n = find_runtimes(p, maps, false, found, BD_LEN(found));
	if (!n)
		n = find_runtimes(p, maps, true, found, BD_LEN(found));
	if (!n)
		return bd_error_set(err, -ENOEXEC, "layout-unknown", NULL,
			"process %d is not a CPython process: no _PyRuntime in it%s", p->pid,
			strstr(maps, "python") && strstr(maps, "(deleted)") ? " (its files were replaced)" : "");
	char probe[8];
	if (bd_process_read(p, found[0].address, probe, sizeof probe) == -EPERM)
		return bd_error_set(err, -EPERM, "not-permitted", closed_hint(),
			"the kernel does not let us read the memory of process %d", p->pid);
	/* One look at each first: a program may have a second Python in it that never started. */
	const char *why = NULL;
	struct bd_layout l, other;
	size_t at = look_at_all(p, found, n, table, table_len, 1, &l, &why);
	if (at == n && !p->hurried)
		at = look_at_all(p, found, n, table, table_len, TRIES, &l, &why);
	if (at == n) {
		int minor = minor_of_runtime(&found[n - 1], version_of_runtime(p, &found[n - 1]));
		bd_auto_free char *version = minor < 0 ? bd_strdup("of unknown version") : bd_printf("3.%d", minor);
		return bd_error_set(err, -ENOTSUP, "layout-unknown", NULL, "process %d (CPython %s): %s", p->pid,
			version, why);
	}
	while (++at < n)
		if (found[at].address != l.runtime && !look_at(p, &found[at], table, table_len, 1, &other))
			return bd_error_set(err, -ENOTSUP, "layout-unknown", NULL,
				"process %d has two Pythons at work in it (3.%d and 3.%d)", p->pid, l.offsets.minor,
				other.offsets.minor);
	*ret = l;
	return 0;
}
