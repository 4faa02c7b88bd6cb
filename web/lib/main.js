/* The frame of a view, and the states every view has: loading, empty, error. */
import { html, useEffect, useErrorBoundary, useLayoutEffect, useRef, useState } from './ui.js';
import { takeDown } from './router.js';

/** The one <main> of the page. state: loading | empty | ready | error | offline. title: of the window and, unless the view
 * has a heading of its own, of the page. After a change of view the keyboard's focus is where the new one begins. */
export function Main({ view, state, title, heading = true, children }) {
  const element = useRef(null);
  useLayoutEffect(() => {
    document.title = title ? `${title} · benchd` : 'benchd';
  }, [title]);
  useEffect(() => {
    if (Main.moved && state !== 'loading') {
      Main.moved = false;
      element.current.querySelector('h1')?.focus({ preventScroll: true });
      const down = takeDown();
      if (down !== null) scrollTo(0, down);
    }
  }, [view, state]);
  return html`<main id="main" ref=${element} tabindex="-1" data-view=${view} data-state=${state} aria-busy=${state === 'loading'}>
    ${heading && html`<h1 tabindex="-1">${title}</h1>`}
    ${children}
  </main>`;
}

/** Grey lines where figures will be; they are said once to who cannot see them. Shown late, so that what is fast never
 * flickers. */
export function Loading({ what, lines = 6 }) {
  return html`<div class="skeleton" role="status">
    <span class="unseen">Loading ${what}</span>
    ${Array.from({ length: lines }, (_, i) => html`<i key=${i}></i>`)}
  </div>`;
}

/** A command to type, with a button that copies it. */
export function Command({ text }) {
  const [copied, set] = useState(false);
  const timer = useRef(null);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      set(true);
      timer.current = setTimeout(() => set(false), 2000);
    } catch {
      /* no leave to use the clipboard: the text can be selected */
    }
  };
  const said = copied ? 'copied' : 'copy';
  return html`<span class="command">
    <code>${text}</code>
    ${navigator.clipboard && html`<button type="button" class="quiet" onClick=${copy} aria-label=${`Copy: ${text}`}>${said}</button>`}
    <span class="unseen" role="status">${copied ? 'copied' : ''}</span>
  </span>`;
}

export function Empty({ title, children }) {
  return html`<section class="state"><h2>${title}</h2>${children}</section>`;
}

/** Around a view: one that breaks says so, and leaves nothing half drawn. `of`: what may help when it changes. */
export function Guard({ of, children }) {
  const [error, again] = useErrorBoundary((failure) => console.error(failure));
  const broken = useRef(of);
  useEffect(() => {
    if (error && broken.current !== of) again();
    broken.current = of;
  }, [of]);
  if (!error) return children;
  const said = { status: -1, key: 'broken', message: `The dashboard made a mistake: ${error.message}`, hint: 'benchctl runs show shows the same figures.' };
  return html`<${Main} view="error" state="error" title="This view is broken"><${Problem} error=${said} retry=${() => location.reload()} /><//>`;
}

/** What went wrong, and what mends it. */
export function Problem({ error, retry, what }) {
  if (error.status === 401) {
    const run = /^\/runs\/([^/]+)$/.exec(location.pathname);
    return html`<section class="state" role="alert">
      <h2>This browser is not logged in</h2>
      <p>A login lasts twelve hours. Type this where benchd runs; it opens ${run ? 'this run' : 'this dashboard'} with a new one:</p>
      <p><${Command} text=${run ? `benchctl open ${run[1]}` : 'benchctl open'} /></p>
      ${retry && html`<p><button type="button" onClick=${retry}>Try again</button></p>`}
    </section>`;
  }
  const titles = { 0: 'benchd does not answer', 404: 'Not found', 503: 'benchd is busy' };
  return html`<section class="state" role="alert">
    <h2>${titles[error.status] ?? `${what ?? 'This'} cannot be shown`}</h2>
    ${titles[error.status] !== error.message && html`<p>${error.message}</p>`}
    ${error.hint && html`<p class="hint">${error.hint}</p>`}
    ${error.key && html`<p class="dim"><code>${error.key}</code>${error.status > 0 ? ` · ${error.status}` : ''}</p>`}
    <p>${retry && html`<button type="button" onClick=${retry}>Try again</button>`} <a href="/">All runs</a></p>
  </section>`;
}
