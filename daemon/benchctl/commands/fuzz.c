/* benchctl fuzz: random arguments through all bindings of an interpreter. What it calls is a program of Python that keeps a
 * process for each variant. */
#include "../pythons.h"
#include "../registry.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define SECONDS 20
#define MORE_NS 1800000000000LL /* beyond the time asked for: simplifying what was found, on a loaded machine */

static const struct bd_option options[] = {
	{"seconds", 0, BD_OPT_SECONDS, "TIME", "make random calls for so long (default 20s)", false, 0, 0,
		BD_WORDS_NONE},
	{"calls", 0, BD_OPT_WHOLE, "N", "make N random calls instead, however long they take", false, 1, 1000000000,
		BD_WORDS_NONE},
	{"seed", 0, BD_OPT_WHOLE, "N", "the same random calls as the run that told this seed", false, 0, 0,
		BD_WORDS_NONE},
	{"binding", 0, BD_OPT_LIST, "NAME[:VARIANT],...", "these bindings only", true, 0, 0, BD_WORDS_VALUE},
	{"function", 0, BD_OPT_LIST, "NAME,...", "calls of these functions only, such as i64 or callback", true, 0, 0,
		BD_WORDS_NONE},
	{"call", 0, BD_OPT_TEXT, "EXPRESSION", "this call alone, as a finding shows it", false, 0, 0, BD_WORDS_NONE},
	{"python", 0, BD_OPT_TEXT, "ID", "the interpreter, as python list names it (default: the default one)", false,
		0, 0, BD_WORDS_VALUE},
};

static const cJSON *part(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(part(o, name));
	return s ? s : "";
}

