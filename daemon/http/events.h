/* Inside the event streams: what is told, and the text of it. */
#ifndef BD_HTTP_EVENTS_H
#define BD_HTTP_EVENTS_H

#include "call.h"

enum told { TOLD_STATE, TOLD_PROGRESS, TOLD_CELL, TOLD_TRACE };
struct rendered { /* what is sent of an event; shared by its copies */
	_Atomic int owners;
	pthread_mutex_t lock;
	bool done;
	struct bd_str text;
};
struct entry {
	int64_t id;
	struct rendered *rendered;
	enum told kind;
	int64_t cell;
	enum bd_run_state state;
	struct bd_reason *reason;
	struct bd_progress progress; /* phase, about, waiting_for and last_cell are owned */
};

/* The event as it is sent; nothing when there is nothing to tell of what it is about. `id` is that of the run or trace. */
void bd_http_event_text(struct bd_http *h, const char *id, const struct entry *e, struct bd_str *out);

#endif
