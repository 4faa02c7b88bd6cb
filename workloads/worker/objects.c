#include "bd_bench.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

struct list {
	struct bd_worker_object *v;
	size_t n;
};

/* The build-id as it was mapped, not as the file says by now. */
static char *build_id(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type != PT_NOTE)
			continue;
		const char *at = (const char *)(info->dlpi_addr + ph->p_vaddr), *end = at + ph->p_memsz;
		while (end - at >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
			ElfW(Nhdr) note;
			memcpy(&note, at, sizeof note);
			const char *name = at + sizeof note;
			const unsigned char *desc = (const unsigned char *)name + ((note.n_namesz + 3u) & ~3u);
			at = (const char *)desc + ((note.n_descsz + 3u) & ~3u);
			if (desc + note.n_descsz > (const unsigned char *)end)
				break;
			if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || memcmp(name, "GNU", 4) != 0)
				continue;
			struct bd_str hex = {0};
			for (size_t b = 0; b < note.n_descsz; b++)
				bd_str_printf(&hex, "%02x", desc[b]);
			return bd_str_take(&hex);
		}
	}
	return NULL;
}

static int add(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	struct list *list = arg;
	const char *name = info->dlpi_name;
	char self[4096];
	if (!*name) { /* the program itself comes first, without a name */
		ssize_t n = list->n ? -1 : readlink("/proc/self/exe", self, sizeof self - 1);
		if (n < 0)
			return 0;
		self[n] = '\0';
		name = self;
	}
	struct bd_worker_object *o = BD_PUSH(list->v, list->n);
	o->path = realpath(name, NULL);
	if (!o->path) /* the vDSO, or a file that was replaced since */
		o->path = bd_strdup(name);
	o->build_id = build_id(info);
	return 0;
}

void bd_objects_loaded(struct bd_worker_object **ret, size_t *ret_n)
{
	struct list list = {0};
	dl_iterate_phdr(add, &list);
	*ret = list.v;
	*ret_n = list.n;
}

void bd_objects_free(struct bd_worker_object **objects, size_t *n)
{
	for (size_t i = 0; i < *n; i++) {
		free((*objects)[i].path);
		free((*objects)[i].build_id);
	}
	free(BD_TAKE_PTR(*objects));
	*n = 0;
}

const char *bd_object_of(const void *address)
{
	Dl_info info;
	return address && dladdr(address, &info) ? info.dli_fname : NULL;
}

struct search {
	const char *name;
	const void *found;
};

/* Whether the function is defined at this address: an executable at a fixed address that calls it has a stub there, by
 * the same name. */
static bool defined(const void *address, Dl_info *ret)
{
	const ElfW(Sym) *symbol = NULL;
	return dladdr1(address, ret, (void **)&symbol, RTLD_DL_SYMENT) && ret->dli_saddr == address && symbol &&
		symbol->st_shndx != SHN_UNDEF;
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	struct search *s = arg;
	void *handle = *info->dlpi_name ? dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD) : NULL;
	const void *address = handle ? dlsym(handle, s->name) : NULL;
	Dl_info where;
	/* its own, not that of an object it needs */
	if (address && defined(address, &where) && (uintptr_t)where.dli_fbase == info->dlpi_addr)
		s->found = address;
	if (handle)
		dlclose(handle);
	return s->found != NULL;
}

const void *bd_object_function(const char *name)
{
	const void *address = dlsym(RTLD_DEFAULT, name);
	Dl_info where;
	if (!address || defined(address, &where))
		return address;
	/* The stub leads to the first definition among what is loaded beside the executable. */
	struct search s = {.name = name};
	dl_iterate_phdr(look, &s);
	return s.found ? s.found : address;
}
