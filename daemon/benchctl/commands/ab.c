/* benchctl ab: two of a kind in one interleaved run. */
#include "../format.h"
#include "../measure.h"

#include <errno.h>

static const struct bd_option options[] = {
	{"a", 0, BD_OPT_TEXT, "X",
		"what is compared to: a folder, a virtual environment, a shared object, or NAME=VALUE", true, 0, 0,
		BD_WORDS_FILE},
	{"b", 0, BD_OPT_TEXT, "X", "what is compared with it: of the same kind", true, 0, 0, BD_WORDS_FILE},
	FORMAT_OPTION,
	MEASURE_WHAT,
	MEASURE_HOW("wall time of the whole run (default 10s, unless --launches and --rounds are given)"),
};

/* ---- what is measured ------------------------------------------------------------------------------------------- */

struct pair {
	struct side side[2];
	struct bd_registered
		target[2]; /* of each side; kind NULL: the second has the first's, or nothing is registered */
};

static void pair_init(struct pair *p)
{
	*p = (struct pair){0};
	for (size_t i = 0; i < 2; i++) {
		bd_doc_init(&bd_registered_doc, &p->side[i].place);
		bd_doc_init(&bd_registered_doc, &p->target[i]);
	}
}

static void pair_done(struct pair *p)
{
	for (size_t i = 0; i < 2; i++) {
		side_done(&p->side[i]);
		bd_doc_done(&bd_registered_doc, &p->target[i]);
	}
}
#define auto_pair BD_CLEANUP(pair_done)

/* Each side runs it in its own folder, and finds programs in its own environment. */
static int find_commands(struct pair *p, const struct bd_strv *argv, struct bd_error *err)
{
	bool own = p->side[0].place.kind && !bd_streq(p->side[0].place.kind, "object");
	int r = 0;
	for (size_t i = 0; i < (own ? 2U : 1U) && r == 0; i++) {
		const struct bd_registered *place = &p->side[i].place;
		bd_auto_free char *bin = bd_streq(place->kind, "venv") ? bd_printf("%s/bin", place->path) : NULL;
		r = target_command(argv, side_folder(&p->side[i]), bin, &p->target[i], err);
	}
	return r;
}

/* Sides that are folders each have a copy of their own; when neither has, the one here serves both. */
static int find_paths(struct pair *p, const struct measure_target *t, struct bd_error *err)
{
	const char *word = t->word;
	const char *folders[2] = {side_folder(&p->side[0]), side_folder(&p->side[1])};
	bd_auto_free char *in_a = NULL, *in_b = NULL, *here = NULL;
	if (!folders[0] || word[0] == '/')
		return target_path(word, t->folder, &p->target[0], err);
	int a = path_find(word, folders[0], &in_a), b = path_find(word, folders[1], &in_b);
	if (a < 0 && b < 0 && path_find(word, t->folder, &here) == 0)
		return target_path(word, t->folder, &p->target[0], err);
	int r = target_path(word, folders[0], &p->target[0], err);
	return r < 0 ? r : target_path(word, folders[1], &p->target[1], err);
}

static int find_pair(const struct bd_ctl *ctl, const struct bd_words *w, const struct measure_target *t, struct pair *p,
	struct bd_error *err)
{
	static const char *const names[] = {"a", "b"};
	for (size_t i = 0; i < 2; i++)
		if (!bd_words_text(w, names[i]))
			return bd_error_set(err, -EINVAL, "usage", "for example benchctl ab --a OLD --b NEW bench.py",
				"ab needs --a and --b");
	int r = 0;
	bool same = false, here = registry_check(ctl, "", NULL) == 0;
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = side_parse(w, names[i], &p->side[i], err);
	if (r == 0)
		r = side_check(&p->side[0], &p->side[1], &same, err);
	if (r == 0 && p->side[0].place.kind)
		r = registry_check(ctl, p->side[0].label, err);
	if (r < 0)
		return r;
	if (same)
		bd_ctl_note(ctl,
			"--a and --b are the same: this shows what the machine sees where there is nothing to see");
	const char *folders[] = {side_folder(&p->side[0]), side_folder(&p->side[1]), t->folder};
	if (t->word && !target_is_path(t->word, folders, BD_LEN(folders), here))
		return 0;
	r = registry_check(ctl, t->word ? t->word : w->program.v[0], err);
	if (r == 0)
		r = t->word ? find_paths(p, t, err) : find_commands(p, &w->program, err);
	for (size_t i = 0; r == 0 && i < 2 && t->name; i++)
		if (p->target[i].kind) {
			free(p->target[i].name);
			p->target[i].name = bd_strdup(t->name);
		}
	return r;
}

