#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ---- names: every text once ------------------------------------------------------------------------------------ */

#define NAMES_MAX (64U << 20) /* bytes: a program that makes up functions for ever must not take our memory */

struct bd_names {
	char **slot; /* by hash, with linear probing */
	size_t slots, used, bytes;
};

static void place(struct bd_names *n, char *text)
{
	size_t i = bd_hash(text, strlen(text)) & (n->slots - 1);
	while (n->slot[i])
		i = (i + 1) & (n->slots - 1);
	n->slot[i] = text;
}

static void grow(struct bd_names *n)
{
	struct bd_names bigger = {.slots = n->slots ? n->slots * 2 : 1024, .used = n->used, .bytes = n->bytes};
	bigger.slot = bd_alloc(bigger.slots * sizeof bigger.slot[0]);
	for (size_t i = 0; i < n->slots; i++)
		if (n->slot[i])
			place(&bigger, n->slot[i]);
	free(n->slot);
	*n = bigger;
}

const char *bd_symbols_intern(struct bd_symbols *s, const char *text, size_t len)
{
	struct bd_names *n = s->names;
	if (n->used * 2 >= n->slots)
		grow(n);
	size_t i = bd_hash(text, len) & (n->slots - 1);
	for (; n->slot[i]; i = (i + 1) & (n->slots - 1))
		if (strncmp(n->slot[i], text, len) == 0 && !n->slot[i][len])
			return n->slot[i];
	if (n->bytes + len + 1 > NAMES_MAX)
		return NULL;
	n->slot[i] = bd_strndup(text, len);
	n->used++;
	n->bytes += len + 1;
	return n->slot[i];
}

static void names_free(struct bd_names **np)
{
	struct bd_names *n = BD_TAKE_PTR(*np);
	for (size_t i = 0; n && i < n->slots; i++)
		free(n->slot[i]);
	if (n)
		free(n->slot);
	free(n);
}

/* ---- the process ------------------------------------------------------------------------------------------------ */

int bd_symbols_new(const struct bd_tracer_info *info, struct bd_symbols **ret, struct bd_error *err)
{
	bd_auto_free char *folder = bd_printf("/proc/%d", info->proc_pid);
	bd_auto_close int proc = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bd_auto_close int mem = proc < 0 ? -1 : openat(proc, "mem", O_RDONLY | O_CLOEXEC);
	if (mem < 0 && (errno == EACCES || errno == EPERM))
		return bd_error_set(err, -errno, "not-permitted", "sudo sysctl kernel.yama.ptrace_scope=0",
			"the kernel does not let us read the memory of process %d", info->proc_pid);
	if (mem < 0)
		return bd_error_set(err, -ESRCH, "no-such-process", NULL, "process %d is gone", info->proc_pid);
	struct bd_symbols *s = bd_alloc(sizeof *s);
	s->info = *info;
	s->proc_fd = BD_TAKE_FD(proc);
	s->mem_fd = BD_TAKE_FD(mem);
	s->names = bd_alloc(sizeof *s->names);
	*ret = s;
	return 0;
}

void bd_symbols_free(struct bd_symbols **sp)
{
	struct bd_symbols *s = BD_TAKE_PTR(*sp);
	if (!s)
		return;
	bd_codes_free(&s->codes);
	bd_natives_free(&s->natives);
	names_free(&s->names);
	bd_closep(&s->mem_fd);
	bd_closep(&s->proc_fd);
	free(s);
}

ssize_t bd_symbols_read(const struct bd_symbols *s, uint64_t address, void *ret, size_t len)
{
	if (address >> 47) /* not of user space; and an offset must not be negative */
		return -EFAULT;
	ssize_t n = pread(s->mem_fd, ret, len, (off_t)address);
	return n < 0 ? -errno : n;
}

int bd_symbols_read_all(const struct bd_symbols *s, uint64_t address, void *ret, size_t len)
{
	ssize_t n = bd_symbols_read(s, address, ret, len);
	return n < 0 ? (int)n : (size_t)n == len ? 0 : -EFAULT;
}
