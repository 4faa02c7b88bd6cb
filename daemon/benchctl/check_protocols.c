/* benchctl check --protocols: the audit of memory that objects share, a program of Python whose answer is one document. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX_BYTES (64u << 20)

extern char **environ;

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
	return s ? s : "";
}

/* All that was written to a memory file; caller frees. */
static char *content(int fd)
{
	struct stat st;
	size_t n = fstat(fd, &st) == 0 && st.st_size > 0 ? BD_MIN((size_t)st.st_size, (size_t)ANSWER_MAX_BYTES) : 0;
	char *text = bd_alloc(n + 1);
	ssize_t got = pread(fd, text, n, 0);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

int check_protocols_run(const char *python, const char *object, cJSON **ret_document, struct bd_error *err)
{
	bd_auto_free char *program = bd_program_file("lib/benchd/python/benchd_check/protocols.py", NULL);
	if (!program)
		return bd_error_set(err, -ENOENT, "worker-missing", "install benchd again",
			"the parts of the check are not beside %s", bd_program_dir());
	bd_auto_close int out = memfd_create("answer", MFD_CLOEXEC), said = memfd_create("said", MFD_CLOEXEC);
	if (out < 0 || said < 0)
		return bd_error_set(err, -errno, "internal", NULL, "cannot make a file: %s", strerror(errno));
	bd_auto_free char *here = getcwd(NULL, 0);
	/* -P: what is beside the program is no module of the user's. */
	char *const argv[] = {(char *)python, "-P", "-B", program, "--json", (char *)object, NULL};
	const struct bd_spawn spawn = {.program = python,
		.argv = argv,
		.envp = environ,
		.cwd = here,
		.out_fd = out,
		.err_fd = said,
		.die_with_parent = true,
		.max_core_bytes = 0};
	pid_t pid;
	int r = bd_spawn(&spawn, &pid, NULL, err);
	if (r < 0)
		return r;
	int status;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	bd_auto_free char *text = content(out);
	bd_auto_free char *words = content(said);
	*ret_document = cJSON_Parse(text);
	if (*ret_document)
		return 0;
	words[strcspn(words, "\n")] = '\0';
	if (object && WIFEXITED(status) && WEXITSTATUS(status) == BD_EXIT_NOINPUT)
		return bd_error_set(err, -ENOENT, "no-such-input", "--python names the environment that has it",
			"%s has no module for %s: %s", python, object, words);
	return bd_error_set(err, -EIO, "worker-failed", NULL, "%s could not be looked at by %s: %s",
		object ? object : "what is known here", python, *words ? words : "it said nothing");
}

/* ---- the matrix ---------------------------------------------------------------------------------------------------- */

static bool same_line(const cJSON *a, const cJSON *b)
{
	return a && bd_streq(text_of(a, "object"), text_of(b, "object")) &&
		bd_streq(text_of(a, "protocol"), text_of(b, "protocol"));
}

static size_t column_of(struct bd_grid *g, struct bd_strv *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (bd_streq(names->v[i], name))
			return i;
	bd_strv_add(names, name);
	return bd_grid_column(g, (struct bd_grid_column){.title = name});
}

void check_protocols_report(const cJSON *document, const struct bd_screen *s, struct bd_str *out)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(document, "rows"), *row, *before = NULL;
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	bd_auto_strv struct bd_strv names = {0};
	size_t object = column_of(g, &names, "object"), protocol = column_of(g, &names, "protocol");
	cJSON_ArrayForEach(row, rows)
		(void)column_of(g, &names, text_of(row, "property"));
	cJSON_ArrayForEach(row, rows) {
		const char *verdict = text_of(row, "verdict");
		bool failed = bd_streq(verdict, "fail"), passed = bd_streq(verdict, "pass");
		if (!same_line(before, row)) {
			bd_grid_row(g);
			bd_grid_set(g, object, BD_PLAIN, "%s", text_of(row, "object"));
			bd_grid_set(g, protocol, BD_PLAIN, "%s", text_of(row, "protocol"));
		}
		bd_grid_set(g, column_of(g, &names, text_of(row, "property")), failed ? BD_RED : BD_PLAIN, "%s",
			failed           ? "FAIL"
				: passed ? "ok"
					 : "-");
		before = row;
	}
	bd_grid_print(g, out);
	cJSON_ArrayForEach(row, rows) {
		if (!bd_streq(text_of(row, "verdict"), "fail"))
			continue;
		bd_auto_free char *where = bd_printf("%s, %s, %s: ", text_of(row, "object"), text_of(row, "protocol"),
			text_of(row, "property"));
		bd_str_puts(out, "\n");
		bd_put(out, s, BD_RED, where);
		bd_put_wrapped(out, s, text_of(row, "detail"), 2, bd_text_width(where));
		bd_str_puts(out, "\n");
	}
}

int check_protocols_exit(const cJSON *document)
{
	const cJSON *failed = cJSON_GetObjectItemCaseSensitive(document, "failed");
	return cJSON_IsNumber(failed) && failed->valuedouble == 0 ? 0 : 1;
}
