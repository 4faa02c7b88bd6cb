/* Free-threaded interpreters: what threads slept on, and where they spun. */
import { html } from '../../lib/ui.js';
import { nanoseconds, percent, whole } from '../../lib/format.js';
import { Across } from '../../lib/waits.js';
import { Place, Thread } from './names.js';

const KINDS = {
  'critical-section': 'lock of an object',
  mutex: 'mutex inside an object',
  'stop-the-world': 'stop-the-world pause',
  interpreter: 'lock of the interpreter',
  runtime: 'lock of the runtime',
  parked: 'parked, on a lock of no known kind',
  'thread-lock': 'thread lock',
  futex: 'another futex',
};

export function Locks({ doc }) {
  const locks = [...(doc.locks ?? [])].sort((a, b) => b.ns - a.ns);
  if (!locks.length) return null;
  const total = locks.reduce((sum, l) => sum + l.ns, 0);
  return html`<section class="chapter" aria-label="Locks"><h2>Locks <span class="dim">that threads slept on</span></h2>
    <${Across} label="Locks"><table class="small" data-part="locks">
      <caption class="unseen">Locks by kind and type of object, the most time first</caption>
      <thead><tr>
        <th scope="col">What</th><th scope="col">Kind</th><th scope="col" class="number">Time</th><th scope="col" class="number">Share</th>
        <th scope="col" class="number">Waits</th><th scope="col" class="number">Run queue</th>
      </tr></thead>
      <tbody>${locks.map((l) => html`<tr key=${`${l.kind} ${l.type}`} data-kind=${l.kind} data-type=${l.type ?? undefined}>
        <th scope="row">${l.type ? html`<code>${l.type}</code>` : html`<span class="dim">–</span>`}</th>
        <td>${KINDS[l.kind] ?? l.kind}</td>
        <td class="number" data-value=${l.ns}>${nanoseconds(l.ns)}</td><td class="number">${percent(total > 0 ? l.ns / total : 0)}</td>
        <td class="number" data-value=${l.waits}>${whole(l.waits)}</td><td class="number">${nanoseconds(l.runqueue_ns)}</td>
      </tr>`)}</tbody>
    </table><//>
  </section>`;
}

export function Spins({ doc }) {
  const spins = [...(doc.spins ?? [])].sort((a, b) => b.ns - a.ns);
  if (!spins.length) return null;
  return html`<section class="chapter" aria-label="Spinning">
    <h2>Spinning <span class="dim">threads that yielded their processor instead of sleeping; which lock it was for is not known, nor how often it did not have to wait</span></h2>
    <${Across} label="Spinning"><table class="small wide" data-part="spins">
      <caption class="unseen">Lines that spun, the most time first</caption>
      <thead><tr>
        <th scope="col" class="number">Time</th><th scope="col" class="number">Yields</th><th scope="col">Line</th><th scope="col">Thread</th>
      </tr></thead>
      <tbody>${spins.map((s) => html`<tr key=${`${s.tid} ${s.function} ${s.file} ${s.line} ${s.from?.file} ${s.from?.line}`} data-tid=${s.tid}>
        <td class="number" data-value=${s.ns}>${nanoseconds(s.ns)}</td><td class="number" data-value=${s.yields}>${whole(s.yields)}</td>
        <th scope="row"><${Place} of=${s} /></th><td><${Thread} doc=${doc} pid=${s.pid} tid=${s.tid} threads=${s.threads} /></td>
      </tr>`)}</tbody>
    </table><//>
  </section>`;
}