static double number_of(const cJSON *o, const char *name)
{
	const cJSON *n = part(o, name);
	return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

/* ---- running it ------------------------------------------------------------------------------------------------------ */

/* The row of the interpreter in the daemon's list; borrowed from it. */
static const cJSON *choose(const cJSON *pythons, const char *id)
{
	const cJSON *p;
	cJSON_ArrayForEach(p, pythons)
		if (id ? bd_streq(text_of(p, "id"), id) : cJSON_IsTrue(part(p, "default")))
			return p;
	return NULL;
}

/* Where its worker and its modules are; caller frees. */
static char *folder_of(const cJSON *python)
{
	bd_auto_free char *ours = bd_printf("lib/benchd/interpreters/%s", text_of(python, "id"));
	char *found = cJSON_IsTrue(part(python, "added")) ? NULL : bd_program_file(ours, NULL);
	if (found)
		return found;
	const char *id = text_of(python, "id"); /* both hosts of one that was added are in one tree */
	bd_auto_free char *data = bd_client_data_dir(), *base = bd_strndup(id, strcspn(id, "+"));
	return bd_printf("%s/interpreters/%s/lib/benchd/interpreters/%s", data, base, id);
}

static void add_list(struct bd_strv *argv, const struct bd_words *w, const char *option)
{
	bd_auto_strv struct bd_strv list = {0};
	bd_words_list(w, option, &list);
	bd_auto_str struct bd_str joined = {0};
	for (size_t i = 0; i < list.n; i++)
		bd_str_printf(&joined, "%s%s", i ? "," : "", list.v[i]);
	if (list.n)
		bd_strv_addf(argv, "--%s=%s", option, joined.s);
}

static int command_of(const struct bd_words *w, const cJSON *python, struct bd_strv *argv, struct bd_error *err)
{
	bd_auto_free char *program = bd_program_file("lib/benchd/python/fuzz/run.py", NULL);
	bd_auto_free char *descriptors = bd_program_file("lib/benchd/python", NULL);
	bd_auto_free char *folder = folder_of(python); /* its modules count in the kernel library of their own tree */
	bd_auto_free char *kernels = bd_printf("%s/../../libbdkernels.so", folder);
	if (!program || !descriptors || access(kernels, R_OK) < 0)
		return bd_error_set(err, -ENOENT, "worker-missing", "install benchd again",
			"the parts of the fuzzer are not beside %s", bd_program_dir());
	const char *const fixed[] = {text_of(python, "executable"), "-I", "-B", program, "--folder", folder, "--python",
		descriptors, "--kernels", kernels};
	for (size_t i = 0; i < BD_LEN(fixed); i++)
		bd_strv_add(argv, fixed[i]);
	double seconds = bd_words_seconds(w, "seconds");
	bd_strv_addf(argv, "--seconds=%g", seconds > 0 ? seconds : SECONDS);
	if (bd_words_whole(w, "calls") != BD_NULL_INT)
		bd_strv_addf(argv, "--calls=%lld", (long long)bd_words_whole(w, "calls"));
	if (bd_words_whole(w, "seed") != BD_NULL_INT)
		bd_strv_addf(argv, "--seed=%lld", (long long)bd_words_whole(w, "seed"));
	if (bd_words_text(w, "call"))
		bd_strv_addf(argv, "--call=%s", bd_words_text(w, "call"));
	add_list(argv, w, "binding");
	add_list(argv, w, "function");
	return 0;
}

static int run_it(const struct bd_ctl *ctl, const struct bd_words *w, cJSON **ret, struct bd_error *err)
{
	bd_auto_json cJSON *json = NULL;
	const char *id = bd_words_text(w, "python");
	int r = bd_ctl_get(ctl, "/api/v1/pythons", &json, err);
	if (r < 0)
		return r;
	const cJSON *python = choose(part(json, "pythons"), id);
	if (!python)
		return bd_error_set(err, -ENOENT, "no-such-input", "benchctl python list shows what there is",
			"there is no interpreter %s", id ? id : "yet");
	bd_auto_strv struct bd_strv argv = {0};
	r = command_of(w, python, &argv, err);
	if (r < 0)
		return r;
	double seconds = bd_words_seconds(w, "seconds");
	bd_auto_str struct bd_str said = {0};
	int status = 0;
	r = python_program(&argv, false, (int64_t)((seconds > 0 ? seconds : SECONDS) * 1e9) + MORE_NS, &said, &status,
		err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *document = cJSON_Parse(said.s ? said.s : "");
	if (*text_of(document, "error"))
		return bd_error_set(err, -EINVAL, "usage", NULL, "%s", text_of(document, "error"));
	if (!cJSON_IsArray(part(document, "findings")))
		return bd_error_set(err, -EIO, "worker-failed", NULL, "the fuzzer ended with %d and no answer", status);
	cJSON_ReplaceItemInObjectCaseSensitive(document, "python", cJSON_CreateString(text_of(python, "id")));
	*ret = BD_TAKE_PTR(document);
	return 0;
}

/* ---- what is told ------------------------------------------------------------------------------------------------------- */

static void finding(const cJSON *f, const char *python, const struct bd_screen *s, struct bd_str *out)
{
	bd_put(out, s, BD_RED, text_of(f, "binding"));
	bd_putf(out, s, BD_PLAIN, "  %s", text_of(f, "kind"));
	if (number_of(f, "seen") > 1)
		bd_putf(out, s, BD_DIM, ", seen %.0f times", number_of(f, "seen"));
	/* whole: they are there to be copied */
	const char *const lines[][2] = {{"call", text_of(f, "call")}, {"expected", text_of(f, "expected")},
		{"got", text_of(f, "got")}};
	bd_str_puts(out, "\n");
	for (size_t i = *lines[0][1] ? 0 : 1; i < BD_LEN(lines); i++) {
		bd_putf(out, s, BD_PLAIN, "  %-9s %s", lines[i][0], lines[i][1]);
		bd_str_puts(out, "\n");
	}
	const cJSON *after = part(f, "after");
	if (cJSON_GetArraySize(after)) {
		bd_putf(out, s, BD_PLAIN, "  not alone: after %d other calls, which --json lists",
			cJSON_GetArraySize(after));
		bd_str_puts(out, "\n");
	} else if (*text_of(f, "call")) {
		bd_auto_str struct bd_str word = {0};
		for (const char *p = text_of(f, "call"); *p; p++) /* for a shell, within '' */
			bd_str_append(&word, *p == '\'' ? "'\\''" : p, *p == '\'' ? 4 : 1);
		bd_putf(out, s, BD_DIM, "  again     benchctl fuzz --python %s --binding %s --call '%s'", python,
			text_of(f, "binding"), word.s ? word.s : "");
		bd_str_puts(out, "\n");
	}
	bd_str_puts(out, "\n");
}

static void bindings(const cJSON *document, const struct bd_screen *s, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"binding", false, false, false, 0});
	size_t functions = bd_grid_column(g, (struct bd_grid_column){"functions", true, false, false, 2});
	size_t calls = bd_grid_column(g, (struct bd_grid_column){"calls", true, false, false, 1});
	size_t verdict = bd_grid_column(g, (struct bd_grid_column){"verdict", false, false, true, 0});
	const cJSON *b, *f;
	cJSON_ArrayForEach(b, part(document, "bindings")) {
		int found = 0;
		cJSON_ArrayForEach(f, part(document, "findings"))
			found += bd_streq(text_of(f, "binding"), text_of(b, "binding"));
		bd_grid_row(g);
		bd_grid_set(g, name, BD_PLAIN, "%s", text_of(b, "binding"));
		if (bd_streq(text_of(b, "status"), "unsupported")) {
			bd_grid_span(g, functions, BD_DIM, "unsupported: %s", text_of(b, "reason"));
			continue;
		}
		bd_grid_set(g, functions, BD_PLAIN, "%.0f", number_of(b, "functions"));
		bd_grid_set(g, calls, BD_PLAIN, "%.0f", number_of(b, "calls"));
		if (found)
			bd_grid_set(g, verdict, BD_RED, "%d finding%s", found, found == 1 ? "" : "s");
		else if (number_of(b, "calls") < 1)
			bd_grid_set(g, verdict, BD_DIM, "has no such function");
		else
			bd_grid_set(g, verdict, BD_GREEN, "agrees");
	}
	bd_grid_print(g, out);
}

