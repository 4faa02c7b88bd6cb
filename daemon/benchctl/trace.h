/* benchctl trace: the document benchd.trace.v1 as people read it, the view while it goes on, the command it starts. */
#ifndef TRACE_H
#define TRACE_H

#include "bd_benchctl.h"

/* ---- the document (docs/interfaces.md); what is absent is null: NULL, NAN, BD_NULL_INT -------------------------- */

struct trace_gil {
	int64_t pid, interpreter;
	char *address;
	double held_share;
	int64_t waits, wait_ns, holder_ns, runqueue_ns, switch_ns, mutex_ns;
};
struct trace_thread {
	int64_t pid, tid;
	char *name, *state; /* state: of a trace that goes on, else NULL */
	int64_t hold_ns, run_ns, off_ns, wait_ns, waits;
	double wait_share;
	int64_t holder_ns, runqueue_ns, switch_ns, mutex_ns, retries, p50_ns, p99_ns, max_ns;
};
struct trace_blocker {
	int64_t pid, interpreter, waiter, holder, ns, waits; /* holder 0: unknown */
};
struct trace_from { /* whose code asked the standard library for it */
	char *function, *file;
	int64_t line;
};
struct trace_line { /* of lines, held and spins: each has some of these */
	char *role;
	int64_t pid, tid;
	char *function, *file, *native;
	int64_t line, ns, samples, yields, threads;
	struct trace_from *from; /* NULL: the line is not the library's */
	bool others;             /* of trace_lines: other native functions at the same line are in it */
};
struct trace_threads_rest { /* what the list has no room for */
	int64_t threads, waits, wait_ns, hold_ns;
};
struct trace_blockers_rest {
	int64_t pairs, ns, waits;
};
struct trace_lines_rest {
	int64_t holder_ns, waiter_ns, held_ns, spin_ns;
};
struct trace_lock {
	char *kind, *type;
	int64_t waits, ns, runqueue_ns;
};
struct trace_cost {
	double ratio, lo, hi;
	int64_t rounds;
};
struct trace_cell {
	char *id;
	int64_t waits, wait_ns, threads_ns;
	struct trace_cost *cost;
	struct trace_line *lines;
	size_t lines_len;
	struct trace_blocker *blockers;
	size_t blockers_len;
};
struct trace_loss {
	int64_t second, lost;
};
struct trace_document {
	char *id, *state;
	struct bd_reason *reason;
	char *started, *command, *python, *run, *level;
	int64_t pid, own_pid, start_mono_ns, end_mono_ns;
	double seconds;
	bool gil;
	struct trace_gil *gils;
	size_t gils_len;
	struct trace_thread *threads;
	size_t threads_len;
	struct trace_threads_rest *threads_rest; /* NULL: none */
	struct trace_blocker *blockers;
	size_t blockers_len;
	struct trace_blockers_rest *blockers_rest; /* NULL: none */
	struct trace_line *lines;
	size_t lines_len;
	struct trace_lines_rest *lines_rest; /* NULL: none */
	struct trace_line *held;
	size_t held_len;
	struct trace_lock *locks;
	size_t locks_len;
	struct trace_line *spins;
	size_t spins_len;
	struct trace_cell *cells;
	size_t cells_len;
	struct trace_loss *losses;
	size_t losses_len;
	int64_t lost, unresolved_ns, waits, wait_ns, events, bytes, children, execs;
	double events_per_s, tracer_cpu_s, benchd_cpu_s;
	bool truncated;
};
extern const struct bd_doc trace_document_doc;
void trace_document_done(struct trace_document *d);
#define auto_trace BD_CLEANUP(trace_document_done)
/* Initialises d. */
int trace_decode(const cJSON *json, struct trace_document *d, struct bd_error *err);
bool trace_ended(const char *state);
/* 0 when complete; else 2, or what a failed one's reason says. */
int trace_exit(const struct trace_document *d);

/* ---- words of it (all give text the caller frees) ---------------------------------------------------------------- */

char *trace_time(int64_t ns);                   /* "1.80 s", "190 µs", "0"; a null is "–" */
char *trace_count(int64_t n);                   /* "21", "9.12 k"; a null is 0 */
char *trace_share(int64_t part, int64_t whole); /* "45 %"; nothing of nothing is "–" */
/* "victim"; "worker 4243" where several are called so; "4243" where they are called as the process. 0 is "unknown". */
char *trace_thread_name(const struct trace_document *d, int64_t pid, int64_t tid);
/* The thread of a line; "412 threads". */
char *trace_line_thread(const struct trace_document *d, const struct trace_line *l);
/* "culprit → spin_end", "culprit → spin_end, …", "spin_end", "unknown"; at most so many columns */
char *trace_function(const struct trace_line *l, size_t width, bool utf8);
/* Those of a role (NULL = all) that say where, the longest first; merged: one for each line of Python, whatever native function
 * it was in. They borrow from v; caller frees the array. *ret_unknown: ns of those that do not say where. */
