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

static int read_header(int fd, Elf64_Ehdr *ret)
{
	if (read_at(fd, ret, sizeof *ret, 0) < 0 || memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0 ||
		ret->e_ident[EI_CLASS] != ELFCLASS64 || ret->e_ident[EI_DATA] != ELFDATA2LSB ||
		ret->e_machine != EM_X86_64)
		return -ENOEXEC;
	return 0;
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
