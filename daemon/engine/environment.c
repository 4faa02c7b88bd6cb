/* What a worker is started with, and what of the machine is stored with a run. */
#include "engine_internal.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- allocators --------------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *package;
	const char *files[4];
} allocators[] = {
	{"jemalloc", "install it: apt-get install libjemalloc2", {"libjemalloc.so.2"}},
	{"mimalloc", "install it: apt-get install libmimalloc-dev",
		{"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0"}},
	{"tcmalloc", "install it: apt-get install libtcmalloc-minimal4", {"libtcmalloc_minimal.so.4"}},
};

static const char *const folders[] = {"/usr/lib/x86_64-linux-gnu", "/usr/local/lib", "/usr/lib64", "/usr/lib"};
/* Every place, written once: what is given back is read by any thread at any time. */
static char places[BD_LEN(allocators)][BD_LEN(allocators[0].files)][BD_LEN(folders)][64];

static void name_places(void)
{
	for (size_t i = 0; i < BD_LEN(allocators); i++)
		for (size_t f = 0; f < BD_LEN(allocators[i].files) && allocators[i].files[f]; f++)
			for (size_t k = 0; k < BD_LEN(folders); k++)
				snprintf(places[i][f][k], sizeof places[i][f][k], "%s/%s", folders[k],
					allocators[i].files[f]);
}

const char *allocator_path(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, name_places);
	if (bd_streq(name, "glibc"))
		return "";
	for (size_t i = 0; i < BD_LEN(allocators); i++) {
		if (!bd_streq(allocators[i].name, name))
			continue;
		for (size_t f = 0; f < BD_LEN(allocators[i].files) && allocators[i].files[f]; f++)
			for (size_t k = 0; k < BD_LEN(folders); k++)
				if (access(places[i][f][k], R_OK) == 0)
					return places[i][f][k];
	}
	return NULL;
}

const char *allocator_package_hint(const char *name)
{
	for (size_t i = 0; i < BD_LEN(allocators); i++)
		if (bd_streq(allocators[i].name, name))
			return allocators[i].package;
	return NULL;
}

void worker_environment(struct bd_map *env, const struct bd_axes *axes, const struct bd_map *request_env,
	uint32_t hash_seed, size_t padding)
{
	const char *home = getenv("HOME"), *objalloc = bd_axes_get(axes, "objalloc"),
		   *allocator = bd_axes_get(axes, "allocator");
	bd_map_set(env, "PATH", "/usr/local/bin:/usr/bin:/bin");
	bd_map_set(env, "HOME", home ? home : "/");
	bd_map_set(env, "LANG", "C.UTF-8");
	bd_map_set(env, "PYTHONDONTWRITEBYTECODE", "1");
	/* For all configurations alike, else an allocator's thread-local storage would be the difference. */
	bd_map_set(env, "GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=16384");
	char text[16];
	snprintf(text, sizeof text, "%u", hash_seed);
	bd_map_set(env, "PYTHONHASHSEED", text);
	if (objalloc)
		bd_map_set(env, "PYTHONMALLOC", objalloc);
	const char *preload = allocator ? allocator_path(allocator) : NULL;
	if (preload && preload[0])
		bd_map_set(env, "LD_PRELOAD", preload);
	for (size_t i = 0; request_env && i < request_env->n; i++)
		bd_map_set(env, request_env->v[i].key, request_env->v[i].value);
	/* Where the environment ends decides where the stack begins: drawn anew per launch (Mytkowicz et al. 2009). */
	bd_auto_free char *pad = bd_alloc(padding + 1);
	memset(pad, '.', padding);
	bd_map_set(env, "BENCHD_PAD", pad);
}

/* ---- the machine --------------------------------------------------------------------------------------------- */

static char *first_line(const char *path)
{
	bd_auto_free char *text = NULL;
	if (bd_file_read(path, 1 << 20, &text, NULL) < 0)
		return NULL;
	return bd_strndup(text, strcspn(text, "\n"));
}

static void add_file(cJSON *o, const char *name, const char *path)
{
	bd_auto_free char *s = first_line(path);
	if (s)
		cJSON_AddStringToObject(o, name, s);
	else
		cJSON_AddNullToObject(o, name);
}

/* The value after "NAME : " of the first such line. */
static char *proc_value(const char *path, const char *name)
{
	bd_auto_free char *text = NULL;
	if (bd_file_read(path, 1 << 22, &text, NULL) < 0)
		return NULL;
	for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (!bd_starts_with(line, name))
			continue;
		char *p = line + strlen(name);
		p += strspn(p, " \t");
		if (*p++ != ':')
			continue;
		p += strspn(p, " \t");
		return bd_strndup(p, strcspn(p, "\n"));
	}
	return NULL;
}

static void add_owned(cJSON *o, const char *name, char *value)
{
	if (value)
		cJSON_AddStringToObject(o, name, value);
	else
		cJSON_AddNullToObject(o, name);
	free(value);
}

