/* The part of a check that Python has no words for. It is loaded by ctypes into the process that has the user's module, and
 * knows nothing of Python but names:
 * - every function of the C API a module imports is led through here first, where the thread that calls it must hold the GIL;
 * - a fault tells its address and who caused it before it ends the process;
 * - memory that was given back is put behind a guard, so that a pointer that was kept cannot be used unseen. */
#include "helper.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define STATUS_GIL 86 /* of a process that called without the GIL */

static int out = -1; /* lines of JSON go there */

/* len: what snprintf() said of the line, which may not have fit. */
static void put(const char *line, size_t size, int len)
{
	if (len > 0 && write(out, line, (size_t)len < size ? (size_t)len : size - 1) < 0)
		return;
}

/* "module.so+0x1234", and the symbol before it when the file exports one: what addr2line takes. */
static void describe(const void *address, char *ret, size_t size)
{
	Dl_info info;
	if (!dladdr(address, &info) || !info.dli_fname) {
		snprintf(ret, size, "%p", address);
		return;
	}
	const char *slash = strrchr(info.dli_fname, '/');
	int n = snprintf(ret, size, "%s+0x%zx", slash ? slash + 1 : info.dli_fname,
		(size_t)((const char *)address - (const char *)info.dli_fbase));
	if (info.dli_sname && n > 0 && (size_t)n < size)
		snprintf(ret + n, size - (size_t)n, " (%s)", info.dli_sname);
}

/* A name from a file, within a string of JSON. */
static void plain(char *s)
{
	for (; *s; s++)
		if (*s == '"' || *s == '\\' || (unsigned char)*s < 0x20)
			*s = '?';
}

/* ---- calls without the GIL ------------------------------------------------------------------------------------------- */

struct entry {
	void *real;
	const char *name;
};

static int (*holds_gil)(void); /* PyGILState_Check */
static volatile bool watching;