struct trace_line *trace_lines(const struct trace_line *v, size_t n, const char *role, bool merged, size_t *ret_n,
	int64_t *ret_unknown);
/* "/srv/prog.py:14", cut from the left to so many columns; "" when unknown. */
char *trace_place(const struct trace_line *l, size_t width, bool utf8);
char *trace_title(const struct trace_document *d); /* what was traced */
/* How many GILs there are to speak of: one that is switched off and was not waited for is none. */
size_t trace_gils(const struct trace_document *d);
/* "interpreter 1", as little as tells it apart. */
char *trace_gil_name(const struct trace_document *d, int64_t pid, int64_t interpreter);
int64_t trace_known(int64_t ns); /* a null is 0 */
struct trace_split {
	int64_t holder, runqueue, stall, mutex;
};
char *trace_split_text(const struct trace_split *s); /* "99/0/1/0 %" */

/* ---- what is shown ------------------------------------------------------------------------------------------------- */

/* The report of a trace: with s->verbose all of every list. */
void trace_report(const struct trace_document *d, const struct bd_screen *s, struct bd_str *out);
/* The matrix waiter × holder of each GIL. */
void trace_matrix(const struct trace_document *d, const struct bd_screen *s, struct bd_str *out);
/* One screen of a trace that goes on: at most `height` lines, none wider than the screen. before: an earlier snapshot, whose
 * difference are the figures per second; NULL: since the start. asked_s: NAN when it goes on until it is ended. */
void trace_frame(const struct trace_document *d, const struct trace_document *before, double asked_s,
	const struct bd_screen *s, size_t height, struct bd_str *out);
/* The same in one line. */
void trace_sentence(const struct trace_document *d, const struct trace_document *before, double asked_s,
	struct bd_str *out);

/* ---- stored traces ---------------------------------------------------------------------------------------------------- */

/* {"traces": [...]}, newest first; of one run when run is not NULL. */
int trace_list(struct bd_client *c, const char *run, size_t limit, cJSON **ret, struct bd_error *err);
/* "latest" or the beginning of an id → the id; caller frees. */
int trace_find(struct bd_client *c, const char *word, char **ret, struct bd_error *err);
/* The trace of a run, which is named as bd_ctl_run_id has it; caller frees. */
int trace_of_run(struct bd_client *c, const char *word, char **ret, struct bd_error *err);
void trace_list_table(const cJSON *json, const struct bd_screen *s, struct bd_str *out);

/* ---- a command that is traced from its first instruction ------------------------------------------------------------ */

struct trace_child {
	_Atomic(pid_t) pid; /* 0 = none */
	int go, told;       /* it starts when something is written to go; told says why it could not */
	const char *named;  /* borrowed */
};
#define auto_child BD_CLEANUP(trace_child_done)
/* Forks; the child waits. output: its standard output is the descriptor of that number here. no-such-input when there is no
 * such program. */
int trace_child_hold(const struct bd_strv *argv, int output, struct trace_child *ret, struct bd_error *err);
/* Lets it go; no-such-input when it does not start. */
int trace_child_go(struct trace_child *c, struct bd_error *err);
/* Waits until it has ended, or *cancel (-EINTR); then ret_status is its status as waitpid gives it. */
int trace_child_wait(struct trace_child *c, const volatile int *cancel, int *ret_status);
/* A child that was never let go ends; one that runs is left alone. */
void trace_child_done(struct trace_child *c);

/* ---- while it goes on ------------------------------------------------------------------------------------------------ */

/* Shows snapshots, and has the signals of this program: a thread of its own that is the only one to write to the terminal. */
struct trace_view;
#define auto_view BD_CLEANUP(trace_view_free)
/* child: gets what the terminal did not give it already; NULL = none. With one nothing is drawn. */
struct trace_view *trace_view_new(const struct bd_ctl *ctl, double asked_s, const struct trace_child *child);
void trace_view_snapshot(struct trace_view *v, const cJSON *json);
void trace_view_note(struct trace_view *v, const char *text); /* a line that stays, once the view is gone */
/* Non-zero once the user wants it to end: for bd_client_events and trace_child_wait. */
const volatile int *trace_view_interrupted(const struct trace_view *v);
void trace_view_free(struct trace_view **v); /* gives the terminal and the signals back */

/* ---- to a file -------------------------------------------------------------------------------------------------------- */

/* Whether it could be written: to be asked before anything is traced. "-" can. */
int trace_export_check(const char *file, struct bd_error *err);
/* Writes the trace in a format, whole or not at all; to "-", standard output, as it comes. */
int trace_export(struct bd_client *c, const char *id, const char *format, const char *file, struct bd_error *err);

#endif
