#include "bd_plugin_manager.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct version {
	const struct bd_plugin *plugin; /* in its own memory */
	void *state, *place, *handle;
	char *file;           /* our copy */
	struct version *next; /* of those that wait */
};

struct slot {
	char *name;
	struct version *now; /* NULL = retired */
};

struct bd_plugin_manager {
	char *folder;
	enum bd_plugin_space space;
	const struct bd_plugin_host *host;
	const struct bd_plugin_place *place;
	struct slot *slots;
	size_t slots_len;
	unsigned depth; /* calls that are on the stack */
	struct version *waiting;
	uint64_t serial;
	struct bd_plugin_counts counts;
};

/* ---- the copy ------------------------------------------------------------------------------------------------- */

static int copy_bytes(int from, int to)
{
	for (;;) {
		char data[16384];
		ssize_t n = read(from, data, sizeof data);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (ssize_t at = 0, w; at < n; at += w) {
			w = write(to, data + at, (size_t)(n - at));
			if (w < 0 && errno == EINTR)
				w = 0;
			else if (w < 0)
				return -errno;
		}
	}
}

/* A file of ours that nobody has: another manager, or one that was killed, may have left some in this folder. */
static int make_copy(struct bd_plugin_manager *m, const char *path, char **ret)
{
	const char *base = strrchr(path, '/');
	for (;;) {
		bd_auto_free char *copy = bd_printf("%s/%llu-%s", m->folder, (unsigned long long)++m->serial,
			base ? base + 1 : path);
		int fd = open(copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700), e = errno;
		if (fd < 0 && e == EEXIST)
			continue;
		*ret = BD_TAKE_PTR(copy);
		return fd < 0 ? -e : fd;
	}
}

/* How long the headers say that a shared object is; 0 when it is none, which the dynamic linker tells. */
static uint64_t elf_length(int fd)
{
	ElfW(Ehdr) head;
	if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
		head.e_phentsize != sizeof(ElfW(Phdr)))
		return 0;
	uint64_t end = head.e_shoff ? head.e_shoff + (uint64_t)head.e_shnum * head.e_shentsize : 0;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		ElfW(Phdr) part;
		off_t at = (off_t)(head.e_phoff + i * sizeof part);
		if (pread(fd, &part, sizeof part, at) != (ssize_t)sizeof part)
			return BD_MAX(end, head.e_phoff + (i + 1) * sizeof part);
		if (part.p_type == PT_LOAD)
			end = BD_MAX(end, part.p_offset + part.p_filesz);
	}
	return end;
}

/* The dynamic linker maps what the headers speak of, and dies of what is not there: a file that is still being written. */
static int check_length(const char *path, int fd, struct bd_error *err)
{
	struct stat st;
	uint64_t wanted = elf_length(fd);
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size >= wanted)
		return 0;
	return bd_error_set(err, -ELIBBAD, "bad-plugin", "load it again when it is written",
		"%s is cut short: it has %lld bytes of %llu", path, (long long)st.st_size, (unsigned long long)wanted);
}

static int copy_file(struct bd_plugin_manager *m, const char *path, char **ret, struct bd_error *err)
{
	if (!m->folder)
		return bd_error_set(err, -EINVAL, "plugin-copy", "", "this manager has no folder for %s", path);
	bd_auto_close int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
	struct stat st;
	if (from < 0 || fstat(from, &st) < 0)
		return bd_error_set(err, -errno, "no-such-input", "", "cannot read the plugin %s: %s", path,
			strerror(errno));
	if (!S_ISREG(st.st_mode))
		return bd_error_set(err, -ELIBBAD, "bad-plugin", "", "the plugin %s is no file", path);
	bd_auto_free char *copy = NULL;
	bd_auto_close int to = make_copy(m, path, &copy);
	int r = to < 0 ? to : copy_bytes(from, to);
	if (r < 0) {
		if (to >= 0)
			unlink(copy);
		return bd_error_set(err, r, "plugin-copy", "", "cannot copy the plugin to %s: %s", copy, strerror(-r));
	}
	r = check_length(path, to, err); /* of the copy, which nobody writes to any more */
	if (r < 0) {
		unlink(copy);
		return r;
	}
	*ret = BD_TAKE_PTR(copy);
	return 0;
}

/* ---- a version -------------------------------------------------------------------------------------------------- */

static void enter(const struct bd_plugin_manager *m, const struct version *v)
{
	if (m->place)
		m->place->enter(v->place);
}

