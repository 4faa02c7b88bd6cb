/* How long benchd lives: until a signal, until asked, until nobody has used it for a while. */
#include "benchd.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TURN_MS 60000 /* longest sleep: the log is looked at this often */

static sigset_t ending_signals;
static int signals = -1, asked = -1;
static _Atomic int64_t touched_ns;

int life_init(struct bd_error *err)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ending_signals);
	sigaddset(&ending_signals, SIGTERM);
	sigaddset(&ending_signals, SIGINT);
	sigaddset(&ending_signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ending_signals, NULL);
	signals = signalfd(-1, &ending_signals, SFD_CLOEXEC | SFD_NONBLOCK);
	asked = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (signals < 0 || asked < 0)
		return bd_error_set(err, -errno, "internal", NULL, "cannot wait for signals: %s", strerror(errno));
	life_touch();
	return 0;
}

void life_stop(void)
{
	eventfd_write(asked, 1);
}

void life_touch(void)
{
	touched_ns = bd_clock_mono_ns();
}

/* Milliseconds until the idle exit; 0 = now. */
static int idle_left_ms(const struct life *l)
{
	int64_t last = l->last_use_ns(l->arg);
	if (last == INT64_MAX)
		life_touch();
	double left = l->idle_exit_s -
		(double)(bd_clock_mono_ns() - BD_MAX(last == INT64_MAX ? 0 : last, touched_ns)) / 1e9;
	return left <= 0 ? 0 : left * 1e3 >= TURN_MS ? TURN_MS : (int)(left * 1e3) + 1;
}

const char *life_wait(const struct life *l)
{
	struct pollfd p[] = {{.fd = signals, .events = POLLIN}, {.fd = asked, .events = POLLIN}};
	for (;;) {
		int wait_ms = l->idle_exit_s > 0 ? idle_left_ms(l) : TURN_MS;
		if (wait_ms == 0) {
			if (l->retire(l->arg))
				return "nobody used it";
			continue;
		}
		int n = poll(p, BD_LEN(p), wait_ms);
		if (n < 0 && errno != EINTR)
			return "poll failed";
		if (p[0].revents) {
			struct signalfd_siginfo info;
			if (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
				return strsignal((int)info.ssi_signo);
		}
		if (p[1].revents)
			return "it was asked to";
		log_turn();
	}
}

static void *impatient(void *arg)
{
	(void)arg;
	int which;
	while (sigwait(&ending_signals, &which) != 0)
		;
	bd_log(BD_LOG_WARN, "a second signal: ending at once");
	_exit(BD_EXIT_UNDECIDED); /* workers end with us, and the store is as sound as after kill -9 */
}

void life_ending(void)
{
	pthread_t t;
	if (pthread_create(&t, NULL, impatient, NULL) == 0)
		pthread_detach(t);
}
