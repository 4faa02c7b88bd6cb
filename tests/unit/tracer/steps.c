#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <stdio.h>
#include <unistd.h>

struct made_up_gil gil;
struct made_up_state self_state, other_state = {.native_thread_id = 4000000};

const struct bd_probe_layout step_layout = {
	.last_holder = 8,
	.switch_number = 24,
	.cond = 32,
	.mutex = 80,
	.switch_cond = 120,
	.switch_mutex = 168,
	.size = 208,
};

static _Atomic(uint32_t *) asleep_on;
static _Atomic int sleeper;

void busy(int64_t ns)
{
	for (int64_t end = bd_clock_mono_ns() + ns; bd_clock_mono_ns() < end;)
		;
}

/* Wakes the sleeper from each word it names, once the kernel says that it sleeps in futex(2). */
static void *waker(void *unused)
{
	for (;;) {
		uint32_t *word = atomic_load(&asleep_on);
		if (!word)
			continue;
		char path[64], text[32] = "";
		snprintf(path, sizeof path, "/proc/self/task/%d/syscall", atomic_load(&sleeper));
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, text, sizeof text - 1);
		close(fd);
		if (n < 4 || strncmp(text, "202 ", 4) != 0)
			continue;
		atomic_store(&asleep_on, NULL);
		syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return unused;
}

static void go_through(const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];
		gil.switch_number += s->number_by;
		gil.last_holder = (uint64_t)(uintptr_t)(s->self_held ? (void *)&self_state : (void *)&other_state);
		busy(s->busy_ns);
		struct timespec t = {0, STEP_TIMER_NS};
		if (s->woken)
			atomic_store(&asleep_on, s->word);
		long r = syscall(SYS_futex, s->word, FUTEX_WAIT_PRIVATE, 0, s->woken ? NULL : &t, NULL, 0);
		if (s->woken ? r != 0 : (r == 0 || errno != ETIMEDOUT))
			_exit(1);
	}
}

void run_script(const void *arg)
{
	const struct script *s = arg;
	pthread_t t;
	atomic_store(&sleeper, (int)syscall(SYS_gettid));
	if (pthread_create(&t, NULL, waker, NULL) != 0)
		_exit(1);
	go_through(s->steps, s->n);
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("the child: %s\n", what);
	fflush(stdout);
	_exit(1);
}

pid_t run_child(struct bd_probe *probe, void (*run)(const void *), const void *arg)
{
	int go[2];
	must(pipe(go) == 0, "pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		self_state.native_thread_id = (uint64_t)syscall(SYS_gettid);
		run(arg);
		_exit(0);
	}
	int pidfd = bd_pidfd_open(pid);
	must(pidfd >= 0, "pidfd");
	must(bd_probe_mark(probe, pidfd, STEP_TARGET) == 0, "mark");
	must(write(go[1], "", 1) == 1, "start");
	int status;
	must(waitpid(pid, &status, 0) == pid && status == 0, "it did not go through its steps");
	close(pidfd);
	close(go[0]);
	close(go[1]);
	return pid;
}