/* Needs no GIL, takes it, or is asked before there is one. */
static bool is_free(const char *name)
{
	static const char *const begins[] = {"PyMem_Raw", "PyThread_", "Py_Initialize", "Py_IsInitialized",
		"Py_IsFinalizing", "_Py_IsFinalizing", "Py_Finalize", "Py_Get", "Py_FatalError", "_Py_FatalError",
		"PyOS_snprintf", "PyOS_vsnprintf", "PyOS_mystr", "PyMutex_", "_PyMutex_", "PyTraceMalloc_", "PyConfig_",
		"PyPreConfig_", "PyStatus_"};
	static const char *const names[] = {"PyGILState_Ensure", "PyGILState_Check", "PyGILState_GetThisThreadState",
		"PyEval_RestoreThread", "PyEval_AcquireThread", "PyEval_AcquireLock", "PyEval_InitThreads",
		"PyEval_ThreadsInitialized", "PyThreadState_New", "PyThreadState_Swap", "PyThreadState_Delete",
		"PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet", "PyInterpreterState_Main",
		"PyInterpreterState_Head", "PyInterpreterState_Next", "PyInterpreterState_ThreadHead",
		"Py_AddPendingCall", "Py_AtExit", "PyErr_SetInterrupt", "PyErr_SetInterruptEx", "PyTime_MonotonicRaw",
		"PyTime_PerfCounterRaw", "PyTime_TimeRaw"};
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (strncmp(name, begins[i], strlen(begins[i])) == 0)
			return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

#ifdef __x86_64__

/* Called by common() with every call of the C API that the module makes. Only what is safe on any thread, at any time. */
__attribute__((used)) static void called(const struct entry *e, const void *from)
{
	if (!watching || holds_gil())
		return;
	watching = false;
	int error = errno;
	char where[512], line[1024];
	describe(from, where, sizeof where);
	plain(where);
	bool own = syscall(SYS_gettid) != getpid();
	put(line, sizeof line,
		snprintf(line, sizeof line, "{\"gil\": \"%.300s\", \"where\": \"%s\", \"own_thread\": %s}\n", e->name,
			where, own ? "true" : "false"));
	errno = error;
	_exit(STATUS_GIL); /* it may do anything from here on */
}

/* Entered by a jump from a stub, with the entry in r11 and everything else as the module's call left it: all registers that
 * may carry arguments are kept, and the real function returns to the module. */
__asm__(".text\n"
	".type common, @function\n"
	"common:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	sub $192, %rsp\n"
	"	mov %rdi, 0(%rsp)\n"
	"	mov %rsi, 8(%rsp)\n"
	"	mov %rdx, 16(%rsp)\n"
	"	mov %rcx, 24(%rsp)\n"
	"	mov %r8, 32(%rsp)\n"
	"	mov %r9, 40(%rsp)\n"
	"	mov %rax, 48(%rsp)\n"
	"	mov %r11, 56(%rsp)\n"
	"	movups %xmm0, 64(%rsp)\n"
	"	movups %xmm1, 80(%rsp)\n"
	"	movups %xmm2, 96(%rsp)\n"
	"	movups %xmm3, 112(%rsp)\n"
	"	movups %xmm4, 128(%rsp)\n"
	"	movups %xmm5, 144(%rsp)\n"
	"	movups %xmm6, 160(%rsp)\n"
	"	movups %xmm7, 176(%rsp)\n"
	"	mov %r11, %rdi\n"
	"	mov 8(%rbp), %rsi\n"
	"	call called\n"
	"	mov 0(%rsp), %rdi\n"
	"	mov 8(%rsp), %rsi\n"
	"	mov 16(%rsp), %rdx\n"
	"	mov 24(%rsp), %rcx\n"
	"	mov 32(%rsp), %r8\n"
	"	mov 40(%rsp), %r9\n"
	"	mov 48(%rsp), %rax\n"
	"	mov 56(%rsp), %r11\n"
	"	movups 64(%rsp), %xmm0\n"
	"	movups 80(%rsp), %xmm1\n"
	"	movups 96(%rsp), %xmm2\n"
	"	movups 112(%rsp), %xmm3\n"
	"	movups 128(%rsp), %xmm4\n"
	"	movups 144(%rsp), %xmm5\n"
	"	movups 160(%rsp), %xmm6\n"
	"	movups 176(%rsp), %xmm7\n"
	"	leave\n"
	"	jmp *(%r11)\n"
	".size common, .-common\n");
extern char common[] __attribute__((visibility("hidden")));

#define STUB_BYTES 32

/* movabs $entry, %r11; movabs $common, %r10; jmp *%r10: none of them carries an argument. */
static void write_stub(unsigned char *at, const struct entry *e)
{
	const void *to = common;
	memcpy(at, "\x49\xbb", 2);
	memcpy(at + 2, &e, 8);
	memcpy(at + 10, "\x49\xba", 2);
	memcpy(at + 12, &to, 8);
	memcpy(at + 20, "\x41\xff\xe2", 3);
}

/* Whether the dynamic linker resolved a symbol to a function; data are no calls. */
static bool is_function(const void *address)
{
	Dl_info info;
	const ElfW(Sym) *symbol = NULL;
	return address && dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
		ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
}

struct wanted {
	const char *path;
	int patched;
};

struct tables {
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * plt, *rela;
	size_t plt_bytes, rela_bytes;
};

static void read_dynamic(const struct dl_phdr_info *info, const ElfW(Phdr) * ph, struct tables *ret)
{
	for (const ElfW(Dyn) *d = (const void *)(info->dlpi_addr + ph->p_vaddr); d->d_tag != DT_NULL; d++) {
		/* glibc has made addresses of them already, musl has not */
		uintptr_t at = d->d_un.d_ptr < info->dlpi_addr ? d->d_un.d_ptr + info->dlpi_addr : d->d_un.d_ptr;
		if (d->d_tag == DT_SYMTAB)
			ret->symbols = (const void *)at;
		else if (d->d_tag == DT_STRTAB)
			ret->names = (const void *)at;
		else if (d->d_tag == DT_JMPREL)
			ret->plt = (const void *)at;
		else if (d->d_tag == DT_RELA)
			ret->rela = (const void *)at;
		else if (d->d_tag == DT_PLTRELSZ)
			ret->plt_bytes = d->d_un.d_val;
		else if (d->d_tag == DT_RELASZ)
			ret->rela_bytes = d->d_un.d_val;
	}
}

static unsigned char *stubs; /* one page after the other, never freed: pointers to them may be anywhere */
static size_t stubs_left;

static unsigned char *next_stub(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE) * 16;
	if (stubs_left < STUB_BYTES) {
		void *p = mmap(NULL, page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return NULL;
		stubs = p;
		stubs_left = page;
	}
	unsigned char *stub = stubs;
	stubs += STUB_BYTES;
	stubs_left -= STUB_BYTES;
	return stub;
}

/* Leads one slot of the module's table through a stub; 1 when it did. */
static int lead(uintptr_t base, const struct tables *t, const ElfW(Rela) * r)
{
	uint32_t kind = ELF64_R_TYPE(r->r_info);
	if (kind != R_X86_64_JUMP_SLOT && kind != R_X86_64_GLOB_DAT)
		return 0;
	const char *name = t->names + t->symbols[ELF64_R_SYM(r->r_info)].st_name;
	if ((strncmp(name, "Py", 2) != 0 && strncmp(name, "_Py", 3) != 0) || is_free(name))
		return 0;
	void *real = dlsym(RTLD_DEFAULT, name), **slot = (void **)(base + r->r_offset);
	struct entry *e = is_function(real) ? malloc(sizeof *e) : NULL;
	unsigned char *stub = e ? next_stub() : NULL;
	if (!stub) {
		free(e);
		return 0;
	}
	*e = (struct entry){real, name};
	write_stub(stub, e);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)slot & ~(page - 1);
	if (mprotect((void *)from, page, PROT_READ | PROT_WRITE) < 0) /* it may have been closed after relocation */
		return 0;
	*slot = stub;
	return 1;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct wanted *w = arg;
	struct tables t = {0};
	(void)size;
	char *real = info->dlpi_name && *info->dlpi_name ? realpath(info->dlpi_name, NULL) : NULL;
	bool same = real && strcmp(real, w->path) == 0;
	free(real);
	if (!same)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			read_dynamic(info, &info->dlpi_phdr[i], &t);
	if (!t.symbols || !t.names)
		return 1;
	for (size_t i = 0; t.plt && i < t.plt_bytes / sizeof *t.plt; i++)
		w->patched += lead(info->dlpi_addr, &t, &t.plt[i]);
	for (size_t i = 0; t.rela && i < t.rela_bytes / sizeof *t.rela; i++)
		w->patched += lead(info->dlpi_addr, &t, &t.rela[i]);
	return 1;
}