static void leave(const struct bd_plugin_manager *m, const struct version *v)
{
	if (m->place)
		m->place->leave(v->place);
}

/* What is mapped here still belongs to a loaded object. */
static bool in_process(const void *address)
{
	Dl_info info;
	return dladdr(address, &info) != 0;
}

static void drop(struct bd_plugin_manager *m, struct version *v)
{
	if (v->place)
		m->place->end(v->place);
	const void *code = v->plugin ? (const void *)(uintptr_t)v->plugin->call : NULL;
	if (v->handle) {
		dlclose(v->handle);
		if (code && in_process(code))
			m->counts.stays++;
	}
	if (v->file)
		unlink(v->file);
	free(v->file);
	free(v);
}

static void end(struct bd_plugin_manager *m, struct version *v)
{
	enter(m, v);
	v->plugin->stop(v->state);
	leave(m, v);
	drop(m, v);
}

static void retire(struct bd_plugin_manager *m, struct version *v)
{
	m->counts.retired++;
	if (!m->depth) {
		end(m, v);
		return;
	}
	v->next = m->waiting;
	m->waiting = v;
	m->counts.waiting++;
}

static void end_waiting(struct bd_plugin_manager *m)
{
	while (m->waiting && !m->depth) {
		struct version *v = m->waiting;
		m->waiting = v->next;
		m->counts.waiting--;
		end(m, v);
	}
}

static size_t symbol_size(const void *address)
{
	Dl_info info;
	const ElfW(Sym) *symbol = NULL;
	return dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol && info.dli_saddr == address
		? symbol->st_size
		: 0;
}

/* room: how many bytes there are at p. */
static int read_table(const char *path, const struct bd_plugin *p, size_t room, struct bd_error *err)
{
	const char *hint = "build it against this host's bd_plugin.h";
	if (!p)
		return bd_error_set(err, -ELIBBAD, "bad-plugin", hint, "%s has no symbol bd_plugin", path);
	if (room < sizeof p->abi)
		return bd_error_set(err, -ELIBBAD, "bad-plugin", hint, "bd_plugin of %s is no table", path);
	if (p->abi != BD_PLUGIN_ABI)
		return bd_error_set(err, -ELIBBAD, "plugin-abi", hint, "%s speaks ABI %u, this host speaks %u", path,
			p->abi, BD_PLUGIN_ABI);
	if (room < sizeof *p || p->size < sizeof *p || !p->name || !*p->name || !p->start || !p->call || !p->stop)
		return bd_error_set(err, -ELIBBAD, "bad-plugin", hint, "the table of %s is not as its ABI says", path);
	return 0;
}

static int start_version(struct bd_plugin_manager *m, const char *what, const struct bd_plugin *p, struct version *v,
	struct bd_error *err)
{
	int r = m->place ? m->place->make(m->place->arg, &v->place, err) : 0;
	if (r < 0)
		return r;
	enter(m, v);
	int status = p->start(m->host, &v->state);
	leave(m, v);
	if (status != 0)
		return bd_error_set(err, -EIO, "plugin-start", "", "start() of %s returned %d", what, status);
	v->plugin = p;
	return 0;
}

