/* Who waited for whom: a matrix, waiters down and holders across; of many threads a list. One for each GIL: who waits for one
 * is never blocked by who holds another. */
import { html } from '../../lib/ui.js';
import { nanoseconds, percent, whole } from '../../lib/format.js';
import { Across } from '../../lib/waits.js';
import { gilText, Thread } from './names.js';

const MATRIX_MAX = 10;
const LIST_MAX = 20;

const distinct = (pairs) => [...new Map(pairs.map((p) => [`${p.pid ?? ''} ${p.tid}`, p])).values()];
/* those that matter most first; nobody known is last */
function ranked(blockers, of) {
  const sums = new Map();
  for (const b of blockers) sums.set(b[of], (sums.get(b[of]) ?? 0) + b.ns);
  return distinct(blockers.map((b) => ({ pid: b.pid ?? null, tid: b[of] }))).sort((a, b) => !a.tid - !b.tid || sums.get(b.tid) - sums.get(a.tid));
}

function Matrix({ doc, blockers, total }) {
  const holders = ranked(blockers, 'holder');
  const waiters = ranked(blockers, 'waiter');
  const most = Math.max(...blockers.map((b) => b.ns));
  return html`<${Across} label="Who waited for whom"><table class="small matrix" data-part="blockers">
    <caption class="unseen">Who waited for whom: waiters down, holders across</caption>
    <thead><tr>
      <th scope="col">waited \\ held</th>
      ${holders.map((h) => html`<th key=${h.tid} scope="col" class="number"><${Thread} doc=${doc} ...${h} /></th>`)}
    </tr></thead>
    <tbody>${waiters.map((w) => html`<tr key=${w.tid}><th scope="row"><${Thread} doc=${doc} ...${w} /></th>${holders.map((h) => {
      const b = blockers.find((x) => x.waiter === w.tid && x.holder === h.tid);
      if (!b) return html`<td key=${h.tid} class="number dim">${w.tid === h.tid ? '' : '–'}</td>`;
      return html`<td key=${h.tid} class=${`number heat heat-${Math.ceil((4 * b.ns) / most)}`} data-waiter=${w.tid} data-holder=${h.tid} data-value=${b.ns}>
        ${nanoseconds(b.ns)}<span class="part">${percent(total > 0 ? b.ns / total : 0)} · ${whole(b.waits)}×</span>
      </td>`;
    })}</tr>`)}</tbody>
  </table><//>`;
}

function List({ doc, blockers, total }) {
  const sorted = [...blockers].sort((a, b) => b.ns - a.ns);
  return html`<${Across} label="Who waited for whom"><table class="small" data-part="blockers">
    <caption class="unseen">Who waited for whom, the longest first</caption>
    <thead><tr>
      <th scope="col">Waited</th><th scope="col">Held</th><th scope="col" class="number">Time</th>
      <th scope="col" class="number">Share</th><th scope="col" class="number">Waits</th>
    </tr></thead>
    <tbody>${sorted.slice(0, LIST_MAX).map((b) => html`<tr key=${`${b.pid} ${b.waiter} ${b.holder}`} data-waiter=${b.waiter} data-holder=${b.holder}>
      <th scope="row"><${Thread} doc=${doc} pid=${b.pid} tid=${b.waiter} /></th><td><${Thread} doc=${doc} pid=${b.pid} tid=${b.holder} /></td>
      <td class="number" data-value=${b.ns}>${nanoseconds(b.ns)}</td><td class="number">${percent(total > 0 ? b.ns / total : 0)}</td>
      <td class="number">${whole(b.waits)}</td>
    </tr>`)}</tbody>
  </table><//>
  ${sorted.length > LIST_MAX && html`<p class="dim">and ${sorted.length - LIST_MAX} smaller ones</p>`}`;
}

export function Blockers({ doc }) {
  const groups = new Map();
  for (const b of doc.blockers ?? []) {
    if (!(b.ns > 0)) continue;
    const key = `${b.pid ?? ''} ${b.interpreter ?? 0}`;
    groups.set(key, [...(groups.get(key) ?? []), b]);
  }
  if (!groups.size) return null;
  return html`<section class="chapter" aria-label="Who waited for whom"><h2>Who waited for whom</h2>
    ${[...groups].map(([key, blockers]) => {
      const name = gilText(doc, { pid: blockers[0].pid ?? null, interpreter: blockers[0].interpreter ?? 0 });
      const total = blockers.reduce((sum, b) => sum + b.ns, 0);
      const large = Math.max(ranked(blockers, 'holder').length, ranked(blockers, 'waiter').length) > MATRIX_MAX;
      return html`<div key=${key} data-gil=${key.trim()}>
        ${(groups.size > 1 || name) && html`<h3>${name}</h3>`}
        ${large ? html`<${List} doc=${doc} blockers=${blockers} total=${total} />` : html`<${Matrix} doc=${doc} blockers=${blockers} total=${total} />`}
      </div>`;
    })}
  </section>`;
}
