/* The view of a trace while it goes on. One thread draws and takes the signals (all others have them blocked), so the terminal
 * is given back whatever ends this program, and never in the middle of a line. */
#include "trace.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_NS (250 * 1000000LL)
#define LINE_NS (10 * 1000000000LL)
#define KEPT 8 /* snapshots: figures per second are of about the last second */
#define LATELY_NS 1000000000LL
#define GONE_NS (3 * 1000000000LL) /* a trace whose command has ended ends by itself; one that does not is ended */

/* Another screen of the terminal, as pagers use it: what was there before comes back, and a change of its size spoils nothing. */
static const char ENTER[] = "\033[?1049h\033[?25l\033[H\033[2J", LEAVE[] = "\033[?25h\033[?1049l";

struct trace_view {
	const struct bd_ctl *ctl;
	const struct trace_child *child;
	double asked_s;
	enum { NOTHING, LINES, SCREEN } shows;
	pthread_t thread;
	sigset_t signals, before;
	bool on, entered;
	volatile int interrupted;
	int interrupts;
	int64_t gone_ns; /* when the command was first seen to have ended; 0 = it goes on */
	pthread_mutex_t lock;
	/* under the lock */
	bool end;
	struct trace_document kept[KEPT]; /* the oldest first */
	size_t kept_len;
	struct bd_strv notes; /* to be written once the terminal is itself again */
};

/* ---- drawing ------------------------------------------------------------------------------------------------------- */

static void enter(struct trace_view *v)
{
	if (v->shows == SCREEN && !v->entered)
		v->entered = bd_write_all(STDERR_FILENO, ENTER, sizeof ENTER - 1) == 0;
}

static void leave(struct trace_view *v)
{
	if (v->entered)
		bd_write_all(STDERR_FILENO, LEAVE, sizeof LEAVE - 1);
	v->entered = false;
}

/* The youngest snapshot that is a second older than the last one, or the oldest; NULL while there is one alone. */
static const struct trace_document *earlier(const struct trace_view *v)
{
	const struct trace_document *last = &v->kept[v->kept_len - 1];
	for (size_t i = v->kept_len - 1; i-- > 0;)
		if (i == 0 || last->end_mono_ns - v->kept[i].end_mono_ns >= LATELY_NS)
			return &v->kept[i];
	return NULL;
}

/* Whether the terminal is ours now: a job in the background leaves it alone. */
static bool in_foreground(void)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);
	return group < 0 || group == getpgrp();
}

static void draw_screen(struct trace_view *v)
{
	struct winsize size;
	if (!in_foreground())
		return;
	struct bd_screen s = v->ctl->err;
	size_t height = 24;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
		s.width = size.ws_col;
		height = size.ws_row;
	}
	s.width -= s.width > 1; /* a full line would wrap on some terminals */
	bd_auto_str struct bd_str frame = {0}, out = {0};
	if (v->kept_len)
		trace_frame(&v->kept[v->kept_len - 1], earlier(v), v->asked_s, &s, height, &frame);
	else
		bd_str_puts(&frame, "attached\n");
	bd_str_puts(&out, "\033[H");
	for (const char *p = frame.s; *p;) {
		size_t n = strcspn(p, "\n");
		bd_str_append(&out, p, n);
		bd_str_puts(&out, "\033[K");
		p += n + (p[n] == '\n');
		if (*p)
			bd_str_puts(&out, "\r\n");
	}
	bd_str_puts(&out, "\033[J");
	enter(v);
	bd_write_all(STDERR_FILENO, out.s, out.len);
}

static void draw_line(struct trace_view *v)
{
	const struct trace_document *none = NULL;
	if (!v->kept_len)
		return;
	bd_auto_str struct bd_str text = {0}, line = {0};
	const struct trace_document *last = &v->kept[v->kept_len - 1];
	trace_sentence(last, v->kept_len > 1 ? earlier(v) : none, v->asked_s, &text);
	bd_put(&line, &v->ctl->err, BD_PLAIN, text.s);
	bd_str_puts(&line, "\n");
	bd_write_all(STDERR_FILENO, line.s, line.len);
}

static void draw(struct trace_view *v)
{
	if (v->shows == SCREEN)
		draw_screen(v);
	else if (v->shows == LINES)
		draw_line(v);
}

/* ---- signals --------------------------------------------------------------------------------------------------------- */

/* Ends or stops this program as the signal would have. */
static void take_effect(struct trace_view *v, int signal_number)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t one;
	leave(v);
	sigaction(signal_number, &sa, NULL);
	sigemptyset(&one);
	sigaddset(&one, signal_number);
	raise(signal_number);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	pthread_sigmask(SIG_BLOCK, &one, NULL); /* after a stop */
}

/* What was typed at the terminal has reached the command as well. */
static void pass_on(const struct trace_view *v, const siginfo_t *info)
{
	pid_t pid = v->child ? v->child->pid : 0;
	if (pid && info->si_code != SI_KERNEL)
		kill(pid, info->si_signo);
}

