#include "modules.h"

#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MODULES_MAX 4096
#define OWN_PAGE_MAX (64U << 10)
#define FUNCTIONS_MAX (1 << 20)

/* ---- what elfutils asks for --------------------------------------------------------------------------------------- */

/* userdata of a Dwfl_Module is the bd_modules; its own entry is found by address. */
static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, char **ret_file,
	Elf **ret_elf)
{
	(void)mod;
	(void)name;
	struct bd_modules *m = *userdata;
	struct bd_module *x = bd_modules_at(m, base);
	if (!x)
		return -1;
	if (x->mapping.path[0] == '[') {
		size_t len = BD_MIN(x->end - x->start, (uint64_t)OWN_PAGE_MAX);
		free(m->own_page);
		m->own_page = bd_alloc(len);
		if (bd_symbols_read_all(m->symbols, x->start, m->own_page, len) == 0)
			*ret_elf = elf_memory((char *)m->own_page, len);
		return -1; /* no descriptor; the Elf, where there is one, is used */
	}
	int fd = bd_mapped_open(m->symbols->proc_fd, &x->mapping);
	if (fd < 0)
		return -1;
	*ret_file = bd_strndup(x->mapping.path, x->mapping.path_len);
	return fd;
}

static bool same_build(int fd, const unsigned char *id, size_t len)
{
	char have[64] = "", want[64] = "";
	bd_auto_free char *path = bd_printf("/proc/self/fd/%d", fd);
	if (len * 2 >= sizeof want || bd_elf_build_id(path, have, sizeof have) < 0)
		return false;
	for (size_t i = 0; i < len; i++)
		snprintf(want + i * 2, 3, "%02x", id[i]);
	return strcmp(have, want) == 0;
}

/* A file with the symbols of another, in the places of the target's own system; never from the network. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, const char *file,
	const char *link, GElf_Word crc, char **ret)
{
	(void)name;
	(void)crc; /* the build id says it better */
	struct bd_modules *m = *userdata;
	struct bd_module *x = bd_modules_at(m, base);
	const unsigned char *id;
	GElf_Addr unused;
	int len = dwfl_module_build_id(mod, &id, &unused);
	if (!x || !file || len < 2 || len > 30)
		return -1;
	bd_auto_strv struct bd_strv places = {0};
	char hex[64];
	for (int i = 0; i < len; i++)
		snprintf(hex + i * 2, 3, "%02x", id[i]);
	bd_strv_addf(&places, "root/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	bd_auto_free char *folder = bd_strndup(x->mapping.path, x->mapping.path_len);
	*strrchr(folder, '/') = 0;
	if (link && !strchr(link, '/')) {
		bd_strv_addf(&places, "root%s/%s", folder, link);
		bd_strv_addf(&places, "root%s/.debug/%s", folder, link);
		bd_strv_addf(&places, "root/usr/lib/debug%s/%s", folder, link);
	}
	for (size_t i = 0; i < places.n; i++) {
		bd_auto_close int fd = openat(m->symbols->proc_fd, places.v[i],
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd >= 0 && same_build(fd, id, (size_t)len)) {
			*ret = bd_strdup(places.v[i]);
			return BD_TAKE_FD(fd);
		}
	}
	return -1;
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = find_debuginfo};

/* ---- the list ----------------------------------------------------------------------------------------------------- */

static bool is_file(const struct bd_mapping *m)
{
	return m->path_len && (m->path[0] == '/' || (m->path_len == 6 && memcmp(m->path, "[vdso]", 6) == 0));
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	return (h ^ v) * UINT64_C(0x9e3779b97f4a7c15) ^ h >> 29;
}

/* Of what may change where code lies: heaps come and go all the time. */
static uint64_t hash_of(const char *maps)
{
	uint64_t h = 1;
	struct bd_mapping m;
	while (bd_maps_next(&maps, &m))
		if (m.executable && is_file(&m))
			h = mix(mix(mix(mix(h, m.start), m.end), m.inode), m.offset);
	return h;
}

static enum bd_module_kind kind_of(const char *base, size_t len)
{
	static const char *const system[] = {"libc.so", "libc-", "libm.so", "libm-", "libpthread", "librt.so", "librt-",
		"libdl.so", "libdl-", "ld-linux", "ld-2.", "libgcc_s.so", "libstdc++.so", "libc++", "libjemalloc.so",
		"libmimalloc", "libtcmalloc", "[vdso]"};
	for (size_t i = 0; i < BD_LEN(system); i++)
		if (len >= strlen(system[i]) && memcmp(base, system[i], strlen(system[i])) == 0)
			return BD_MODULE_SYSTEM;
	return BD_MODULE_CODE;
}

