/* its checks, not its tests */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/prctl.h>

static size_t add(struct interpreter *ret, size_t n, size_t max, const char *root, const char *program)
{
	char real[4096];
	bd_auto_free char *path = bd_printf("%s%s", root, program);
	if (n == max || !realpath(path, real))
		return n;
	for (size_t i = 0; i < n; i++) {
		char other[4096];
		bd_auto_free char *have = bd_printf("%s%s", ret[i].root, ret[i].program);
		if (realpath(have, other) && strcmp(real, other) == 0)
			return n;
	}
	ret[n] = (struct interpreter){bd_strdup(root), bd_strdup(program)};
	return n + 1;
}

static size_t add_all(struct interpreter *ret, size_t n, size_t max, const char *folder, const char *root_part,
	const char *pattern)
{
	glob_t g;
	bd_auto_free char *all = bd_printf("%s%s%s", folder, root_part, pattern);
	if (glob(all, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++) {
			const char *path = g.gl_pathv[i], *last = strrchr(path, '/') + 1;
			if (strspn(last + strlen("python"), "0123456789.td") != strlen(last + strlen("python")))
				continue; /* python3.14-config */
			const char *within = root_part[0] ? strstr(path, "/usr/bin/") : path;
			bd_auto_free char *root = bd_strndup(path, (size_t)(within - path));
			n = add(ret, n, max, root, within);
		}
	globfree(&g);
	return n;
}

static size_t find_all(struct interpreter *ret, size_t max)
{
	const char *home = getenv("HOME"), *cached = getenv("XDG_CACHE_HOME");
	bd_auto_free char *pyenv = bd_printf("%s/.pyenv/versions/", home ? home : "/root");
	bd_auto_free char *cache = cached ? bd_printf("%s/benchd/", cached)
					  : bd_printf("%s/.cache/benchd/", home ? home : "/root");
	bd_auto_free char *built = bd_printf("%spython/", cache), *systems = bd_printf("%ssystems/", cache);
	size_t n = add(ret, 0, max, "", "/usr/bin/python3");
	n = add_all(ret, n, max, pyenv, "", "3.1[1-9]*/bin/python3");
	n = add_all(ret, n, max, built, "", "3.1[1-9]*/bin/python3");
	if (geteuid() == 0)
		n = add_all(ret, n, max, systems, "*", "/usr/bin/python3.1[1-9]*");
	return n;
}

size_t interpreters(struct interpreter *ret, size_t max)
{
	static struct interpreter all[TARGETS]; /* with their texts, until the test ends */
	static size_t n;
	if (!n)
		n = find_all(all, TARGETS);
	size_t given = BD_MIN(n, max);
	memcpy(ret, all, given * sizeof *ret);
	return given;
}

static uint64_t version_of(const struct bd_layout *l)
{
	return l->version ? l->version : (uint64_t)(3U << 24 | (unsigned)l->offsets.minor << 16);
}

bool target_start(struct target *t, const struct interpreter *i, const char *script, const char *const *arguments)
{
	int down[2], up[2];
	BD_CHECK(pipe(down) == 0 && pipe(up) == 0);
	fflush(stdout);
	pid_t pid = fork();
	BD_CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		dup2(down[0], 0);
		dup2(up[1], 1);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		if (i->root[0] && (chroot(i->root) < 0 || chdir("/") < 0))
			_exit(127);
		setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
		const char *argv[16] = {i->program, "-X", "utf8", "-c", script};
		for (size_t k = 0; arguments && arguments[k] && k < 8; k++)
			argv[5 + k] = arguments[k];
		execv(i->program, (char **)argv);
		_exit(127);
	}
	close(down[0]);
	close(up[1]);
	*t = (struct target){.process = {.pid = pid, .proc_fd = -1}, .in = down[1], .out = fdopen(up[0], "r")};
	int c = fgetc(t->out); /* the first line is empty: it runs */
	if (c == EOF) {
		target_stop(t);
		return false;
	}
	char path[64];
	snprintf(path, sizeof path, "/proc/%d", pid);
	t->process.proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	BD_CHECK(t->process.proc_fd >= 0);
	return true;
}

