/* What this machine can and cannot measure, and what mends it. */
#include "engine_internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <unistd.h>

static void check(cJSON *list, const char *who, const char *name, bool ok, const char *hint, const char *fmt, ...)
	BD_PRINTF(6, 7);

static void check(cJSON *list, const char *who, const char *name, bool ok, const char *hint, const char *fmt, ...)
{
	struct bd_str b = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&b, fmt, ap);
	va_end(ap);
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "who", who);
	cJSON_AddStringToObject(o, "name", name);
	cJSON_AddBoolToObject(o, "ok", ok);
	cJSON_AddStringToObject(o, "message", b.s);
	if (ok || !hint || !hint[0])
		cJSON_AddNullToObject(o, "hint");
	else
		cJSON_AddStringToObject(o, "hint", hint);
	cJSON_AddItemToArray(list, o);
	bd_str_done(&b);
}

static bool file_is(const char *path, char value)
{
	bd_auto_free char *text = NULL;
	return bd_file_read(path, 4096, &text, NULL) == 0 && text[0] == value;
}

static void check_daemon(struct bd_engine *e, cJSON *list)
{
	check(list, "daemon", "data", access(e->data, W_OK) == 0, "make the folder writable for this user",
		"data folder %s", e->data);
	int64_t holder = 0;
	int fd = machine_lock_try(e->data, &holder);
	char current[BD_ULID_LEN];
	bd_engine_current(e, current);
	if (fd == -EWOULDBLOCK && current[0])
		check(list, "daemon", "measure-lock", true, NULL, "run %s is measuring", current);
	else if (fd == -EWOULDBLOCK)
		check(list, "daemon", "measure-lock", true, NULL,
			"benchd %lld is measuring on this machine; runs wait for it", (long long)holder);
	else
		check(list, "daemon", "measure-lock", fd >= 0, "make /run/lock writable, or the data folder",
			"one measurement per machine: lock %s", fd >= 0 ? "free" : strerror(-fd));
	if (fd >= 0)
		close(fd);
}

static void check_tracer(struct bd_engine *e, cJSON *list)
{
	struct bd_error err;
	bool ok = bd_tracer_check(e->tracer, &err) == 0;
	check(list, "tracer", "gil-waits", ok, err.hint, "%s",
		ok ? "bench-tracer loads its probes, and saw its own test wait" : err.message);
}

const char *doctor_may_read(char scope, bool may_ptrace)
{
	switch (scope) {
	case 0: /* no Yama */
	case '0':
		return NULL;
	case '1': /* descendants alone, or CAP_SYS_PTRACE */
	case '2': /* CAP_SYS_PTRACE */
		return may_ptrace ? NULL : "sudo sysctl -w kernel.yama.ptrace_scope=0";
	default: /* nobody, and that until the machine starts again */
		return "set kernel.yama.ptrace_scope = 0 in /etc/sysctl.d, and start the machine again";
	}
}

static bool may_ptrace(void)
{
	bd_auto_free char *text = NULL;
	unsigned long long effective = 0;
	const char *line = bd_file_read("/proc/self/status", 1 << 16, &text, NULL) == 0 ? strstr(text, "\nCapEff:")
											: NULL;
	return line && sscanf(line, "\nCapEff: %llx", &effective) == 1 && (effective >> CAP_SYS_PTRACE & 1);
}

/* Level events reads the stacks in the kernel, but their names from the memory of the process, as a debugger would. */
static void check_lines(struct bd_engine *e, cJSON *list)
{
	struct bd_error err;
	BD_CLEANUP(bd_tracer_free) struct bd_tracer *t = NULL;
	if (bd_tracer_start(e->tracer, BD_TRACER_EVENTS, &t, &err) < 0) {
		check(list, "tracer", "python-lines", false, err.hint, "%s", err.message);
		return;
	}
	bd_auto_free char *text = NULL;
	char scope = bd_file_read("/proc/sys/kernel/yama/ptrace_scope", 16, &text, NULL) == 0 ? text[0] : 0;
	const char *mend = doctor_may_read(scope, may_ptrace());
	bd_auto_free char *yama = scope ? bd_printf(" (Yama's ptrace_scope is %c)", scope) : bd_strdup("");
	check(list, "tracer", "python-lines", !mend, mend, "%s%s",
		mend ? "stacks are seen, but benchd may not read their names from processes it did not start"
		     : "bench-tracer reads and samples stacks, and benchd may read their names from the process",
		yama);
}

static void check_workers(struct bd_engine *e, cJSON *list)
{
	bd_auto_free const struct interpreter **all = NULL;
	size_t n = interpreters_all(e, &all);
	if (!n)
		check(list, "worker", "interpreters", false, e->interpreters_error.hint, "%s",
			e->interpreters_error.message);
	for (size_t i = 0; i < n; i++) {
		const struct bd_catalogue *c;
		struct bd_error err;
		bool ok = bd_engine_catalogue(e, all[i]->id, &c, &err) == 0;
		bd_auto_free char *name = bd_printf("python %s", all[i]->id);
		check(list, "worker", name, ok, ok ? NULL : err.hint, "%s%s", ok ? all[i]->executable : err.message,
			ok && all[i]->is_default ? " (default)" : "");
	}
	static const char *const names[] = {"jemalloc", "mimalloc", "tcmalloc"};
	for (size_t i = 0; i < BD_LEN(names); i++) {
		const char *path = allocator_path(names[i]);
		check(list, "worker", names[i], path != NULL, allocator_package_hint(names[i]), "%s",
			path ? path : "not installed");
	}
}

static void check_off(cJSON *list)
{
	bd_auto_free char *path = bd_program_file("share/benchd/off.txt", NULL), *text = NULL;
	if (!path || bd_file_read(path, 1 << 16, &text, NULL) < 0)
		return;
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.n; i++)
		if (lines.v[i][0])
			check(list, "daemon", "built-without", false, "install what it names, then ./dev build", "%s",
				lines.v[i]);
}

static void check_machine(cJSON *list)
{
	struct processors p;
	processors_allowed(&p);
	check(list, "machine", "processors", p.n >= 2, "run on a machine, or in a cpuset, with at least two processors",
		"%zu usable%s", p.n, p.n < 2 ? ": scaling cannot be seen" : "");
	bd_auto_free char *governor = NULL;
	bool known = bd_file_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", 64, &governor, NULL) == 0;
	if (known)
		governor[strcspn(governor, "\n")] = 0;
	check(list, "machine", "frequency", !known || bd_streq(governor, "performance"),
		"sudo cpupower frequency-set -g performance", "%s",
		known ? governor : "the governor cannot be read (virtual machine): ratios are what to trust");
	if (file_is("/proc/sys/kernel/sched_autogroup_enabled", '1'))
		check(list, "machine", "autogroup", true, NULL,
			"sched_autogroup is on: nice does nothing across sessions");
}

int bd_engine_doctor(struct bd_engine *e, cJSON **ret, struct bd_error *err)
{
	(void)err;
	cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "checks");
	check_daemon(e, list);
	check_tracer(e, list);
	check_lines(e, list);
	check_workers(e, list);
	check_off(list);
	check_machine(list);
	*ret = o;
	return 0;
}
