/* The page that is one file: a run from the document inside it. It asks nobody anything. A file has no query of its own, so
 * its state stands behind the #. */
import './theme.js';
import { html, render, useEffect, useState } from './lib/ui.js';
import { Guard, Main } from './lib/main.js';
import { changed, Query } from './lib/router.js';
import { ThemeButton } from './lib/theme.js';
import { RunDocument } from './views/run/document.js';

const doc = JSON.parse(document.getElementById('document').textContent);

/* A bare # would lead to the top of the page. */
const NOTHING = '-';

function useHash() {
  const [hash, set] = useState(() => location.hash.slice(1));
  useEffect(() => {
    const follow = () => set(location.hash.slice(1));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return new URLSearchParams(hash === NOTHING ? '' : hash);
}

function Page() {
  const query = useHash();
  const href = (changes) => `#${changed(query, changes).toString() || NOTHING}`;
  const own = {
    get: (name) => query.get(name),
    has: (name) => query.has(name),
    with: href,
    set: (changes, { replace = false } = {}) => location[replace ? 'replace' : 'assign'](href(changes)),
  };
  return html`<${Query.Provider} value=${own}>
    <header class="shell"><span class="brand">benchd</span><span class="dim">a stored run</span><${ThemeButton} /></header>
    <${Guard} of=${location.hash}><${Main} view="run" state="ready" title=${doc.run.suite ?? 'Run'} heading=${false}>
      <${RunDocument} doc=${doc} standalone=${true} />
    <//><//>
  <//>`;
}

render(html`<${Page} />`, document.getElementById('app'));