/* Nothing agrees where nothing was called. */
static bool called(const cJSON *document)
{
	const cJSON *b;
	cJSON_ArrayForEach(b, part(document, "bindings"))
		if (number_of(b, "calls") > 0)
			return true;
	return false;
}

static void report(const cJSON *document, const struct bd_screen *s, struct bd_str *out)
{
	const cJSON *f, *findings = part(document, "findings"), *d;
	cJSON_ArrayForEach(f, findings)
		finding(f, text_of(document, "python"), s, out);
	bindings(document, s, out);
	int known = 0;
	cJSON_ArrayForEach(d, part(document, "differences"))
		known += cJSON_IsTrue(part(d, "holds"));
	bd_str_puts(out, "\n");
	if (!called(document)) {
		bd_put_wrapped(out, s, "Nothing could be called: it is not known whether they agree.", 2, 0);
		bd_str_puts(out, "\n");
		return;
	}
	double always = number_of(document, "always"), made = number_of(document, "calls");
	bd_auto_free char *what = always > 0
		? bd_printf("%.0f calls that are always made and %.0f random ones", always, made)
		: bd_printf("%.0f call%s", made, made == 1 ? "" : "s");
	bd_auto_free char
		*line = bd_printf("%s in %.1f s, seed %.0f: %d finding%s; %d known differences are as described%s.",
			what, number_of(document, "seconds"), number_of(document, "seed"), cJSON_GetArraySize(findings),
			cJSON_GetArraySize(findings) == 1 ? "" : "s", known, known && !s->verbose ? " (-v)" : "");
	bd_put_wrapped(out, s, line, 2, 0);
	bd_str_puts(out, "\n");
	cJSON_ArrayForEach(d, part(document, "differences")) {
		if (!s->verbose)
			break;
		bd_auto_free char *text = bd_printf("%s: %s gives %s: %s", text_of(d, "binding"), text_of(d, "witness"),
			text_of(d, "got"), text_of(d, "reason"));
		bd_put_wrapped(out, s, text, 4, 0);
		bd_str_puts(out, "\n");
	}
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_json cJSON *document = NULL;
	if (run_it(ctl, w, &document, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	int status = bd_ctl_answer_document(ctl, document, report);
	if (status || cJSON_GetArraySize(part(document, "findings")))
		return status ? status : BD_EXIT_NO;
	return called(document) ? BD_EXIT_OK : BD_EXIT_UNDECIDED;
}

const struct bd_command bd_command_fuzz = {
	.name = "fuzz",
	.summary = "random arguments through all bindings: do they agree",
	.details =
		"Calls the same functions with the same arguments through every binding that is built for the interpreter, and "
		"compares results, refusals, exceptions and the number of native calls with what bindings must do. First "
		"come, always, special values in every place of every function; then random calls, of another seed each "
		"time. Every variant has a process of its own, so that a crash is a finding. Each finding is made as simple "
		"as it can be, with the command that shows it again."
		"\n\n"
		"What bindings are known to do otherwise (ctypes takes integers modulo 2^64) is a list with reasons, each of "
		"them tried: one that no longer holds, or not for one of its functions, is a finding."
		"\n\n"
		"Exit status: 0 all agree, 1 they do not, 2 nothing could be called.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl fuzz --calls 500",
	.run = run,
};