/* When its threads are parked. */
static void look(struct target *t)
{
	struct bd_error err = {0};
	if (bd_layout_find(&t->process, bd_offsets_table, bd_offsets_table_len, &t->layout, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	t->info = (struct bd_tracer_info){.ready = true,
		.alive = true,
		.proc_pid = t->process.pid,
		.own_pid = t->process.pid,
		.offsets = t->layout.offsets,
		.runtime = t->layout.runtime,
		.code_type = t->layout.code_type,
		.version = (uint32_t)version_of(&t->layout),
		.gil_enabled = true};
	BD_CHECK(t->info.code_type);
}

void target_stop(struct target *t)
{
	kill(t->process.pid, SIGKILL);
	waitpid(t->process.pid, NULL, 0);
	fclose(t->out);
	close(t->in);
	bd_closep(&t->process.proc_fd);
}

char *target_says(struct target *t)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n = getline(&line, &size, t->out);
	if (n <= 0)
		BD_FAIL("the target ended");
	line[n - 1] = 0;
	if (!t->info.ready)
		look(t);
	return line;
}

void target_tell(struct target *t, const char *line)
{
	BD_CHECK(dprintf(t->in, "%s\n", line) > 0);
}

static uint64_t word(const struct target *t, uint64_t at)
{
	uint64_t v;
	BD_CHECK_INT(bd_process_read(&t->process, at, &v, sizeof v), 0);
	return v;
}

static uint32_t half(const struct target *t, uint64_t at)
{
	uint32_t v;
	BD_CHECK_INT(bd_process_read(&t->process, at, &v, sizeof v), 0);
	return v;
}

static uint64_t state_of(const struct target *t, uint64_t tid)
{
	const struct bd_offsets *o = &t->layout.offsets;
	for (uint64_t i = word(t, t->layout.runtime + o->interpreters_head); i; i = word(t, i + o->interp_next))
		for (uint64_t ts = word(t, i + o->threads_head); ts; ts = word(t, ts + o->tstate_next))
			if (word(t, ts + o->native_thread_id) == tid)
				return ts;
	BD_FAIL("no thread state of %d", (int)tid);
}

static void fill(const struct target *t, uint64_t code, uint64_t ip, struct bd_rec_frame *f)
{
	const struct bd_offsets *o = &t->layout.offsets;
	*f = (struct bd_rec_frame){.code = code,
		.ip = ip,
		.filename = word(t, code + o->code.filename),
		.qualname = word(t, code + o->code.qualname),
		.linetable = word(t, code + o->code.linetable),
		.firstlineno = half(t, code + o->code.firstlineno),
		.version = o->code.version < 0 ? 0 : half(t, code + (uint32_t)o->code.version)};
	BD_CHECK_INT(word(t, code + o->object.ob_type), t->layout.code_type);
	/* 3.11 has no versions; the probe may take a hash of the line table instead */
	if (o->code.version < 0) {
		uint8_t table[BD_EVENTS_TABLE];
		uint64_t len = BD_MIN(word(t, f->linetable + o->object.bytes_size), sizeof table);
		BD_CHECK_INT(bd_process_read(&t->process, f->linetable + o->object.bytes_data, table, len), 0);
		f->version = bd_event_table_hash(table, (uint32_t)len);
	}
	if ((half(t, f->qualname + o->object.unicode_state) >> o->object.unicode_kind & 31) != 25)
		return;
	uint64_t len = BD_MIN(word(t, f->qualname + o->object.unicode_length), sizeof f->text);
	BD_CHECK_INT(bd_process_read(&t->process, f->qualname + o->object.ascii_data, f->text, len), 0);
}

size_t target_stack(const struct target *t, uint64_t tid, struct bd_rec_frame *ret, size_t max)
{
	const struct bd_frame_offsets *f = &t->layout.offsets.frame;
	uint64_t at = state_of(t, tid);
	if (f->cframe >= 0)
		at = word(t, at + (uint32_t)f->cframe);
	size_t n = 0;
	for (uint64_t frame = word(t, at + f->current_frame); frame && n < max; frame = word(t, frame + f->previous)) {
		uint8_t owner;
		BD_CHECK_INT(bd_process_read(&t->process, frame + f->owner, &owner, 1), 0);
		if (f->owners_skipped >> owner & 1)
			continue;
		fill(t, word(t, frame + f->code) & ~(uint64_t)f->code_tag, word(t, frame + f->ip), &ret[n++]);
	}
	return n;
}

char *target_text(const struct target *t, uint64_t object)
{
	const struct bd_object_offsets *o = &t->layout.offsets.object;
	uint64_t len = word(t, object + o->unicode_length);
	BD_CHECK((half(t, object + o->unicode_state) >> o->unicode_kind & 31) == 25 && len < 4096);
	bd_auto_free char *text = bd_alloc(len + 1);
	BD_CHECK_INT(bd_process_read(&t->process, object + o->ascii_data, text, len), 0);
	return BD_TAKE_PTR(text);
}