cJSON *environment_document(void)
{
	cJSON *o = cJSON_CreateObject();
	struct utsname u;
	uname(&u);
	struct processors p;
	processors_allowed(&p);
	add_owned(o, "cpu_model", proc_value("/proc/cpuinfo", "model name"));
	cJSON_AddNumberToObject(o, "processors_online", (double)sysconf(_SC_NPROCESSORS_ONLN));
	cJSON_AddNumberToObject(o, "processors_allowed", (double)p.n);
	add_file(o, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
	add_file(o, "turbo_off", "/sys/devices/system/cpu/intel_pstate/no_turbo");
	add_file(o, "smt", "/sys/devices/system/cpu/smt/control");
	add_file(o, "numa_nodes", "/sys/devices/system/node/online");
	bd_auto_free char *flags = proc_value("/proc/cpuinfo", "flags");
	cJSON_AddBoolToObject(o, "hypervisor", flags && strstr(flags, " hypervisor") != NULL);
	cJSON_AddStringToObject(o, "kernel", u.release);
	cJSON_AddStringToObject(o, "machine", u.machine);
	add_file(o, "boot_id", "/proc/sys/kernel/random/boot_id");
	add_file(o, "loadavg", "/proc/loadavg");
	add_file(o, "aslr", "/proc/sys/kernel/randomize_va_space");
	add_file(o, "transparent_hugepage", "/sys/kernel/mm/transparent_hugepage/enabled");
	add_file(o, "sched_autogroup", "/proc/sys/kernel/sched_autogroup_enabled");
	add_file(o, "cgroup_cpu_max", "/sys/fs/cgroup/cpu.max");
	add_file(o, "cgroup_memory_max", "/sys/fs/cgroup/memory.max");
	cJSON_AddStringToObject(o, "libc", gnu_get_libc_version());
	cJSON_AddStringToObject(o, "compiler", "gcc-compatible " __VERSION__);
	struct sysinfo si;
	if (sysinfo(&si) == 0)
		cJSON_AddNumberToObject(o, "memory_bytes", (double)si.totalram * si.mem_unit);
	return o;
}

/* ---- what it did meanwhile ------------------------------------------------------------------------------------ */

static double load_now(void)
{
	bd_auto_free char *s = first_line("/proc/loadavg");
	return s ? strtod(s, NULL) : (double)NAN;
}

/* Processor seconds that anybody used since the machine started; stolen and idle ones are nobody's. */
static double busy_now(void)
{
	bd_auto_free char *s = first_line("/proc/stat");
	unsigned long long user, nice, kernel, irq, softirq;
	if (!s || sscanf(s, "cpu %llu %llu %llu %*u %*u %llu %llu", &user, &nice, &kernel, &irq, &softirq) != 5)
		return (double)NAN;
	return (double)(user + nice + kernel + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
}

static double own_now(void)
{
	double s = 0;
	static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
	for (size_t i = 0; i < BD_LEN(whose); i++) {
		struct rusage u;
		if (getrusage(whose[i], &u) < 0)
			return (double)NAN;
		s += (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
			(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	}
	return s;
}

void environment_begun(struct environment_watch *w)
{
	*w = (struct environment_watch){load_now(), busy_now(), own_now(), (double)NAN, (double)NAN};
}

void environment_seen(struct environment_watch *w)
{
	struct processors p;
	processors_allowed(&p);
	for (size_t i = 0; i < p.n; i++) {
		bd_auto_free char *path = bd_printf("/sys/devices/system/cpu/cpu%lld/cpufreq/scaling_cur_freq",
			(long long)p.allowed[i]);
		bd_auto_free char *khz = first_line(path);
		double mhz = khz ? strtod(khz, NULL) / 1e3 : (double)NAN;
		w->mhz_lo = fmin(w->mhz_lo, mhz); /* the number, where one of them is NAN */
		w->mhz_hi = fmax(w->mhz_hi, mhz);
	}
}

static void add_number(cJSON *o, const char *name, double v)
{
	if (isnan(v))
		cJSON_AddNullToObject(o, name);
	else
		cJSON_AddNumberToObject(o, name, v);
}

void environment_ended(struct environment_watch *w, cJSON *environment)
{
	add_number(environment, "load_before", w->load);
	add_number(environment, "load_after", load_now());
	add_number(environment, "mhz_lo", w->mhz_lo);
	add_number(environment, "mhz_hi", w->mhz_hi);
	double others = (busy_now() - w->busy_s) - (own_now() - w->own_s);
	add_number(environment, "others_cpu_s", isnan(others) ? others : fmax(others, 0));
}

void environment_variables(cJSON *environment, const struct bd_map *asked)
{
	if (cJSON_GetObjectItemCaseSensitive(environment, "variables"))
		return;
	cJSON *variables = cJSON_AddObjectToObject(environment, "variables");
	for (size_t i = 0; i < asked->n; i++)
		cJSON_AddStringToObject(variables, asked->v[i].key, asked->v[i].value);
}

char *comparability_key(const cJSON *environment)
{
	/* Not the load, the boot or the sizes: what stays the same when nothing that matters has changed. */
	static const char *const names[] = {"cpu_model", "processors_allowed", "governor", "turbo_off", "smt",
		"hypervisor", "kernel", "machine", "libc", "aslr", "transparent_hugepage", "cgroup_cpu_max",
		"interpreters", "allocators", "variables"};
	struct bd_str b = {0};
	for (size_t i = 0; i < BD_LEN(names); i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(environment, names[i]);
		bd_auto_free char *text = v ? bd_json_text(v) : bd_strdup("null");
		bd_str_printf(&b, "%s=%s\n", names[i], text);
	}
	char *key = bd_printf("%016llx", (unsigned long long)bd_hash(b.s, b.len));
	bd_str_done(&b);
	return key;
}
