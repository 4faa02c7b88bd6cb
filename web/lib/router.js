/* The address is the state of a view. Links are ordinary <a href>; clicks on those that lead to a view are taken over, and
 * everything else (other addresses, modifiers, target, download) is left to the browser. */
import { createContext, useContext, useEffect, useState } from './ui.js';

const listeners = new Set();
const tell = () => listeners.forEach((listener) => listener());

/* How far down one was where one goes back to; the browser itself tries before the view has come. */
let down = null;

/** Once, after a way back to another view: how far down that was; else null. */
export function takeDown() {
  const y = down;
  down = null;
  return y;
}

/** Goes to an address of this dashboard. replace: without a new entry in the history. */
export function go(href, { replace = false } = {}) {
  const to = new URL(href, location.href);
  down = null;
  if (to.href !== location.href && !replace) history.replaceState({ down: scrollY }, '');
  if (to.href !== location.href) history[replace ? 'replaceState' : 'pushState'](null, '', to);
  tell();
}

const here = () => ({ pathname: location.pathname, search: location.search });

/** {path, query: URLSearchParams} of now; the component is rendered again when it changes. */
export function useAddress() {
  const [{ pathname, search }, set] = useState(here);
  useEffect(() => {
    const changed = (event) => {
      if (event) down = event.state?.down ?? null;
      set(here());
    };
    listeners.add(changed);
    addEventListener('popstate', changed);
    return () => {
      listeners.delete(changed);
      removeEventListener('popstate', changed);
    };
  }, []);
  return { path: pathname, query: new URLSearchParams(search) };
}

/** Takes over clicks on links whose path `leadsToView` accepts. */
export function interceptLinks(leadsToView) {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.('a[href]');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    const to = new URL(link.href);
    if (!leadsToView(to.pathname) || (to.hash && to.pathname + to.search === location.pathname + location.search)) return;
    event.preventDefault();
    go(to);
  });
}

/* ---- the query of a view ------------------------------------------------------------------------------------------ */

/** What a view uses to read and change its own query. The page that is opened from disk has another one (page.js). */
export const Query = createContext(null);

/** {get(name), all(), with(changes) → href, set(changes)}; a change to null takes the name away. */
export function useQuery() {
  return useContext(Query);
}

export function changed(query, changes) {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  return next;
}

/** The Query of an address. */
export function queryOf({ path, query }) {
  const href = (changes) => {
    const text = changed(query, changes).toString();
    return text ? `${path}?${text}` : path;
  };
  return {
    get: (name) => query.get(name),
    has: (name) => query.has(name),
    with: href,
    set: (changes, how) => go(href(changes), how),
  };
}