/* ---- the request ---------------------------------------------------------------------------------------------------- */

static int add_side(struct registry *g, struct side *s, const struct bd_registered *target, struct bd_side *ret,
	struct bd_error *err)
{
	char id[BD_ULID_LEN];
	int r = 0;
	ret->label = BD_TAKE_PTR(s->label);
	ret->axes = s->axes;
	ret->env = s->env;
	s->axes = s->env = (struct bd_map){0};
	if (s->place.kind && (r = registry_add(g, &s->place, id, err)) == 0)
		ret->registered = bd_strdup(id);
	if (r == 0 && target->kind && (r = registry_add(g, target, id, err)) == 0)
		ret->target = bd_strdup(id);
	return r;
}

static int fill(struct registry *g, const char *word, struct pair *p, struct bd_request *rq, struct bd_error *err)
{
	char id[BD_ULID_LEN];
	rq->sides = bd_alloc(sizeof *rq->sides);
	/* one target for both is the request's own */
	bool one = !p->target[1].kind;
	static const struct bd_registered none;
	int r = add_side(g, &p->side[0], one ? &none : &p->target[0], &rq->sides->a, err);
	if (r == 0)
		r = add_side(g, &p->side[1], &p->target[1], &rq->sides->b, err);
	if (r == 0 && one && p->target[0].kind && (r = registry_add(g, &p->target[0], id, err)) == 0)
		rq->target = bd_printf("@%s", id);
	else if (r == 0)
		rq->target = one ? bd_strdup(word) : bd_printf("@%s", rq->sides->a.target);
	return r;
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	static const struct measure_end end = {.print = format_run, .status = format_status};
	struct bd_error err;
	struct bd_request rq;
	auto_pair struct pair pair;
	auto_target struct measure_target t = {0};
	auto_registry struct registry registry = {0};
	bd_auto_client struct bd_client *c = NULL;
	pair_init(&pair);
	bd_doc_init(&bd_request_doc, &rq);
	rq.kind = bd_strdup("ab");
	measure_request(&rq, w);
	int r = measure_check(w, &err);
	if (r == 0)
		r = format_check(ctl, w, &err);
	if (r == 0)
		r = measure_target(w, &rq, &t, &err);
	if (r == 0)
		r = find_pair(ctl, w, &t, &pair, &err);
	if (r == 0)
		r = bd_ctl_connect(ctl, NULL, &c, &err);
	bool chosen = bd_streq(pair.side[0].place.kind, "venv") || bd_map_get(&pair.side[0].axes, "python") ||
		bd_map_get(&pair.side[1].axes, "python");
	if (r == 0 && !chosen)
		r = measure_venv(ctl, c, &rq, pair.target, BD_LEN(pair.target), &err);
	if (r == 0)
		r = fill(&registry, t.word, &pair, &rq, &err);
	int status = r < 0 ? bd_ctl_fail(ctl, &err) : measure(ctl, w, c, &rq, &registry, &end);
	bd_doc_done(&bd_request_doc, &rq);
	return status;
}

const struct bd_command bd_command_ab = {
	.name = "ab",
	.summary = "measure two builds, environments or settings in one interleaved run, and say which is faster",
	.operands = "TARGET",
	.words = BD_WORDS_TARGET,
	.operands_min = 1,
	.operands_max = 1,
	.program = "COMMAND [ARG...]",
	.details =
		"Each side is a folder (put first on sys.path, and the working folder), a virtual environment or its bin/python, a shared "
		"object (imported in place of the module of that name), or settings, NAME=VALUE[,NAME=VALUE...]: of the axes "
		"allocator, objalloc, python, gc and switch_interval, else variables of the environment. Repeat --a or --b to add "
		"settings to a place.\n\n"
		"TARGET is as in benchctl run. A relative path is looked up in each side that is a folder, so that each measures its "
		"own copy; when neither has it, in this folder. A command runs in each side's folder, with its virtual environment.\n\n"
		"Each row is B; its ratio is B's time over A's, with a verdict: slower, faster, no difference, or undecided. A folder "
		"with benchd.manifest.json (benchctl new manifest) proves that what it promised is what was loaded. The status is 0 "
		"when nothing is slower, 1 when something is, 2 when that could not be decided.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl ab --a old --b new bench_sum.py",
	.run = run,
};