static bool goes_on(const struct bd_module *x, const struct bd_mapping *m)
{
	return x->mapping.inode == m->inode && x->mapping.path_len == m->path_len && m->offset &&
		memcmp(x->mapping.path, m->path, m->path_len) == 0;
}

static void read_list(struct bd_modules *m, const char *maps)
{
	struct bd_mapping map;
	while (bd_maps_next(&maps, &map)) {
		if (!is_file(&map))
			continue;
		if (map.executable) {
			*BD_PUSH(m->code, m->code_len) = map.start;
			*BD_PUSH(m->code, m->code_len) = map.end;
		}
		if (m->len && goes_on(&m->module[m->len - 1], &map)) {
			m->module[m->len - 1].end = map.end;
			continue;
		}
		if (m->len == MODULES_MAX)
			return;
		struct bd_module *x = BD_PUSH(m->module, m->len);
		*x = (struct bd_module){.start = map.start, .end = map.end, .mapping = map};
		x->mapping.path = bd_strndup(map.path, map.path_len);
		const char *slash = strrchr(x->mapping.path, '/'), *base = slash ? slash + 1 : x->mapping.path;
		x->kind = kind_of(base, strlen(base));
		x->name = base[0] == '[' ? bd_strdup(base) : bd_printf("[%s]", base);
	}
}

/* Only files with code: the others (locale archives, fonts) are none of ours. */
static void report(struct bd_modules *m)
{
	dwfl_report_begin(m->dwfl);
	for (size_t i = 0; i < m->len; i++) {
		struct bd_module *x = &m->module[i];
		bool code = false;
		for (size_t k = 0; k < m->code_len && !code; k += 2)
			code = m->code[k] >= x->start && m->code[k] < x->end;
		if (!code || !(x->dwfl = dwfl_report_module(m->dwfl, x->name, x->start, x->end)))
			continue;
		void **userdata;
		dwfl_module_info(x->dwfl, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
		*userdata = m;
	}
	dwfl_report_end(m->dwfl, NULL, NULL);
}

static int by_start(const void *a, const void *b)
{
	const struct bd_function *x = a, *y = b;
	return x->start != y->start ? (x->start > y->start ? 1 : -1) : (x->size > y->size) - (x->size < y->size);
}

static void find_jumps(struct bd_module *x)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(x->dwfl, &bias);
	size_t names;
	if (!elf || elf_getshdrstrndx(elf, &names) < 0)
		return;
	for (Elf_Scn *section = NULL; x->jumps < BD_LEN(x->jump) && (section = elf_nextscn(elf, section));) {
		GElf_Shdr head;
		const char *name = gelf_getshdr(section, &head) ? elf_strptr(elf, names, head.sh_name) : NULL;
		if (name && bd_starts_with(name, ".plt"))
			x->jump[x->jumps++] = (struct bd_function){head.sh_addr + bias, head.sh_size, NULL};
	}
}

/* elfutils looks through all symbols for every address: milliseconds in a large file. */
static void make_index(struct bd_module *x)
{
	int n = dwfl_module_getsymtab(x->dwfl);
	for (int i = 0; i < BD_MIN(n, FUNCTIONS_MAX); i++) {
		GElf_Sym sym;
		GElf_Addr at;
		const char *name = dwfl_module_getsym_info(x->dwfl, i, &sym, &at, NULL, NULL, NULL);
		if (name && name[0] && sym.st_size && GELF_ST_TYPE(sym.st_info) == STT_FUNC &&
			sym.st_shndx != SHN_UNDEF)
			*BD_PUSH(x->function, x->functions) = (struct bd_function){at, sym.st_size, name};
	}
	find_jumps(x);
	if (x->functions)
		qsort(x->function, x->functions, sizeof x->function[0], by_start);
	x->indexed = true;
}

