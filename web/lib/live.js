/* A run or a trace as it goes on: its document, then what changes. Whatever is lost is asked for anew, whole: nothing that was shown
 * before a break is mixed with what is told after it. */
import { ApiError, api, get } from './api.js';
import { useEffect, useState } from './ui.js';
import { ended } from './status.js';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;
const REFUSED_WAIT_MS = 4000;
const FLUSH_MS = 200;
/* A stream that says nothing for so long is looked after: where it has silently ended (the benchd stopped, the tunnel or
 * this computer asleep) nobody tells. */
const SILENCE_MS = 20000;
const LOOK_MS = 5000;
const PATIENCE_MS = 10000;

/* What is followed. over: nothing more will come; events: what each says, by its name; merge: the document with the edits
 * that came since it was shown last. */
const RUN = {
  path: (id) => `runs/${id}`,
  over: (doc) => ended(doc.run.state),
  merge: (doc, cells) => ({ ...doc, cells: doc.cells.map((cell) => cells.get(cell.id) ?? cell) }),
  events: {
    progress: (progress, { later }) => later({ progress }),
    cell: (cell, { later, edits }) => later({ edits: (edits() ?? new Map()).set(cell.id, cell) }),
    state: ({ state, reason }, { doc, set, anew }) => {
      /* the document knows more than the event: launches, times, the environment */
      if (ended(state) || (doc().run.state === 'queued' && state === 'running')) anew();
      else set({ ...doc(), run: { ...doc().run, state, reason } });
    },
  },
};
const TRACE = {
  path: (id) => `traces/${id}`,
  over: (doc) => ended(doc.state),
  merge: (_, doc) => doc,
  events: {
    trace: (doc, { later }) => later({ edits: doc }),
    state: ({ state }, { anew }) => ended(state) && anew(),
  },
};

/** Follows a run or a trace until it ends or stop() is called. tell(changes) gets parts of
 *   {doc, progress, told: when they came, connection: live | lost | ended, error, again: when the next attempt is,
 *    refused: benchd answers, but not with a stream}. */
function follow(kind, id, tell) {
  let doc = null;
  let source = null;
  let retry = null;
  let flush = null;
  let wait = FIRST_WAIT_MS;
  let news = {};
  let stopped = false;
  let heard = 0;
  const abort = new AbortController();

  function close() {
    source?.close();
    source = null;
    clearTimeout(flush);
    flush = null;
    news = {};
  }

  function lost(error, refused = false) {
    close();
    if (stopped) return;
    const pause = refused ? REFUSED_WAIT_MS : wait;
    tell({ connection: doc ? 'lost' : null, refused, error: doc ? null : error, again: Date.now() + pause });
    clearTimeout(retry);
    retry = setTimeout(() => load(), pause);
    if (!refused) wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }

  function deliver() {
    flush = null;
    const { edits, ...rest } = news;
    news = {};
    if (edits) {
      doc = kind.merge(doc, edits);
      rest.doc = doc;
    }
    tell({ ...rest, told: Date.now() });
  }

  function later(changes) {
    heard = Date.now();
    Object.assign(news, changes);
    flush ??= setTimeout(deliver, FLUSH_MS);
  }

  function listen() {
    let opened = false;
    heard = Date.now();
    source = new EventSource(api(`${kind.path(id)}/events`));
    source.addEventListener('open', () => {
      opened = true;
      wait = FIRST_WAIT_MS;
      tell({ connection: 'live', told: Date.now() });
    });
    const tools = {
      later,
      edits: () => news.edits,
      doc: () => doc,
      set: (newer) => {
        doc = newer;
        later({ doc });
      },
      anew: () => {
        close();
        load();
      },
    };
    for (const [name, hear] of Object.entries(kind.events)) source.addEventListener(name, (event) => hear(JSON.parse(event.data), tools));
    source.addEventListener('error', () => lost(new ApiError(0, 'unreachable', 'benchd does not answer', null), !opened));
  }

  /* again: only to see whether it goes on; what is known of its progress stays */
  async function load(again = false) {
    try {
      doc = await get(kind.path(id), { signal: abort.signal, patience: PATIENCE_MS });
    } catch (error) {
      if (stopped) return;
      if (error.status !== 401 && error.status !== 404) {
        lost(error);
        return;
      }
      close();
      tell({ error, connection: null });
      return;
    }
    if (stopped) return;
    const over = kind.over(doc);
    tell({ doc, told: Date.now(), error: null, ...(again && !over ? {} : { progress: null }), ...(over ? { connection: 'ended' } : {}) });
    if (!over) listen();
  }

  const watch = setInterval(() => {
    if (!source || Date.now() - heard < SILENCE_MS) return;
    close();
    load(true);
  }, LOOK_MS);

  load();
  return () => {
    stopped = true;
    abort.abort();
    clearInterval(watch);
    clearTimeout(retry);
    close();
  };
}

const NOTHING = { doc: null, progress: null, told: null, connection: null, error: null, again: null, refused: false };

function useFollowed(kind, id) {
  const [state, set] = useState(NOTHING);
  const [count, again] = useState(0);
  useEffect(() => {
    set(NOTHING);
    return follow(kind, id, (changes) => set((old) => ({ ...old, ...changes })));
  }, [id, count]);
  return { ...state, reload: () => again((n) => n + 1) };
}

export const useRun = (id) => useFollowed(RUN, id);
export const useTrace = (id) => useFollowed(TRACE, id);
