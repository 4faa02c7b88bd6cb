#include "bd_imports.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define FILE_MAX (64u << 20)

struct file {
	const char *data;
	size_t len;
	Elf64_Ehdr header;
};

static const void *at(const struct file *f, uint64_t offset, uint64_t size)
{
	return offset <= f->len && size <= f->len - offset ? f->data + offset : NULL;
}

static bool segment(const struct file *f, unsigned i, Elf64_Phdr *ret)
{
	const void *p = at(f, f->header.e_phoff + (uint64_t)i * f->header.e_phentsize, sizeof *ret);
	if (p)
		memcpy(ret, p, sizeof *ret);
	return p != NULL;
}

/* What will be at this address, in the file. */
static const void *at_address(const struct file *f, uint64_t address, uint64_t size)
{
	Elf64_Phdr s;
	for (unsigned i = 0; i < f->header.e_phnum && segment(f, i, &s); i++)
		if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz)
			return at(f, s.p_offset + (address - s.p_vaddr), size);
	return NULL;
}

struct tables {
	uint64_t rela, rela_size, jump, jump_size, relr, relr_size;
};

static bool read_dynamic(const struct file *f, struct tables *t)
{
	Elf64_Phdr s = {0};
	bool found = false;
	for (unsigned i = 0; i < f->header.e_phnum && !found && segment(f, i, &s); i++)
		found = s.p_type == PT_DYNAMIC;
	for (uint64_t n = 0; found && n + sizeof(Elf64_Dyn) <= s.p_filesz; n += sizeof(Elf64_Dyn)) {
		const void *p = at(f, s.p_offset + n, sizeof(Elf64_Dyn));
		Elf64_Dyn d;
		if (!p)
			return false;
		memcpy(&d, p, sizeof d);
		switch (d.d_tag) {
		case DT_RELA:
			t->rela = d.d_un.d_ptr;
			break;
		case DT_RELASZ:
			t->rela_size = d.d_un.d_val;
			break;
		case DT_JMPREL:
			t->jump = d.d_un.d_ptr;
			break;
		case DT_PLTRELSZ:
			t->jump_size = d.d_un.d_val;
			break;
		case 36:
			t->relr = d.d_un.d_ptr;
			break; /* DT_RELR: younger than some elf.h */
		case 35:
			t->relr_size = d.d_un.d_val;
			break;
		case DT_NULL:
			return true;
		default:
			break;
		}
	}
	return found;
}

static bool count_rela(const struct file *f, const struct tables *t, struct bd_relocations *n)
{
	const char *p = t->rela_size ? at_address(f, t->rela, t->rela_size) : "";
	for (uint64_t i = 0; p && i + sizeof(Elf64_Rela) <= t->rela_size; i += sizeof(Elf64_Rela)) {
		Elf64_Rela r;
		memcpy(&r, p + i, sizeof r);
		if (ELF64_R_SYM(r.r_info))
			n->symbolic++;
		else
			n->relative++;
	}
	return p != NULL;
}

/* Packed: an even word is an address, every odd one a bit for each of the next 63 words. */
static bool count_relr(const struct file *f, const struct tables *t, struct bd_relocations *n)
{
	const char *p = t->relr_size ? at_address(f, t->relr, t->relr_size) : "";
	for (uint64_t i = 0; p && i + sizeof(uint64_t) <= t->relr_size; i += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, p + i, sizeof word);
		n->relative += word & 1 ? (uint64_t)__builtin_popcountll(word >> 1) : 1;
	}
	return p != NULL;
}

int bd_imports_relocations(const char *path, struct bd_relocations *ret, struct bd_error *err)
{
	bd_auto_free char *data = NULL;
	struct file f = {0};
	int r = bd_file_read(path, FILE_MAX, &data, &f.len);
	if (r < 0)
		return bd_error_set(err, r, "no-such-input", "", "cannot read %s: %s", path, strerror(-r));
	f.data = data;
	const void *header = at(&f, 0, sizeof f.header);
	if (header)
		memcpy(&f.header, header, sizeof f.header);
	struct tables t = {0};
	struct bd_relocations n = {0};
	if (!header || memcmp(f.header.e_ident, ELFMAG, SELFMAG) != 0 || f.header.e_ident[EI_CLASS] != ELFCLASS64 ||
		!read_dynamic(&f, &t) || !count_rela(&f, &t, &n) || !count_relr(&f, &t, &n) ||
		(t.jump_size && !at_address(&f, t.jump, t.jump_size)))
		return bd_error_set(err, -ENOEXEC, "bad-object", "", "%s is no shared object of this machine", path);
	n.calls = t.jump_size / sizeof(Elf64_Rela);
	*ret = n;
	return 0;
}
