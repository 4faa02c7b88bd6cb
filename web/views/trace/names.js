/* Threads and GILs of a trace by what they are called. */
import { html } from '../../lib/ui.js';

const key = (pid, tid) => `${pid ?? ''} ${tid}`;
const kept = new WeakMap();

function threadsOf(doc) {
  if (!kept.has(doc)) {
    const known = new Map();
    for (const thread of doc.threads ?? []) {
      known.set(key(thread.pid, thread.tid), thread);
      if (!known.has(key(null, thread.tid))) known.set(key(null, thread.tid), thread);
    }
    kept.set(doc, { known, several: new Set((doc.threads ?? []).map((t) => t.pid)).size > 1 });
  }
  return kept.get(doc);
}

/** "victim 4244" as text. tid 0 or none: nobody known. */
export function threadText(doc, { pid = null, tid, threads = 1 }) {
  if (threads > 1) return `${threads} threads`;
  if (!tid) return 'unknown';
  const { known, several } = threadsOf(doc);
  const thread = known.get(key(pid, tid)) ?? known.get(key(null, tid));
  const number = several && pid !== null ? `${pid}/${tid}` : String(tid);
  return thread?.name ? `${thread.name} ${number}` : `thread ${number}`;
}

export function Thread({ doc, pid = null, tid, threads = 1 }) {
  const text = threadText(doc, { pid, tid, threads });
  const at = text.lastIndexOf(' ');
  return at < 0 ? html`<span class="dim">${text}</span>` : html`<span><span>${text.slice(0, at)}</span> <span class="dim">${text.slice(at + 1)}</span></span>`;
}

export const several = (doc) => threadsOf(doc).several;

/** "interpreter 2", where there is more than one. */
export function gilText(doc, { pid = null, interpreter }) {
  const parts = [];
  if (several(doc) && pid !== null) parts.push(`process ${pid}`);
  if ((doc.gils ?? []).some((g) => g.interpreter !== 0)) parts.push(interpreter === 0 ? 'main interpreter' : `interpreter ${interpreter}`);
  return parts.join(', ');
}

/* from: of a line in the standard library, who asked for it */
export function Place({ of: { function: name, file, line, native, from } }) {
  if (!name && !file && !native) return html`<span class="dim">unknown</span>`;
  return html`<span class="place"><code>${name ?? native}</code>${native && name && html` <span class="dim">in <code>${native}</code></span>`}${file && html`${' '}<span class="at dim">${file}${line ? `:${line}` : ''}</span>`}
    ${from && html`${' '}<span class="at">from <code>${from.function ?? 'unknown'}</code>${' '}<span class="dim">${from.file}${from.line ? `:${from.line}` : ''}</span></span>`}</span>`;
}
