#include "demangle.h"
#include "modules.h"

#define FRAMES_MAX 64
#define PER_SECOND 300    /* unwinds */
#define LOOK_NS 250000000 /* how often the list of mappings is looked at */
#define SYMBOLS 4096      /* addresses whose function is remembered; powers of two */
#define PATHS 2048
#define WORDS_MAX 24 /* of a stack, that say how it unwinds */
#define NAME_MAX_BYTES 512

/* What the unwinder read of a stack, and what came out. Words that lead to code count as they are, words that lead into the
 * stack by their distance, others not at all: they are data that no rule follows. */
struct path {
	uint64_t ip, frame;            /* instruction; rbp, as `meaning` has it */
	uint16_t len, word[WORDS_MAX]; /* offsets from the stack pointer */
	uint64_t is[WORDS_MAX];
	const char *name;
	bool used;
};

struct symbol {
	uint64_t address;
	const char *name; /* as it is in the file; NULL: no symbol */
	bool used, jump;  /* jump: to another file's function */
};

struct bd_natives {
	struct bd_modules modules;
	struct symbol symbol[SYMBOLS];
	struct path path[PATHS];
	int64_t looked_ns, second_ns;
	unsigned unwinds; /* in this second */
	bool attached;

	/* the unwind in progress */
	const struct bd_rec_native *record;
	uint64_t stack; /* its first address */
	uint16_t read[WORDS_MAX];
	uint16_t reads; /* more than WORDS_MAX: too many to remember */
	unsigned frames;
	const char *name; /* the answer */
};

enum { RBP = 6, RSP = 7, RIP = 16 };

/* ---- what was seen before ------------------------------------------------------------------------------------------ */

static uint64_t meaning(const struct bd_natives *n, uint64_t stack, uint64_t v)
{
	if (v - stack < BD_EVENTS_NATIVE * 4)
		return (v - stack) | UINT64_C(1) << 63;
	return bd_modules_is_code(&n->modules, v) ? v : 0;
}

static bool word_at(const struct bd_rec_native *r, uint64_t offset, uint64_t *ret)
{
	uint32_t bytes = BD_MIN(r->bytes, (uint32_t)sizeof r->stack);
	if (offset > bytes || bytes - offset < sizeof *ret)
		return false;
	memcpy(ret, r->stack + offset, sizeof *ret);
	return true;
}

/* Different stacks under one instruction lie in neighbouring places. */
#define WAYS 4
static struct path *paths_of(struct bd_natives *n, uint64_t ip)
{
	return &n->path[bd_hash(&ip, sizeof ip) % (PATHS / WAYS) * WAYS];
}

static bool is_path(const struct bd_natives *n, const struct path *p, const struct bd_rec_native *r)
{
	uint64_t stack = r->reg[RSP], v;
	if (!p->used || p->ip != r->reg[RIP] || p->frame != meaning(n, stack, r->reg[RBP]))
		return false;
	for (size_t i = 0; i < p->len; i++)
		if (!word_at(r, p->word[i], &v) || meaning(n, stack, v) != p->is[i])
			return false;
	return true;
}

static void remember(struct bd_natives *n, const struct bd_rec_native *r)
{
	if (n->reads > WORDS_MAX)
		return;
	struct path made = {.ip = r->reg[RIP],
		.frame = meaning(n, n->stack, r->reg[RBP]),
		.len = n->reads,
		.name = n->name,
		.used = true};
	for (size_t i = 0; i < n->reads; i++) {
		uint64_t v = 0;
		word_at(r, made.word[i] = n->read[i], &v);
		made.is[i] = meaning(n, n->stack, v);
	}
	struct path *set = paths_of(n, made.ip);
	memmove(set + 1, set, (WAYS - 1) * sizeof *set); /* the oldest gives way */
	set[0] = made;
}

static const struct symbol *symbol_at(struct bd_natives *n, struct bd_module *x, uint64_t address)
{
	struct symbol *found = &n->symbol[bd_hash(&address, sizeof address) % SYMBOLS];
	if (!found->used || found->address != address) {
		const char *name = bd_modules_symbol(x, address);
		*found = (struct symbol){address, name, true, !name && bd_modules_is_jump(x, address)};
	}
	return found;
}

/* ---- frames --------------------------------------------------------------------------------------------------------- */

static bool is_eval(const char *symbol)
{
	return (bd_starts_with(symbol, "_PyEval_EvalFrameDefault") || bd_starts_with(symbol, "_TAIL_CALL_"));
}

static const char *shown(struct bd_symbols *s, const char *symbol)
{
	bd_auto_free char *plain = bd_demangle(symbol);
	const char *name = plain ? plain : symbol;
	/* what compilers add to the parts and copies of a function: .cold, .lto_priv.0 */
	size_t len = plain ? strlen(name) : 1 + strcspn(name + 1, ".");
	if (len > NAME_MAX_BYTES)
		for (len = NAME_MAX_BYTES; len && ((unsigned char)name[len] & 0xc0) == 0x80;)
			len--;
	return bd_symbols_intern(s, name, len);
}

