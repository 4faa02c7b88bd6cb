/* bd_base: errors, cleanup, strings, vectors, clocks, logging, files, processes, random numbers. libc only.
 *
 * Conventions of the whole tree: functions return 0 or -errno; where a user can cause the failure the last
 * parameter is `struct bd_error *err` (may be NULL). Outputs are called ret_x and stay untouched on failure.
 * Units are in the names: _ns, _bytes, _s. */
#ifndef BD_BASE_H
#define BD_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define BD_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define BD_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BD_MIN(a, b) ((a) < (b) ? (a) : (b))
#define BD_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- ownership ---------------------------------------------------------------------------------------- */

#define BD_CLEANUP(fn) __attribute__((cleanup(fn)))
#define bd_auto_free BD_CLEANUP(bd_freep)
#define bd_auto_close BD_CLEANUP(bd_closep)
#define bd_auto_str BD_CLEANUP(bd_str_done)
#define bd_auto_strv BD_CLEANUP(bd_strv_done)

/* Hands an owning pointer or descriptor over: the local is left empty. */
#define BD_TAKE_PTR(p)                  \
	({                              \
		__typeof__(p) _t = (p); \
		(p) = NULL;             \
		_t;                     \
	})
#define BD_TAKE_FD(fd)         \
	({                     \
		int _t = (fd); \
		(fd) = -1;     \
		_t;            \
	})

void bd_freep(void *pp); /* *(void **)pp */
void bd_closep(int *fd); /* closes when >= 0; keeps errno */

/* ---- errors -------------------------------------------------------------------------------------------- */

enum bd_exit {
	BD_EXIT_OK = 0,
	BD_EXIT_NO = 1,        /* the answer is no */
	BD_EXIT_UNDECIDED = 2, /* could not decide */
	BD_EXIT_USAGE = 64,
	BD_EXIT_NOINPUT = 66,
	BD_EXIT_UNAVAILABLE = 69,
	BD_EXIT_BUG = 70,
	BD_EXIT_IOERR = 74,
	BD_EXIT_NOPERM = 77,
};

struct bd_error {
	int code;          /* -errno */
	char key[48];      /* stable name, one of bd_error_kinds */
	char message[512]; /* one sentence, no full stop, names what was wrong */
	char hint[256];    /* what to do about it; may be empty */
};

/* Fills err (when not NULL) and returns code, so that callers write `return bd_error_set(…)`. code is -errno. */
int bd_error_set(struct bd_error *err, int code, const char *key, const char *hint, const char *fmt, ...)
	BD_PRINTF(5, 6);

struct bd_error_kind {
	const char *key;
	int http_status;
	int exit_status;
};
/* The one table that maps a key to HTTP and exit status. An unknown key is "internal" (500 / 70). */
const struct bd_error_kind *bd_error_kind(const char *key);
extern const struct bd_error_kind bd_error_kinds[];
extern const size_t bd_error_kinds_len;

/* ---- strings ------------------------------------------------------------------------------------------- */

/* A growing byte string, always NUL-terminated once non-empty. Zero-initialise; bd_str_done frees. Appending
 * never fails: running out of memory ends the program (bd_alloc), as it would anywhere else. */
struct bd_str {
	char *s;
	size_t len, cap;
};
void bd_str_append(struct bd_str *b, const void *p, size_t n);
void bd_str_puts(struct bd_str *b, const char *s);
void bd_str_printf(struct bd_str *b, const char *fmt, ...) BD_PRINTF(2, 3);
void bd_str_vprintf(struct bd_str *b, const char *fmt, va_list ap) BD_PRINTF(2, 0);
void bd_str_clear(struct bd_str *b); /* keeps the memory */
void bd_str_done(struct bd_str *b);
char *bd_str_take(struct bd_str *b); /* never NULL; caller frees */

void *bd_alloc(size_t n); /* zeroed; ends the program when memory is gone */
void *bd_realloc(void *p, size_t n);
char *bd_strdup(const char *s); /* NULL in, NULL out */
char *bd_strndup(const char *s, size_t n);
char *bd_printf(const char *fmt, ...) BD_PRINTF(1, 2); /* caller frees */
bool bd_streq(const char *a, const char *b);           /* NULL equals NULL only */
bool bd_starts_with(const char *s, const char *prefix);
bool bd_glob(const char *pattern, const char *s); /* fnmatch, no special '/' */
/* The candidate nearest to word by edit distance, or NULL when none is near (distance > max(2, len/3)). Borrowed. */
const char *bd_nearest(const char *word, const char *const *candidates, size_t n);

/* Strings, owned: v[0..n). */
struct bd_strv {
	char **v;
	size_t n;
};
void bd_strv_add(struct bd_strv *sv, const char *s); /* copies */
void bd_strv_addf(struct bd_strv *sv, const char *fmt, ...) BD_PRINTF(2, 3);
void bd_strv_split(struct bd_strv *sv, const char *s, char sep); /* appends; empty fields are kept */
bool bd_strv_has(const struct bd_strv *sv, const char *s);
char **bd_strv_argv(const struct bd_strv *sv); /* NULL-ended array of borrowed strings; caller frees the array */
void bd_strv_done(struct bd_strv *sv);

/* ---- vectors ------------------------------------------------------------------------------------------- */

/* Appends one zeroed element to an array held as (pointer, count) and gives its address. The capacity is the next
 * power of two of the count, so it need not be stored. */
#define BD_PUSH(arr, n) (__typeof__(arr))bd_push_((void **)&(arr), &(n), sizeof *(arr))
void *bd_push_(void **arr, size_t *n, size_t size);

/* ---- clocks -------------------------------------------------------------------------------------------- */

