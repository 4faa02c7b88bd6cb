#include "elf_file.h"

#include "bd_base.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_SECTIONS 4096
#define MAX_TABLE (64U << 20) /* a symbol or string table larger than this is not one */

static int read_at(int fd, void *to, size_t len, uint64_t offset)
{
	ssize_t n = pread(fd, to, len, (off_t)offset);
	return n == (ssize_t)len ? 0 : -ENOEXEC;
}

static bool is_elf(const Elf64_Ehdr *e)
{
	return memcmp(e->e_ident, ELFMAG, SELFMAG) == 0 && e->e_ident[EI_CLASS] == ELFCLASS64 &&
		e->e_ident[EI_DATA] == ELFDATA2LSB && e->e_machine == EM_X86_64;
}

static int read_header(int fd, Elf64_Ehdr *ret)
{
	return read_at(fd, ret, sizeof *ret, 0) < 0 || !is_elf(ret) ? -ENOEXEC : 0;
}

/* A whole section, NUL-terminated; caller frees. */
static int read_section(int fd, const Elf64_Shdr *s, char **ret)
{
	if (s->sh_size > MAX_TABLE)
		return -ENOEXEC;
	bd_auto_free char *text = bd_alloc(s->sh_size + 1);
	if (read_at(fd, text, s->sh_size, s->sh_offset) < 0)
		return -ENOEXEC;
	*ret = BD_TAKE_PTR(text);
	return 0;
}

static void find_symbols(int fd, const Elf64_Shdr *sections, size_t n, const Elf64_Shdr *table, struct bd_python_elf *e)
{
	bd_auto_free char *symbols = NULL, *names = NULL;
	if (table->sh_link >= n || table->sh_entsize != sizeof(Elf64_Sym) || read_section(fd, table, &symbols) < 0 ||
		read_section(fd, &sections[table->sh_link], &names) < 0)
		return;
	uint64_t names_len = sections[table->sh_link].sh_size;
	for (size_t at = 0; at + sizeof(Elf64_Sym) <= table->sh_size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;
		memcpy(&sym, symbols + at, sizeof sym);
		if (sym.st_name >= names_len || sym.st_shndx == SHN_UNDEF)
			continue;
		const char *name = names + sym.st_name;
		if (!e->version && strcmp(name, "Py_Version") == 0) {
			e->version = sym.st_value;
		} else if (!e->code_type && strcmp(name, "PyCode_Type") == 0) {
			e->code_type = sym.st_value;
		} else if (!e->runtime && strcmp(name, "_PyRuntime") == 0) {
			e->runtime = sym.st_value;
			e->runtime_size = sym.st_size;
		}
	}
}

int bd_python_elf_read(int fd, bool symbols, struct bd_python_elf *ret)
{
	Elf64_Ehdr eh;
	int r = read_header(fd, &eh);
	if (r < 0)
		return r;
	if (eh.e_shentsize != sizeof(Elf64_Shdr) || eh.e_shnum == 0 || eh.e_shnum > MAX_SECTIONS ||
		eh.e_shstrndx >= eh.e_shnum)
		return -ENOENT;
	size_t n = eh.e_shnum;
	bd_auto_free Elf64_Shdr *sections = bd_alloc(n * sizeof *sections);
	bd_auto_free char *names = NULL;
	if (read_at(fd, sections, n * sizeof *sections, eh.e_shoff) < 0 ||
		read_section(fd, &sections[eh.e_shstrndx], &names) < 0)
		return -ENOEXEC;

	struct bd_python_elf e = {0};
	for (size_t i = 0; i < n; i++)
		if (sections[i].sh_name < sections[eh.e_shstrndx].sh_size &&
			strcmp(names + sections[i].sh_name, ".PyRuntime") == 0) {
			e.runtime = sections[i].sh_addr;
			e.runtime_size = sections[i].sh_size;
		}
	if (!e.runtime && !symbols)
		return -ENOENT;
	static const uint32_t kinds[] = {SHT_DYNSYM, SHT_SYMTAB};
	for (size_t k = 0; k < BD_LEN(kinds); k++)
		for (size_t i = 0; i < n; i++)
			if (sections[i].sh_type == kinds[k] && (!e.runtime || !e.version || !e.code_type))
				find_symbols(fd, sections, n, &sections[i], &e);
	if (!e.runtime)
		return -ENOENT;
	*ret = e;
	return 0;
}

int bd_elf_bias(int fd, uint64_t map_start, uint64_t map_offset, uint64_t *ret)
{
	Elf64_Ehdr eh;
	int r = read_header(fd, &eh);
	if (r < 0)
		return r;
	if (eh.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;
		if (read_at(fd, &ph, sizeof ph, eh.e_phoff + i * sizeof ph) < 0)
			return -ENOEXEC;
		uint64_t page = 4095, from = ph.p_offset & ~page;
		if (ph.p_type == PT_LOAD && map_offset == from) {
			*ret = map_start - (ph.p_vaddr & ~page);
			return 0;
		}
	}
	return -ENOENT;
}