/* One frame, from the innermost on. at: within its instruction. true: go on. */
static bool consider(struct bd_symbols *s, struct bd_natives *n, uint64_t at)
{
	struct bd_module *x = bd_modules_at(&n->modules, at);
	if (!x || at - n->modules.eval < n->modules.eval_end - n->modules.eval || !bd_modules_is_code(&n->modules, at))
		return false;
	const struct symbol *symbol = x->kind == BD_MODULE_SYSTEM ? NULL : symbol_at(n, x, at);
	if (symbol && !symbol->jump && x->kind == BD_MODULE_CODE) {
		n->name = symbol->name ? shown(s, symbol->name) : bd_symbols_intern(s, x->name, strlen(x->name));
		return false;
	}
	if (symbol && !symbol->jump && x->kind == BD_MODULE_PYTHON &&
		(symbol->name ? is_eval(symbol->name) : bd_modules_like_eval(&n->modules, x, at)))
		return false;
	/* without rules for the frame its caller would be a guess */
	return bd_modules_has_cfi(x, at);
}

/* ---- unwinding ------------------------------------------------------------------------------------------------------ */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread)
{
	(void)dwfl;
	(void)arg;
	if (*thread)
		return 0;
	*thread = arg;
	return 1; /* there is only the one that was recorded */
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	struct bd_symbols *s = arg;
	Dwarf_Word reg[BD_EVENTS_REGS];
	for (size_t i = 0; i < BD_EVENTS_REGS; i++)
		reg[i] = s->natives->record->reg[i];
	return dwfl_thread_state_registers(thread, 0, BD_EVENTS_REGS, reg);
}

/* The stack as it was recorded, and nothing else: by now it is another one. */
static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *arg)
{
	(void)dwfl;
	struct bd_natives *n = ((struct bd_symbols *)arg)->natives;
	uint64_t v;
	if (!word_at(n->record, address - n->stack, &v))
		return false;
	*ret = v;
	uint16_t offset = (uint16_t)(address - n->stack);
	if (meaning(n, n->stack, v)) {
		if (n->reads < WORDS_MAX)
			n->read[n->reads] = offset;
		if (n->reads <= WORDS_MAX)
			n->reads++;
	}
	return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers};

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct bd_symbols *s = arg;
	Dwarf_Addr pc;
	bool exact;
	if (++s->natives->frames > FRAMES_MAX || !dwfl_frame_pc(frame, &pc, &exact))
		return DWARF_CB_ABORT;
	return consider(s, s->natives, exact ? pc : pc - 1) ? DWARF_CB_OK : DWARF_CB_ABORT;
}

static bool may_unwind(struct bd_natives *n)
{
	int64_t now = bd_clock_mono_ns();
	if (now - n->second_ns >= 1000000000) {
		n->second_ns = now;
		n->unwinds = 0;
	}
	return n->unwinds++ < PER_SECOND;
}

static void unwind(struct bd_symbols *s, struct bd_natives *n)
{
	if (!n->attached)
		n->attached = n->modules.dwfl &&
			dwfl_attach_state(n->modules.dwfl, NULL, s->info.proc_pid, &thread_callbacks, s);
	if (!n->attached)
		return;
	n->frames = n->reads = 0;
	dwfl_getthread_frames(n->modules.dwfl, 1, on_frame, s);
	remember(n, n->record);
}

/* The files of the process as they are now; what was learnt of others is forgotten. */
static void look(struct bd_symbols *s, struct bd_natives *n, int64_t after_ns)
{
	int64_t now = bd_clock_mono_ns();
	if (n->looked_ns && now - n->looked_ns < after_ns)
		return;
	n->looked_ns = now;
	if (!bd_modules_refresh(&n->modules, s))
		return;
	memset(n->symbol, 0, sizeof n->symbol);
	memset(n->path, 0, sizeof n->path);
	n->attached = false;
}

const char *bd_symbols_native(struct bd_symbols *s, const struct bd_rec_native *native)
{
	if (!s->natives)
		s->natives = bd_alloc(sizeof *s->natives);
	struct bd_natives *n = s->natives;
	uint64_t ip = native->reg[RIP];
	look(s, n, LOOK_NS);
	if (!bd_modules_is_code(&n->modules, ip))
		look(s, n, LOOK_NS / 10);
	n->record = native;
	n->stack = native->reg[RSP];
	n->name = NULL;
	const struct bd_module *x = bd_modules_at(&n->modules, ip);
	if ((!x || x->kind != BD_MODULE_SYSTEM) && !consider(s, n, ip))
		return n->name;
	struct path *set = paths_of(n, ip);
	for (size_t i = 0; i < WAYS; i++)
		if (is_path(n, &set[i], native))
			return set[i].name;
	if (!may_unwind(n))
		return NULL;
	unwind(s, n);
	return n->name;
}

void bd_natives_free(struct bd_natives **np)
{
	struct bd_natives *n = BD_TAKE_PTR(*np);
	if (!n)
		return;
	bd_modules_done(&n->modules);
	free(n);
}
