/* The client of /api/v1, and resources that components show. */
import { useCallback, useEffect, useRef, useState } from './ui.js';

const PATIENCE_MS = 30000;
/* A list that nobody touches stops asking: it would keep an idle benchd from ending. */
const UNTOUCHED_MS = 300000;

/** A request that got no good answer; status 0: none at all. */
export class ApiError extends Error {
  constructor(status, key, message, hint) {
    super(message);
    Object.assign(this, { status, key, hint });
  }
}

const unreachable = () => new ApiError(0, 'unreachable', 'benchd does not answer', 'benchctl daemon status says whether it runs');

/** {answer, content}, whole; what does not come, or not to its end, is unreachable. Nobody waits for ever for figures. */
async function exchange(method, path, { body, signal, patience = PATIENCE_MS }) {
  const end = new AbortController();
  const stop = () => end.abort();
  const timer = method === 'GET' ? setTimeout(stop, patience) : null;
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  try {
    const answer = await fetch(path, {
      method,
      signal: end.signal,
      credentials: 'same-origin',
      headers: method === 'GET' ? {} : { 'Content-Type': 'application/json' },
      body: method === 'GET' ? undefined : JSON.stringify(body ?? {}),
    });
    return { answer, content: await answer.text() };
  } catch (error) {
    throw signal?.aborted ? error : unreachable();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

async function ask(method, path, options = {}) {
  const { answer, content } = await exchange(method, path, options);
  let said = null;
  try {
    if (content) said = JSON.parse(content);
  } catch {
    /* not from benchd: another program has its port by now */
    if (answer.ok) throw unreachable();
  }
  if (answer.ok) return said;
  const { key, message, hint } = said?.error ?? {};
  throw new ApiError(answer.status, key ?? 'unexpected', message ?? `the answer was ${answer.status}`, hint ?? null);
}

export const api = (path) => `/api/v1/${path}`;
export const get = (path, options) => ask('GET', api(path), options);
export const post = (path, body) => ask('POST', api(path), { body });
export const remove = (path) => ask('DELETE', api(path));
export const login = (code) => ask('POST', '/login', { body: { code } });

/** What a GET gives, for a component: {data, error, loading, reload(), renew()}; renew waits for an answer that is on its
 * way, so that answers which take longer than one asks come, too. Data of an earlier answer stays while a newer one is
 * fetched, but never belongs to another path. */
export function useResource(path) {
  const [state, set] = useState({ path: null, data: null, error: null });
  const [count, again] = useState(0);
  const running = useRef(null);
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    running.current = abort;
    get(path, { signal: abort.signal }).then(
      (data) => set({ path, data, error: null }),
      (error) => error.name !== 'AbortError' && set((old) => ({ path, data: old.path === path ? old.data : null, error })),
    ).finally(() => {
      if (running.current === abort) running.current = null;
    });
    return () => abort.abort();
  }, [path, count]);
  const own = state.path === path;
  return {
    data: own ? state.data : null,
    error: own ? state.error : null,
    loading: !own,
    reload: useCallback(() => again((n) => n + 1), []),
    renew: useCallback(() => running.current || again((n) => n + 1), []),
  };
}

/** Calls `fn` every `ms` milliseconds while the page can be seen; null: never. And when it comes back into sight. */
export function useEvery(ms, fn) {
  const latest = useRef(fn);
  latest.current = fn;
  useEffect(() => {
    if (ms === null) return undefined;
    let timer = null;
    const update = () => {
      clearInterval(timer);
      timer = document.hidden ? null : setInterval(() => latest.current(), ms);
    };
    const seen = () => {
      update();
      if (!document.hidden) latest.current();
    };
    update();
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [ms]);
}

/** A function that says whether somebody was here lately. */
export function useTouched() {
  const last = useRef(Date.now());
  useEffect(() => {
    const touched = () => (last.current = Date.now());
    const kinds = ['pointerdown', 'pointermove', 'keydown', 'wheel'];
    kinds.forEach((kind) => addEventListener(kind, touched, { passive: true }));
    return () => kinds.forEach((kind) => removeEventListener(kind, touched));
  }, []);
  return () => Date.now() - last.current < UNTOUCHED_MS;
}
