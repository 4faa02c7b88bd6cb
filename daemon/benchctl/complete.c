/* What may come next on a command line that is being typed, from the descriptors. */
#include "bd_benchctl.h"

void bd_offers_add(struct bd_offers *o, const char *word, const char *about)
{
	for (size_t i = 0; i < o->n; i++)
		if (bd_streq(o->v[i].word, word))
			return;
	for (const char *p = word; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return; /* nothing of ours has a blank; a shell's own quoting is left alone */
	*BD_PUSH(o->v, o->n) = (struct bd_offer){bd_strdup(word), bd_strdup(about ? about : "")};
}

void bd_offers_done(struct bd_offers *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->v[i].word);
		free(o->v[i].about);
	}
	free(o->v);
	*o = (struct bd_offers){0};
}

/* The line as far as it has been typed. */
struct typed {
	const struct bd_command *command; /* with its verb: the verb */
	bool unknown;                     /* a command or verb there is none of */
	bool only_operands;               /* after -- */
	size_t operands;
	bool program;                    /* after -- of a command that takes another one */
	const char *target;              /* the first of them */
	const struct bd_option *pending; /* the next word is its value */
	struct bd_words given;           /* options */
};

static const struct bd_command *verb_of(const struct bd_command *c, const char *word)
{
	for (size_t i = 0; i < c->verbs_len; i++)
		if (bd_streq(c->verbs[i].name, word))
			return &c->verbs[i];
	return NULL;
}

static const struct bd_command *command_of(const struct bd_command *const *commands, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (bd_streq(commands[i]->name, word))
			return commands[i];
	return NULL;
}

static void read_operand(struct typed *t, const struct bd_command *const *commands, size_t n, const char *word)
{
	bool names_command = !t->command || t->command->verbs_len;
	if (!names_command) {
		if (!t->operands++)
			t->target = word;
		return;
	}
	const struct bd_command *c = t->command ? verb_of(t->command, word) : command_of(commands, n, word);
	if (c)
		t->command = c;
	else
		t->unknown = true;
}

static void read_word(struct typed *t, const struct bd_command *const *commands, size_t n, const char *word)
{
	if (t->pending) {
		t->pending = NULL;
	} else if (!t->only_operands && bd_streq(word, "--")) {
		t->only_operands = true;
		t->program = t->command && t->command->program;
	} else if (!t->only_operands && bd_starts_with(word, "--")) {
		size_t len = strcspn(word + 2, "=");
		const struct bd_option *o = bd_option_find(t->command, word + 2, len, 0);
		if (o)
			*BD_PUSH(t->given.v, t->given.n) = (struct bd_word){o, NULL};
		if (o && o->argument && !word[2 + len])
			t->pending = o;
	} else if (t->only_operands || word[0] != '-' || !word[1]) {
		read_operand(t, commands, n, word);
	}
}

/* ---- what fits ------------------------------------------------------------------------------------------------------- */

struct completer {
	struct typed typed;
	bd_offer_fn source;
	const char *word; /* being typed */
	struct bd_offers *ret;
};

static void offer(struct completer *k, const char *word, const char *about)
{
	if (bd_starts_with(word, k->word))
		bd_offers_add(k->ret, word, about);
}

/* All that the source has, each after `before`, but for those in `without`. */
static void offer_from_source(struct completer *k, enum bd_words_kind kind, const char *axis, const char *before,
	const struct bd_strv *without)
{
	struct bd_offers found = {0};
	k->source(kind, axis, k->typed.target, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (without && bd_strv_has(without, found.v[i].word))
			continue;
		bd_auto_free char *word = bd_printf("%s%s%s", before, found.v[i].word,
			kind == BD_WORDS_AXIS ? "=" : "");
		offer(k, word, found.v[i].about);
	}
	bd_offers_done(&found);
}

/* "1,2," and what is not in it yet; list is the part of the word after `before`. */
static void offer_list(struct completer *k, enum bd_words_kind kind, const char *axis, const char *before,
	const char *list)
{
	const char *comma = strrchr(list, ',');
	bd_auto_free char *head = bd_printf("%s%.*s", before, comma ? (int)(comma + 1 - list) : 0, list);
	bd_auto_strv struct bd_strv already = {0};
	if (comma) {
		bd_auto_free char *done = bd_strndup(list, (size_t)(comma - list));
		bd_strv_split(&already, done, ',');
	}
	offer_from_source(k, kind, axis, head, &already);
}