int64_t bd_clock_mono_ns(void);
int64_t bd_clock_real_ns(void);
void bd_sleep_ns(int64_t ns);
#define BD_RFC3339_LEN 32
void bd_rfc3339(int64_t real_ns, char out[BD_RFC3339_LEN]); /* UTC, whole seconds */

/* ---- logging (programs log; modules only at debug) -------------------------------------------------------- */

enum bd_log_level { BD_LOG_ERROR, BD_LOG_WARN, BD_LOG_INFO, BD_LOG_DEBUG };
void bd_log_to(int fd, enum bd_log_level max); /* default: stderr, warn. fd is borrowed */
void bd_log(enum bd_log_level level, const char *fmt, ...) BD_PRINTF(2, 3);

/* ---- files --------------------------------------------------------------------------------------------- */

/* Whole file, at most max bytes (-EFBIG beyond). ret_len may be NULL; the text is NUL-terminated. */
int bd_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len);
int bd_fd_read(int fd, size_t max, char **ret_text, size_t *ret_len);
/* Opens for reading a file of ours that nobody else can have written (forbidden 022) or read either (077): a descriptor or
 * -errno. -ELOOP: a link somebody may have placed; -EPERM: not such a file, ret_stat (may be NULL) says why. Never waits for
 * the other end of a pipe. */
struct stat;
int bd_file_open_own(const char *path, mode_t forbidden, struct stat *ret_stat);
/* Temporary file beside it, fsync, rename: readers see the old or the new text, never half of one. */
int bd_file_write(const char *path, const void *data, size_t len, mode_t mode);
int bd_mkdirs(const char *path, mode_t mode);
/* Folder of the running program (from /proc/self/exe); borrowed, for the life of the process. */
const char *bd_program_dir(void);
/* A file of this installation: first BIN/../<in_build>, then BIN/../<installed>; the caller frees. NULL when neither exists. */
char *bd_program_file(const char *in_build, const char *installed);
/* Where a user's benchd keeps its data: $BENCHD_DATA, else $XDG_DATA_HOME/benchd, else ~/.local/share/benchd; absolute,
 * the caller frees. */
char *bd_data_dir(void);
/* Hex build-id of an ELF file into out (at least 41 bytes), or -ENODATA. */
int bd_elf_build_id(const char *path, char *out, size_t size);

/* ---- manual pages: roff with the man macros, from the tables that --help is made of ------------------------ */

/* The title and the section NAME. */
void bd_man_begin(struct bd_str *out, const char *name, int section, const char *version, const char *about);
void bd_man_section(struct bd_str *out, const char *title);
void bd_man_part(struct bd_str *out, const char *title); /* within a section */
void bd_man_synopsis(struct bd_str *out, const char *command, const char *rest);
void bd_man_text(struct bd_str *out, const char *text); /* paragraphs separated by empty lines */
void bd_man_item(struct bd_str *out, const char *name, const char *argument,
	const char *text); /* argument may be NULL */
void bd_man_example(struct bd_str *out, const char *line);
void bd_man_see(struct bd_str *out, const char *name, int section, bool last); /* in a list of other pages */

/* ---- processes ----------------------------------------------------------------------------------------- */

struct bd_spawn {
	const char *program; /* absolute path */
	char *const *argv;   /* NULL-ended */
	char *const *envp;   /* NULL-ended; NULL means empty, never the caller's */
	const char *cwd;     /* NULL: "/" */
	const int *fds;      /* child gets these as 3, 4, …; every other descriptor is closed */
	size_t fds_len;
	int out_fd, err_fd;     /* child's 1 and 2; -1 = /dev/null. 0 is always /dev/null */
	bool drop_privileges;   /* clears ambient and inheritable sets, drops the bounding set, no_new_privs */
	bool die_with_parent;   /* PR_SET_PDEATHSIG(SIGKILL): spawn from a thread that outlives the child */
	int64_t max_core_bytes; /* RLIMIT_CORE; -1 = leave */
	int64_t max_files;      /* RLIMIT_NOFILE; 0 = leave */
};
/* fork, new session, all signals at default and unblocked, exec. A failed exec is reported as the error of this call.
 * ret_pidfd may be NULL. */
int bd_spawn(const struct bd_spawn *sp, pid_t *ret_pid, int *ret_pidfd, struct bd_error *err);
/* The options of sanitizers, for the environment of a program of our own that may be built with one: "NAME=value". */
void bd_spawn_sanitizers(struct bd_strv *env);
/* Opens /dev/null where 0, 1 or 2 is closed: else the next file opened would become somebody's standard error. First
 * thing in main. */
void bd_open_standard(void);
/* SIGKILL to the process group/session leader started by bd_spawn, and reap. */
void bd_spawn_kill(pid_t pid);
int bd_pidfd_open(pid_t pid); /* descriptor or -errno */

/* ---- random numbers (xoshiro256**; Blackman & Vigna 2021), identifiers ------------------------------------ */

struct bd_rng {
	uint64_t s[4];
};
void bd_rng_init(struct bd_rng *r, uint64_t seed); /* splitmix64 expansion */
uint64_t bd_rng_next(struct bd_rng *r);
uint64_t bd_rng_below(struct bd_rng *r, uint64_t n); /* 0 … n-1, unbiased */
double bd_rng_unit(struct bd_rng *r);                /* [0, 1) */
void bd_rng_shuffle(struct bd_rng *r, size_t *v, size_t n);
int bd_random_bytes(void *p, size_t n); /* from the kernel */
#define BD_ULID_LEN 27
void bd_ulid(char out[BD_ULID_LEN]); /* 26 characters, sortable by time, monotonic in a process */
/* FNV-1a, for keys and permutations, not for secrets. */
uint64_t bd_hash(const void *p, size_t n);
bool bd_equal_secret(const char *a, const char *b); /* constant time in the length of b */

#endif
