/* The shell: which view an address leads to, what stands around every view.
 *
 * A view is a file views/NAME.js with one line in `routes` (and in index.html, if it is to be
 * fetched along with the shell). Its default export is a component
 *     View({ params, address }) → html`<${Main} view="NAME" state="loading|empty|ready|error|offline" title="…">…<//>`
 * params: what stood for :names in the path. Its own state is the query: useQuery() of lib/router.js reads and changes it.
 * Styles of its own: a file views/NAME.css, named in app.css. */
import { html, render, useEffect, useMemo, useState } from './lib/ui.js';
import { Guard, Main, Problem } from './lib/main.js';
import { Query, interceptLinks, queryOf, useAddress } from './lib/router.js';
import { ThemeButton } from './lib/theme.js';
import NotFound from './views/not-found.js';

const routes = [
  { path: '/', load: () => import('./views/runs.js') },
  { path: '/runs/:id', load: () => import('./views/run.js') },
  { path: '/traces', load: () => import('./views/traces.js') },
  { path: '/traces/:id', load: () => import('./views/trace.js') },
  { path: '/series/:id', load: () => import('./views/series.js') },
  { path: '/login', load: () => import('./views/login.js') },
];

/* What the navigation leads to. */
const VIEWS = [['/', 'Runs'], ['/traces', 'Traces']];

/** {route, params} of a path, or null. */
function match(path) {
  for (const route of routes) {
    const names = route.path.split('/');
    const parts = path.split('/');
    if (names.length !== parts.length) continue;
    const params = {};
    const fits = names.every((name, i) => {
      if (!name.startsWith(':')) return name === parts[i];
      try {
        params[name.slice(1)] = decodeURIComponent(parts[i]);
      } catch {
        return false;
      }
      return parts[i] !== '';
    });
    if (fits) return { route, params };
  }
  return null;
}

/** The view of a route, once it is here. */
function useView(route) {
  const [state, set] = useState({});
  useEffect(() => {
    if (!route || state.route === route) return undefined;
    let left = false; /* for another view, before this one has come */
    route.load().then(
      (module) => left || set({ route, View: module.default }),
      () => left || set({ route, failed: true }),
    );
    return () => {
      left = true;
    };
  }, [route]);
  return state.route === route ? state : {};
}

function Outdated() {
  const error = {
    status: -1,
    key: 'outdated',
    message: 'A part of the dashboard did not load: benchd was perhaps replaced by another build.',
    hint: 'Reload this page.',
  };
  return html`<${Main} view="error" state="error" title="Reload needed"><${Problem} error=${error} retry=${() => location.reload()} /><//>`;
}

function App() {
  const address = useAddress();
  const found = useMemo(() => match(address.path), [address.path]);
  const { View, failed } = useView(found?.route ?? null);
  const query = queryOf(address);
  let view = html`<${Main} view="loading" state="loading" title="" heading=${false} />`;
  if (!found) view = html`<${NotFound} path=${address.path} />`;
  else if (failed) view = html`<${Outdated} />`;
  else if (View) view = html`<${View} key=${address.path} params=${found.params} address=${address} />`;
  useEffect(() => () => (Main.moved = true), [address.path]);
  return html`<${Query.Provider} value=${query}>
    <a class="skip" href="#main">Skip to the content</a>
    <header class="shell">
      <a class="brand" href="/" aria-label="benchd, all runs">
        <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2 4h7M2 8h10.5M2 12h5" /><path d="M9 2.5v3M12.5 6.5v3M7 10.5v3" />
        </svg>benchd
      </a>
      <nav aria-label="Views">${VIEWS.map(([path, name]) => html`<a key=${path} href=${path}
        aria-current=${address.path === path ? 'page' : undefined}>${name}</a>`)}</nav>
      <${ThemeButton} />
    </header>
    <${Guard} of=${location.href}>${view}<//>
  <//>`;
}

interceptLinks((path) => match(path) !== null);
render(html`<${App} />`, document.getElementById('app'));