/* Where the interpreter is, and its evaluation loop. */
static void find_python(struct bd_modules *m)
{
	struct bd_module *x = bd_modules_at(m, m->symbols->info.runtime);
	for (size_t i = 0; !x && i < m->len;
		i++) /* _PyRuntime may lie in the zeroed part behind a file's last mapping */
		if (m->module[i].end <= m->symbols->info.runtime &&
			(i + 1 == m->len || m->module[i + 1].start > m->symbols->info.runtime))
			x = &m->module[i];
	if (!x || !x->dwfl)
		return;
	x->kind = BD_MODULE_PYTHON;
	if (!x->indexed)
		make_index(x);
	for (size_t i = 0; i < x->functions; i++)
		if (bd_streq(x->function[i].name, "_PyEval_EvalFrameDefault")) {
			m->eval = x->function[i].start;
			m->eval_end = m->eval + x->function[i].size;
		}
}

static void clear(struct bd_modules *m)
{
	if (m->dwfl)
		dwfl_end(m->dwfl);
	for (size_t i = 0; i < m->len; i++) {
		free(m->module[i].name);
		free(m->module[i].function);
		free((char *)m->module[i].mapping.path);
	}
	free(m->module);
	free(m->code);
	free(m->own_page);
}

bool bd_modules_refresh(struct bd_modules *m, const struct bd_symbols *s)
{
	bd_auto_free char *maps = NULL;
	if (bd_maps_read(s->proc_fd, &maps) < 0)
		return false;
	uint64_t hash = hash_of(maps);
	if (hash == m->hash)
		return false;
	clear(m);
	*m = (struct bd_modules){.symbols = s, .hash = hash};
	read_list(m, maps);
	if ((m->dwfl = dwfl_begin(&callbacks))) {
		report(m);
		find_python(m);
	}
	return true;
}

void bd_modules_done(struct bd_modules *m)
{
	clear(m);
	*m = (struct bd_modules){0};
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

struct bd_module *bd_modules_at(const struct bd_modules *m, uint64_t address)
{
	size_t lo = 0, hi = m->len;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (m->module[mid].end <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->len && address >= m->module[lo].start ? &m->module[lo] : NULL;
}

bool bd_modules_is_code(const struct bd_modules *m, uint64_t address)
{
	size_t lo = 0, hi = m->code_len / 2;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (m->code[mid * 2 + 1] <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->code_len / 2 && address >= m->code[lo * 2];
}

const char *bd_modules_symbol(struct bd_module *x, uint64_t address)
{
	if (!x->dwfl)
		return NULL;
	if (!x->indexed)
		make_index(x);
	size_t lo = 0, hi = x->functions;
	while (lo < hi) { /* the first that starts behind it */
		size_t mid = (lo + hi) / 2;
		if (x->function[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* the nearest one before may be another function: only within its size */
	const struct bd_function *f = lo ? &x->function[lo - 1] : NULL;
	return f && address - f->start < f->size ? f->name : NULL;
}

bool bd_modules_is_jump(struct bd_module *x, uint64_t address)
{
	if (x->dwfl && !x->indexed)
		make_index(x);
	for (size_t i = 0; i < x->jumps; i++)
		if (address - x->jump[i].start < x->jump[i].size)
			return true;
	return false;
}

/* The rules for an address: where the caller's frame is. Those of debug files would do too, but unpacking one takes half a
 * second, and what runs has its own. */
static Dwarf_Frame *rules(const struct bd_module *x, uint64_t address)
{
	Dwarf_Addr bias;
	Dwarf_Frame *frame = NULL;
	Dwarf_CFI *cfi = x->dwfl ? dwfl_module_eh_cfi(x->dwfl, &bias) : NULL;
	if (cfi && dwarf_cfi_addrframe(cfi, address - bias, &frame) == 0)
		return frame;
	return NULL;
}

bool bd_modules_has_cfi(const struct bd_module *x, uint64_t address)
{
	bd_auto_free Dwarf_Frame *frame = rules(x, address);
	return frame != NULL;
}

/* Register and offset the frame's address is made of; false: of something else. */
static bool frame_base(const struct bd_module *x, uint64_t address, Dwarf_Op *ret)
{
	bd_auto_free Dwarf_Frame *frame = rules(x, address);
	Dwarf_Op *ops;
	size_t n;
	if (!frame || dwarf_frame_cfa(frame, &ops, &n) < 0 || n != 1)
		return false;
	*ret = ops[0];
	return true;
}

bool bd_modules_like_eval(const struct bd_modules *m, const struct bd_module *x, uint64_t address)
{
	Dwarf_Op a, b;
	if (!m->eval || !frame_base(x, m->eval + (m->eval_end - m->eval) / 2, &a) || !frame_base(x, address, &b))
		return true; /* who knows */
	return a.atom == b.atom && a.number == b.number && a.number2 == b.number2;
}
