/* A GIL made up for the purpose, and a child whose threads go through sleeps on it of which every circumstance is set: which
 * part, whose wake, what last_holder and switch_number say. */
#ifndef BD_TESTS_STEPS_H
#define BD_TESTS_STEPS_H

#include "probe.h"

#define STEP_TIMER_NS 1000000
#define STEP_TARGET 0

struct made_up_gil {
	uint64_t interval, last_holder, locked, switch_number;
	uint32_t cond[12], mutex[10], switch_cond[12], switch_mutex[10];
	uint32_t outside[4];
};
extern struct made_up_gil gil;
extern const struct bd_probe_layout step_layout;

/* Thread states: of the sleeper, and of a thread that is nowhere. native_thread_id comes first. */
struct made_up_state {
	uint64_t native_thread_id;
	void *next, *frame;
};
extern struct made_up_state self_state, other_state;

struct step {
	uint32_t *word;
	bool woken;         /* by the other thread, else by its timer */
	unsigned number_by; /* switch_number goes on by this before the sleep */
	bool self_held;     /* last_holder is the sleeper itself */
	int64_t busy_ns;    /* before the sleep */
};
struct script {
	const struct step *steps;
	size_t n;
};

/* For run below: the main thread goes through a struct script, another wakes it. */
void run_script(const void *script);
void busy(int64_t ns);

/* Forks a child, marks it as STEP_TARGET, of which everything is set up, and waits until it has run and ended well. */
pid_t run_child(struct bd_probe *probe, void (*run)(const void *), const void *arg);

#endif