/* ---- in memory -------------------------------------------------------------------------------------------------- */

#define MAX_HEADERS 64
#define MAX_DYNAMIC 512
#define MAX_CHAIN 4096

struct image {
	int (*read)(const void *process, uint64_t address, void *ret, size_t len);
	const void *process;
	uint64_t bias, symbols, names, hash;
};

/* The loader has put addresses in place of what was linked, mostly. */
static uint64_t placed(uint64_t v, uint64_t start, uint64_t bias)
{
	return v >= start ? v : v + bias;
}

static int read_dynamic(struct image *x, uint64_t start)
{
	Elf64_Ehdr eh;
	if (x->read(x->process, start, &eh, sizeof eh) < 0 || !is_elf(&eh) || eh.e_phentsize != sizeof(Elf64_Phdr) ||
		eh.e_phnum > MAX_HEADERS)
		return -ENOEXEC;
	Elf64_Phdr ph[MAX_HEADERS], *dynamic = NULL;
	if (x->read(x->process, start + eh.e_phoff, ph, eh.e_phnum * sizeof ph[0]) < 0)
		return -ENOEXEC;
	for (size_t i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD && ph[i].p_offset < 4096)
			x->bias = start - (ph[i].p_vaddr & ~UINT64_C(4095));
		else if (ph[i].p_type == PT_DYNAMIC)
			dynamic = &ph[i];
	}
	Elf64_Dyn entry[MAX_DYNAMIC];
	size_t n = dynamic ? BD_MIN(dynamic->p_memsz / sizeof entry[0], (size_t)MAX_DYNAMIC) : 0;
	if (!n || x->read(x->process, x->bias + dynamic->p_vaddr, entry, n * sizeof entry[0]) < 0)
		return -ENOENT;
	for (size_t i = 0; i < n && entry[i].d_tag != DT_NULL; i++) {
		uint64_t at = placed(entry[i].d_un.d_ptr, start, x->bias);
		if (entry[i].d_tag == DT_SYMTAB)
			x->symbols = at;
		else if (entry[i].d_tag == DT_STRTAB)
			x->names = at;
		else if (entry[i].d_tag == DT_GNU_HASH)
			x->hash = at;
	}
	return x->symbols && x->names && x->hash ? 0 : -ENOENT;
}

static bool look_up(const struct image *x, const char *name, Elf64_Sym *ret)
{
	struct {
		uint32_t buckets, first, bloom, shift;
	} head;
	uint32_t h = 5381, i, chain;
	for (const char *c = name; *c; c++)
		h = h * 33 + (unsigned char)*c;
	if (x->read(x->process, x->hash, &head, sizeof head) < 0 || !head.buckets)
		return false;
	uint64_t buckets = x->hash + sizeof head + (uint64_t)head.bloom * 8,
		 chains = buckets + (uint64_t)head.buckets * 4;
	if (x->read(x->process, buckets + h % head.buckets * UINT64_C(4), &i, sizeof i) < 0 || i < head.first)
		return false;
	for (int k = 0; k < MAX_CHAIN; k++, i++) {
		char have[16];
		size_t len = strlen(name) + 1;
		if (x->read(x->process, chains + (uint64_t)(i - head.first) * 4, &chain, sizeof chain) < 0)
			return false;
		if ((chain | 1) == (h | 1) &&
			x->read(x->process, x->symbols + i * sizeof *ret, ret, sizeof *ret) == 0 &&
			x->read(x->process, x->names + ret->st_name, have, len) == 0 && memcmp(have, name, len) == 0 &&
			ret->st_shndx != SHN_UNDEF)
			return true;
		if (chain & 1)
			return false;
	}
	return false;
}

int bd_python_elf_memory(int (*read)(const void *process, uint64_t address, void *ret, size_t len), const void *process,
	uint64_t start, struct bd_python_elf *ret, uint64_t *ret_bias)
{
	struct image x = {.read = read, .process = process};
	Elf64_Sym runtime, sym;
	int r = read_dynamic(&x, start);
	if (r < 0)
		return r;
	if (!look_up(&x, "_PyRuntime", &runtime))
		return -ENOENT;
	*ret = (struct bd_python_elf){.runtime = runtime.st_value, .runtime_size = runtime.st_size};
	if (look_up(&x, "Py_Version", &sym))
		ret->version = sym.st_value;
	if (look_up(&x, "PyCode_Type", &sym))
		ret->code_type = sym.st_value;
	*ret_bias = x.bias;
	return 0;
}