int bdcheck_watch(const char *path)
{
	struct wanted w = {.path = path};
	holds_gil = (int (*)(void))dlsym(RTLD_DEFAULT, "PyGILState_Check");
	if (!holds_gil)
		return -1;
	dl_iterate_phdr(look_at, &w);
	watching = true;
	return w.patched;
}

static const void *program_counter(const void *context)
{
	return (const void *)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

#else

int bdcheck_watch(const char *path)
{
	(void)path;
	return -1;
}

static const void *program_counter(const void *context)
{
	(void)context;
	return NULL;
}

#endif

void bdcheck_watching(int on)
{
	watching = on && holds_gil;
}

/* ---- faults, and memory that is gone ------------------------------------------------------------------------------------- */

#define REGIONS 4096

static struct region {
	uintptr_t start;
	size_t len;
	int label;
} regions[REGIONS];
static volatile int regions_len;

static void on_fault(int number, siginfo_t *info, void *context)
{
	char where[512], line[1024];
	uintptr_t at = (uintptr_t)info->si_addr;
	int label = -1;
	size_t offset = 0;
	for (int i = regions_len - 1; i >= 0 && label < 0; i--)
		if (info->si_code > 0 && at >= regions[i].start && at - regions[i].start < regions[i].len) {
			label = regions[i].label;
			offset = at - regions[i].start;
		}
	describe(program_counter(context), where, sizeof where);
	plain(where);
	put(line, sizeof line,
		snprintf(line, sizeof line,
			"{\"fault\": %d, \"address\": \"0x%zx\", \"where\": \"%s\", \"region\": %d, \"offset\": %zu}\n",
			number, (size_t)at, where, label, offset));
	signal(number, SIG_DFL); /* on return it faults again, and ends */
	if (info->si_code <= 0)
		raise(number);
}

void bdcheck_faults(int fd)
{
	static char stack[1 << 16];
	const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	out = fd;
	sigaltstack(&own, NULL);
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &sa, NULL);
}

void bdcheck_region(uintptr_t start, size_t len, int label)
{
	if (regions_len < REGIONS)
		regions[regions_len++] = (struct region){start, len, label};
}

int bdcheck_guard(uintptr_t start, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (start + page - 1) & ~(page - 1), end = (start + len) & ~(page - 1);
	if (end <= from)
		return 0;
	void *p = mmap((void *)from, end - from, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return 0;
	if ((uintptr_t)p == from)
		return 1;
	munmap(p, end - from);
	return 0;
}

int bdcheck_other_malloc(void)
{
	/* Its own file is asked: an allocator may bring a mallinfo2 along, and addresses of functions may be the program's. */
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), *found = libc ? dlsym(libc, "mallinfo2") : NULL;
	struct mallinfo2 (*info)(void) = (struct mallinfo2(*)(void))(uintptr_t)found;
	if (libc)
		dlclose(libc);
	if (!info)
		return 0;
	struct mallinfo2 before = info(), after;
	void *p = malloc(1 << 20);
	__asm__ volatile("" : "+r"(p) : : "memory");
	after = info();
	free(p);
	return p && after.hblkhd + after.uordblks < before.hblkhd + before.uordblks + (1 << 20);
}

void bdcheck_fill(size_t len)
{
	for (int i = 0; i < 65536; i++) {
		void *p = malloc(len);
		size_t head = 0;
		if (!p)
			return;
		__asm__("" : "+r"(p)); /* what lies before it is glibc's, and no compiler knows of it */
		memcpy(&head, (char *)p - sizeof head, sizeof head);
		if (head & 2) { /* glibc's mark of a block that was mapped */
			free(p);
			return;
		}
	}
}

void *bdcheck_pages(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int bdcheck_close(void *start, size_t len)
{
	return mprotect(start, len, PROT_NONE);
}