static int open_version(struct bd_plugin_manager *m, const char *path, struct version *v, struct bd_error *err)
{
	int r = copy_file(m, path, &v->file, err);
	if (r < 0)
		return r;
	v->handle = m->space == BD_PLUGIN_OWN ? dlmopen(LM_ID_NEWLM, v->file, RTLD_NOW | RTLD_LOCAL)
					      : dlopen(v->file, RTLD_NOW | RTLD_LOCAL);
	if (!v->handle) {
		const char *why = dlerror();
		return bd_error_set(err, -ELIBBAD, "bad-plugin", "", "%s cannot be loaded: %s", path,
			why ? why : "no reason was given");
	}
	const struct bd_plugin *p = dlsym(v->handle, "bd_plugin");
	r = read_table(path, p, p ? symbol_size(p) : 0, err);
	return r < 0 ? r : start_version(m, path, p, v, err);
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

int bd_plugin_manager_find(const struct bd_plugin_manager *m, const char *name, size_t *ret_index)
{
	for (size_t i = 0; i < m->slots_len; i++)
		if (bd_streq(m->slots[i].name, name)) {
			*ret_index = i;
			return 0;
		}
	return -ENOENT;
}

static size_t slot_of(struct bd_plugin_manager *m, const char *name)
{
	size_t index = m->slots_len;
	if (bd_plugin_manager_find(m, name, &index) < 0) {
		struct slot *s = BD_PUSH(m->slots, m->slots_len);
		s->name = bd_strdup(name);
	}
	return index;
}

/* r: how making this version ended. */
static int put(struct bd_plugin_manager *m, struct version *v, int r, size_t *ret_index)
{
	if (r < 0) {
		m->counts.refused++;
		drop(m, v);
		return r;
	}
	size_t index = slot_of(m, v->plugin->name);
	struct version *old = m->slots[index].now;
	m->slots[index].now = v;
	m->counts.loaded++;
	if (old)
		retire(m, old);
	if (ret_index)
		*ret_index = index;
	return 0;
}

int bd_plugin_manager_load(struct bd_plugin_manager *m, const char *path, size_t *ret_index, struct bd_error *err)
{
	struct version *v = bd_alloc(sizeof *v);
	return put(m, v, open_version(m, path, v, err), ret_index);
}

int bd_plugin_manager_add(struct bd_plugin_manager *m, const struct bd_plugin *plugin, size_t *ret_index,
	struct bd_error *err)
{
	struct version *v = bd_alloc(sizeof *v);
	int r = read_table("a plugin of the program", plugin, sizeof *plugin, err);
	return put(m, v, r < 0 ? r : start_version(m, plugin->name, plugin, v, err), ret_index);
}

int bd_plugin_manager_retire(struct bd_plugin_manager *m, const char *name, struct bd_error *err)
{
	size_t index;
	if (bd_plugin_manager_find(m, name, &index) < 0 || !m->slots[index].now)
		return bd_error_set(err, -ENOENT, "not-found", "", "no plugin %s is loaded", name);
	struct version *old = m->slots[index].now;
	m->slots[index].now = NULL;
	retire(m, old);
	return 0;
}

/* The version is read once: the plugin may replace itself meanwhile. */
static uint64_t call(struct bd_plugin_manager *m, const struct version *v, uint64_t x)
{
	if (!v)
		return x;
	enter(m, v);
	x = v->plugin->call(v->state, x);
	leave(m, v);
	return x;
}

uint64_t bd_plugin_manager_call(struct bd_plugin_manager *m, size_t index, uint64_t x)
{
	if (index >= m->slots_len)
		return x;
	m->depth++;
	x = call(m, m->slots[index].now, x);
	if (--m->depth == 0 && m->waiting)
		end_waiting(m);
	return x;
}

uint64_t bd_plugin_manager_call_all(struct bd_plugin_manager *m, uint64_t x)
{
	m->depth++;
	for (size_t i = 0; i < m->slots_len; i++)
		x = call(m, m->slots[i].now, x);
	if (--m->depth == 0 && m->waiting)
		end_waiting(m);
	return x;
}

const struct bd_plugin *bd_plugin_manager_at(const struct bd_plugin_manager *m, size_t index)
{
	return index < m->slots_len && m->slots[index].now ? m->slots[index].now->plugin : NULL;
}

struct bd_plugin_counts bd_plugin_manager_counts(const struct bd_plugin_manager *m)
{
	return m->counts;
}

/* ---- the manager --------------------------------------------------------------------------------------------------- */

int bd_plugin_manager_new(const char *folder, enum bd_plugin_space space, const struct bd_plugin_host *host,
	const struct bd_plugin_place *place, struct bd_plugin_manager **ret, struct bd_error *err)
{
	int r = folder ? bd_mkdirs(folder, 0700) : 0;
	if (r < 0)
		return bd_error_set(err, r, "plugin-copy", "", "cannot make the folder %s: %s", folder, strerror(-r));
	struct bd_plugin_manager *m = bd_alloc(sizeof *m);
	m->folder = bd_strdup(folder);
	m->space = space;
	m->host = host;
	m->place = place;
	*ret = m;
	return 0;
}

void bd_plugin_manager_free(struct bd_plugin_manager **m)
{
	struct bd_plugin_manager *old = BD_TAKE_PTR(*m);
	if (!old)
		return;
	/* a plugin's stop() may use the manager, and finds itself retired as with bd_plugin_manager_retire() */
	for (size_t i = 0; i < old->slots_len; i++)
		if (old->slots[i].now)
			retire(old, BD_TAKE_PTR(old->slots[i].now));
	for (size_t i = 0; i < old->slots_len; i++)
		free(old->slots[i].name);
	if (old->folder)
		rmdir(old->folder);
	free(old->slots);
	free(old->folder);
	free(old);
}