/* Values of an option; value is the part of the word after `before`, which is "--name=" or nothing. */
static void offer_values(struct completer *k, const struct bd_option *o, const char *before, const char *value)
{
	if (o->kind == BD_OPT_CHOICE) {
		bd_auto_strv struct bd_strv choices = {0};
		bd_strv_split(&choices, o->argument, '|');
		for (size_t i = 0; i < choices.n; i++) {
			bd_auto_free char *word = bd_printf("%s%s", before, choices.v[i]);
			offer(k, word, NULL);
		}
		return;
	}
	const char *equals = strchr(value, '=');
	if (o->words == BD_WORDS_FILE) {
		k->ret->files = true;
	} else if (o->words == BD_WORDS_AXIS && equals) {
		bd_auto_free char *axis = bd_strndup(value, (size_t)(equals - value));
		bd_auto_free char *head = bd_printf("%s%s=", before, axis);
		offer_list(k, BD_WORDS_VALUE, axis, head, equals + 1);
	} else if (o->kind == BD_OPT_LIST && o->words) {
		offer_list(k, o->words, o->name, before, value);
	} else if (o->words) {
		offer_from_source(k, o->words, o->name, before, NULL);
	}
}

static void offer_options(struct completer *k)
{
	const struct bd_command *c = k->typed.command;
	for (int global = 0; global < 2; global++) {
		const struct bd_option *o = global ? bd_global_options : c ? c->options : NULL;
		size_t n = global ? bd_global_options_len : c ? c->options_len : 0;
		for (size_t i = 0; i < n; i++) {
			bd_auto_free char *word = bd_printf("--%s", o[i].name);
			if (o[i].repeat || !bd_words_flag(&k->typed.given, o[i].name))
				offer(k, word, o[i].summary);
		}
	}
}

static void offer_commands(struct completer *k, const struct bd_command *const *commands, size_t n)
{
	for (size_t i = 0; i < n; i++)
		offer(k, commands[i]->name, commands[i]->summary);
}

static void offer_verbs(struct completer *k, const struct bd_command *c)
{
	for (size_t i = 0; c && i < c->verbs_len; i++)
		offer(k, c->verbs[i].name, c->verbs[i].summary);
}

static void offer_operands(struct completer *k, const struct bd_command *const *commands, size_t n)
{
	const struct typed *t = &k->typed;
	const struct bd_command *c = t->command;
	if (t->program)
		k->ret->files = true;
	else if (!c)
		offer_commands(k, commands, n);
	else if (c->verbs_len)
		offer_verbs(k, c);
	else if (t->operands >= c->operands_max && !*k->word && !t->only_operands)
		offer_options(k); /* nothing else is left to say */
	else if (t->operands >= c->operands_max)
		return;
	else if (c->words == BD_WORDS_COMMAND && !t->operands)
		offer_commands(k, commands, n);
	else if (c->words == BD_WORDS_COMMAND)
		offer_verbs(k, command_of(commands, n, t->target));
	else if (c->words == BD_WORDS_FILE)
		k->ret->files = true;
	else if (c->words)
		offer_from_source(k, c->words, NULL, "", NULL);
	/* a file of one's own can be a target too; the shell is left to it when no suite is meant */
	if (c && c->words == BD_WORDS_TARGET && t->operands < c->operands_max && !k->ret->n && *k->word)
		k->ret->files = true;
}

void bd_complete(const struct bd_command *const *commands, size_t commands_len, const struct bd_strv *words,
	bd_offer_fn source, struct bd_offers *ret)
{
	struct completer k = {.source = source, .word = words->n ? words->v[words->n - 1] : "", .ret = ret};
	struct typed *t = &k.typed;
	for (size_t i = 0; i + 1 < words->n; i++)
		read_word(t, commands, commands_len, words->v[i]);
	const char *equals = strchr(k.word, '=');
	if (t->unknown) {
		/* nothing can be said about a command there is none of */
	} else if (t->pending) {
		offer_values(&k, t->pending, "", k.word);
	} else if (!t->only_operands && bd_starts_with(k.word, "--") && equals) {
		size_t len = (size_t)(equals - k.word) - 2;
		bd_auto_free char *before = bd_strndup(k.word, len + 3);
		const struct bd_option *o = bd_option_find(t->command, k.word + 2, len, 0);
		if (o && o->argument)
			offer_values(&k, o, before, equals + 1);
	} else if (!t->only_operands && k.word[0] == '-') {
		offer_options(&k);
	} else {
		offer_operands(&k, commands, commands_len);
	}
	bd_words_done(&t->given);
}
