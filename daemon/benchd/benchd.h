/* Inside benchd's main: what it was told, its data folder, its log, its life. */
#ifndef BENCHD_H
#define BENCHD_H

#include "bd_model.h"

/* ---- options -------------------------------------------------------------------------------------------------------- */

#define PORT_LAST -1 /* the one this folder was served at before, when it is free */
struct options {
	char *data;         /* absolute */
	char *config;       /* file, or NULL */
	int port;           /* 0 = any free one */
	double idle_exit_s; /* 0 = never */
	enum bd_log_level log_level;
	bool foreground; /* log to standard error */
	int ready_fd;    /* -1 = none */
	bool help, manual, version;
};
void options_done(struct options *o);
/* Command line over configuration file over defaults. Errors: usage, bad-config. */
int options_read(struct options *ret, int argc, char **argv, struct bd_error *err);
struct option_row {
	const char *name;
	char code;
	const char *argument, *summary; /* argument NULL: takes none */
};
extern const struct option_row option_rows[];
extern const size_t option_rows_len;
void options_help(struct bd_str *out);
void options_manual(struct bd_str *out); /* benchd(8), in roff */

/* ---- the data folder ------------------------------------------------------------------------------------------------- */

struct data {
	int lock; /* held for as long as the process lives */
	char *dir, *token_file, *token, *state_file, *port_file, *sessions_file;
	int port; /* of the daemon before, 0 = unknown */
	bool announced;
};
#define DATA_NONE          \
	{                  \
		.lock = -1 \
	}
/* Makes or checks the folder, takes its lock, makes or reads the token. Errors: data-unusable, data-in-use,
 * token-unusable. */
int data_open(const char *dir, struct data *ret, struct bd_error *err);
/* Writes daemon.json: from now on clients find us, and the next daemon its port. */
int data_announce(struct data *d, int port, const char *build, struct bd_error *err);
void data_withdraw(struct data *d); /* removes daemon.json: nobody new shall come */
void data_done(struct data *d);

/* ---- the log ---------------------------------------------------------------------------------------------------------- */

/* Logs to DIR/benchd.log, which never grows beyond a bound: an older part is kept as benchd.log.1. */
int log_open(const char *dir, enum bd_log_level level, struct bd_error *err);
bool log_is_open(void);
void log_turn(void); /* starts a new file when the old one is full; called now and then */
/* What workers print arrives here, a line at a time and only so many in a while. Descriptor for them, or -1. */
int log_workers_open(struct bd_error *err);
void log_close(void);

/* ---- life ---------------------------------------------------------------------------------------------------------------- */

/* Blocks the signals that end us in this thread and all made after it. */
int life_init(struct bd_error *err);
void life_stop(void);  /* from any thread: ask for the end */
void life_touch(void); /* from any thread: something was done */
struct life {
	double idle_exit_s;
	/* Time of the last use, INT64_MAX while in use. */
	int64_t (*last_use_ns)(void *arg);
	/* The idle time has passed: closes the door. False when somebody came in before it was shut. */
	bool (*retire)(void *arg);
	void *arg;
};
/* Returns when a signal came, life_stop was called or nobody used us for idle_exit_s. The reason, for the log. */
const char *life_wait(const struct life *l);
/* From now on a further signal ends the process at once. */
void life_ending(void);

#endif