static void on_signal(struct trace_view *v, const siginfo_t *info)
{
	switch (info->si_signo) {
	case SIGINT:
		pass_on(v, info);
		v->interrupts++;
		/* a command has the first one for itself: it ends, or goes on and is traced on */
		if (v->interrupts > (v->child ? 2 : 1)) {
			leave(v);
			_exit(BD_EXIT_UNDECIDED);
		}
		if (!v->child || v->interrupts == 2)
			__atomic_store_n(&v->interrupted, 1, __ATOMIC_RELAXED);
		return;
	case SIGTERM:
	case SIGHUP:
		pass_on(v, info);
		take_effect(v, info->si_signo);
		return;
	case SIGTSTP:
		take_effect(v, SIGTSTP);
		draw(v);
		return;
	default: /* SIGWINCH, which trace_view_snapshot sends as well, and SIGCONT */
		if (v->shows == SCREEN)
			draw(v);
	}
}

/* It is not waited for here: whoever started it wants to know how it ended. */
static void look_at_child(struct trace_view *v)
{
	siginfo_t how = {0};
	pid_t pid = v->child ? v->child->pid : 0;
	if (!pid || waitid(P_PID, (id_t)pid, &how, WEXITED | WNOHANG | WNOWAIT) < 0 || !how.si_pid)
		return;
	if (!v->gone_ns)
		v->gone_ns = bd_clock_mono_ns();
	else if (bd_clock_mono_ns() - v->gone_ns > GONE_NS)
		__atomic_store_n(&v->interrupted, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	struct trace_view *v = arg;
	int64_t every = v->shows == SCREEN ? REDRAW_NS : LINE_NS, next = bd_clock_mono_ns() + every;
	pthread_mutex_lock(&v->lock);
	while (!v->end) {
		int64_t wait = BD_MIN(BD_MAX(next - bd_clock_mono_ns(), (int64_t)0), (int64_t)REDRAW_NS);
		struct timespec at = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
		siginfo_t info;
		pthread_mutex_unlock(&v->lock);
		int got = sigtimedwait(&v->signals, &info, &at);
		pthread_mutex_lock(&v->lock);
		if (v->end)
			break;
		look_at_child(v);
		if (got > 0) {
			on_signal(v, &info);
		} else if (bd_clock_mono_ns() >= next) {
			draw(v);
			next += every;
		}
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

/* ---- life -------------------------------------------------------------------------------------------------------------- */

struct trace_view *trace_view_new(const struct bd_ctl *ctl, double asked_s, const struct trace_child *child)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
	struct trace_view *v = bd_alloc(sizeof *v);
	const char *term = getenv("TERM");
	v->ctl = ctl;
	v->child = child && child->pid ? child : NULL;
	v->asked_s = asked_s;
	v->shows = v->child || ctl->verbosity < 0                               ? NOTHING
		: ctl->err.terminal && term && *term && !bd_streq(term, "dumb") ? SCREEN
										: LINES;
	pthread_mutex_init(&v->lock, NULL);
	sigemptyset(&v->signals);
	for (size_t i = 0; i < BD_LEN(caught); i++)
		sigaddset(&v->signals, caught[i]);
	pthread_sigmask(SIG_BLOCK, &v->signals, &v->before);
	v->on = pthread_create(&v->thread, NULL, work, v) == 0;
	if (!v->on)
		pthread_sigmask(SIG_SETMASK, &v->before, NULL);
	return v;
}

void trace_view_snapshot(struct trace_view *v, const cJSON *json)
{
	struct trace_document d;
	if (trace_decode(json, &d, NULL) < 0)
		return;
	pthread_mutex_lock(&v->lock);
	if (v->kept_len == KEPT) {
		trace_document_done(&v->kept[0]);
		memmove(&v->kept[0], &v->kept[1], (KEPT - 1) * sizeof v->kept[0]);
		v->kept_len--;
	}
	v->kept[v->kept_len++] = d;
	bool first = v->kept_len == 1;
	pthread_mutex_unlock(&v->lock);
	if (first && v->on)
		pthread_kill(v->thread, SIGWINCH);
}

void trace_view_note(struct trace_view *v, const char *text)
{
	pthread_mutex_lock(&v->lock);
	bd_strv_add(&v->notes, text);
	pthread_mutex_unlock(&v->lock);
}

const volatile int *trace_view_interrupted(const struct trace_view *v)
{
	return &v->interrupted;
}

void trace_view_free(struct trace_view **vp)
{
	struct trace_view *v = *vp;
	if (!v)
		return;
	if (v->on) {
		pthread_mutex_lock(&v->lock);
		v->end = true;
		pthread_mutex_unlock(&v->lock);
		pthread_kill(v->thread, SIGWINCH);
		pthread_join(v->thread, NULL);
		leave(v);
		pthread_sigmask(SIG_SETMASK, &v->before, NULL);
	}
	for (size_t i = 0; i < v->notes.n; i++)
		bd_ctl_note(v->ctl, "%s", v->notes.v[i]);
	for (size_t i = 0; i < v->kept_len; i++)
		trace_document_done(&v->kept[i]);
	bd_strv_done(&v->notes);
	pthread_mutex_destroy(&v->lock);
	free(v);
	*vp = NULL;
}
