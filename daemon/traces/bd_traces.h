/* bd_traces: level events, from the tracer's records to the document benchd.trace.v1.
 *
 * A *book* makes sense of records: it joins slices to waits, splits their causes, finds who blocked whom from the
 * hand-overs, names stacks, sums up, and encodes every wait for the store. A *session* is one trace of one process: a thread
 * with a tracer and a book of its own. Engine runs keep a book themselves. */
#ifndef BD_TRACES_H
#define BD_TRACES_H

#include "bd_store.h"
#include "bd_tracer.h"

/* ---- the book (one thread at a time) ------------------------------------------------------------------------- */

struct bd_book;

/* max_bytes of encoded entries; beyond that figures go on and entries are left out (`truncated`). */
void bd_book_new(int64_t start_mono_ns, int64_t max_bytes, struct bd_book **ret);
void bd_book_free(struct bd_book **b);
/* A target of the tracer, now or again (after gils_change or an exec). Its records are understood from then on; those of a
 * target that is not known are counted as unresolved. */
int bd_book_target(struct bd_book *b, struct bd_tracer *t, int target, struct bd_error *err);
/* What bd_tracer_drain gave. Names are resolved at once. */
void bd_book_add(struct bd_book *b, const struct bd_tracer_drained *d);
/* Nothing more comes: what was held back and waits that might have gone on become entries. Before the last chunk and the
 * finished document. */
void bd_book_end(struct bd_book *b, int64_t mono_ns);
/* The entries since the last call, for bd_store_trace_chunk_put; false: none. */
bool bd_book_chunk(struct bd_book *b, struct bd_trace_chunk *ret);
/* Batches of a run: what ended between begin and end belongs to the cell. The reading has the form of level counters (struct
 * bd_tracer_reading of that target between the two); release it with bd_tracer_reading_done. */
void bd_book_cell_begin(struct bd_book *b, int target, const char *cell_id, int64_t mono_ns);
void bd_book_cell_end(struct bd_book *b, int64_t mono_ns, struct bd_tracer_reading *ret);
/* benchd.trace.v1 of everything so far; the caller adds what it alone knows (id, state, the cost of cells …). Lists are the longest first and
 * cut at 200 blockers, 100 lines, 100 held. end_mono_ns: until when it was watched. */
cJSON *bd_book_document(struct bd_book *b, int64_t end_mono_ns);
/* The document as it is kept: what the row says, then the figures (of bd_book_document), which are used up. */
cJSON *bd_traces_describe(const struct bd_trace *row, cJSON **figures);
/* Sums for the row of the store. */
void bd_book_sums(const struct bd_book *b, int64_t *ret_waits, int64_t *ret_wait_ns, int64_t *ret_lost,
	int64_t *ret_bytes);

/* ---- sessions (any thread) ------------------------------------------------------------------------------------ */

struct bd_traces;
struct bd_traces_config {
	const char *tracer; /* path of bench-tracer */
	/* Told from the session's thread: a new snapshot (4 per second) or state. */
	void (*on_change)(const char *trace_id, bool ended, void *arg);
	void *on_change_arg;
};
void bd_traces_new(const struct bd_traces_config *config, struct bd_store *store, struct bd_traces **ret);
/* Stops all (state interrupted), joins. */
void bd_traces_free(struct bd_traces **t);
/* Attaches before it returns: errors of bd_tracer_start and bd_tracer_attach, unknown-value (level), too-many (8 at once).
 * The trace is stored, `running`, when it returns. */
int bd_traces_start(struct bd_traces *t, const struct bd_trace_request *request, char ret_id[BD_ULID_LEN],
	struct bd_error *err);
/* Somebody comes to watch it (1), or leaves (-1); not-found unless it is running. A trace without `seconds` ends 5 s after the
 * last of them left, 30 s after its start when nobody came. */
int bd_traces_watch(struct bd_traces *t, const char *id, int by, struct bd_error *err);
/* Ends it (state complete); returns when its document is stored. already-ended is no error; not-found is. */
int bd_traces_stop(struct bd_traces *t, const char *id, struct bd_error *err);
/* The document: of a running trace as it stands (with `state` per thread), else the stored one; not-found. */
int bd_traces_document(struct bd_traces *t, const char *id, cJSON **ret, struct bd_error *err);
bool bd_traces_idle(struct bd_traces *t);
/* Documents for traces whose daemon died, from their stored chunks (state interrupted). On start, before serving. */
int bd_traces_recover(struct bd_traces *t, struct bd_error *err);

#endif
