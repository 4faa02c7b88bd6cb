/* Lines: of the holders that others waited for, of the waiters, and of who held the GIL whether anybody waited or not. */
import { html } from '../../lib/ui.js';
import { nanoseconds, percent, whole } from '../../lib/format.js';
import { useQuery } from '../../lib/router.js';
import { Across } from '../../lib/waits.js';
import { Place, Thread } from './names.js';

const FIRST = 10;

function Table({ doc, lines, total, part, caption, means = null, samples = false }) {
  const query = useQuery();
  if (!lines.length) return null;
  const all = query.get('lines') === 'all';
  const sorted = [...lines].sort((a, b) => b.ns - a.ns);
  const shown = all ? sorted : sorted.slice(0, FIRST);
  return html`<div class="lines">${means && html`<h3>${caption} <span class="dim">${means}</span></h3>`}
    <${Across} label=${caption}><table class="small wide" data-part=${part}>
      <caption class="unseen">${caption}, the most time first</caption>
      <thead><tr>
        <th scope="col" class="number">Time</th><th scope="col" class="number">Share</th><th scope="col">Line</th>
        <th scope="col">Thread</th>${samples && html`<th scope="col" class="number">Samples</th>`}
      </tr></thead>
      <tbody>${shown.map((l) => html`<tr key=${`${l.pid} ${l.tid} ${l.function} ${l.file} ${l.line} ${l.native} ${l.from?.file} ${l.from?.line}`} data-tid=${l.tid} data-line=${l.line}>
        <td class="number" data-value=${l.ns}>${nanoseconds(l.ns)}</td>
        <td class="number">${percent(total > 0 ? l.ns / total : 0)}</td>
        <th scope="row"><${Place} of=${l} /></th>
        <td><${Thread} doc=${doc} pid=${l.pid} tid=${l.tid} threads=${l.threads} /></td>
        ${samples && html`<td class="number" data-value=${l.samples}>${whole(l.samples)}</td>`}
      </tr>`)}</tbody>
    </table><//>
    ${sorted.length > shown.length && html`<p><a href=${query.with({ lines: 'all' })}>Show all ${sorted.length} lines</a></p>`}
    ${all && sorted.length > FIRST && html`<p><a href=${query.with({ lines: null })}>Show the first ${FIRST}</a></p>`}
  </div>`;
}

export function Lines({ doc }) {
  const lines = (doc.lines ?? []).filter((l) => l.ns > 0);
  if (!lines.length) return null;
  /* of the waits for locks the lines are among them, too */
  const waited = doc.wait_ns + (doc.locks ?? []).reduce((sum, l) => sum + l.ns, 0);
  const of = (role) => lines.filter((l) => l.role === role);
  return html`<section class="chapter" aria-label="Lines"><h2>Lines</h2><div class="columns">
    <${Table} doc=${doc} lines=${of('holder')} total=${doc.wait_ns} part="holder-lines" caption="What others waited for"
      means="where the holder was meanwhile" />
    <${Table} doc=${doc} lines=${of('waiter')} total=${waited} part="waiter-lines" caption="Where threads waited"
      means=${doc.gil === false ? 'the line that wanted a lock' : 'the line that wanted the GIL'} />
  </div></section>`;
}

export function Held({ doc }) {
  const held = (doc.held ?? []).filter((l) => l.ns > 0);
  if (!held.length) return null;
  const total = doc.end_mono_ns - doc.start_mono_ns;
  return html`<section class="chapter" aria-label="What held the GIL">
    <h2>What held the GIL <span class="dim">sampled, whether anybody waited or not; share of the time it was watched</span></h2>
    <${Table} doc=${doc} lines=${held} total=${total} part="held-lines" caption="Lines that held it" samples=${true} />
  </section>`;
}
