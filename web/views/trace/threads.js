/* GILs with how much they were held, threads with what they waited for. */
import { html } from '../../lib/ui.js';
import { nanoseconds, percent, whole } from '../../lib/format.js';
import { Bar } from '../../lib/plot.js';
import { Across, Causes, causesOf } from '../../lib/waits.js';
import { gilText, Thread } from './names.js';

const finite = Number.isFinite;

/* What each colour of the bars is. */
function Key({ all }) {
  const sum = (name) => all.reduce((total, x) => total + (x[name] ?? 0), 0);
  const whole_ns = sum('wait_ns');
  const parts = causesOf({ wait_ns: whole_ns, holder_ns: sum('holder_ns'), runqueue_ns: sum('runqueue_ns'), switch_ns: sum('switch_ns'), mutex_ns: sum('mutex_ns') });
  return html`<ul class="legend" data-part="causes">${parts.map((p) => html`<li key=${p.key} data-cause=${p.kind}>
    <span class=${`key ${p.kind}`} aria-hidden="true"></span>${p.name} <strong data-value=${p.value}>${nanoseconds(p.value)}</strong>
    ${whole_ns > 0 && html`${' '}<span>${percent(p.value / whole_ns)}</span>`}<span class="dim">${p.means}</span>
  </li>`)}</ul>`;
}

export function Gils({ doc }) {
  const gils = doc.gils ?? [];
  if (!gils.length) {
    return doc.gil === false && html`<p class="notice" data-part="no-gil">
      This interpreter runs without a GIL: what its threads wait for are locks of objects and of the interpreter itself.
    </p>`;
  }
  const most = Math.max(...gils.map((g) => g.wait_ns));
  return html`<section class="chapter" aria-label="GILs"><h2>${gils.length > 1 ? `${gils.length} GILs` : 'The GIL'}</h2>
    <${Across} label="GILs"><table class="small wide" data-part="gils">
      <caption class="unseen">Each GIL: how much it was held, and what was waited for it</caption>
      <thead><tr>
        ${gils.length > 1 && html`<th scope="col">Of</th>`}
        <th scope="col">Held</th><th scope="col" class="number">Share</th><th scope="col" class="number">Waits</th>
        <th scope="col" class="number">Waited</th><th scope="col">By cause</th>
      </tr></thead>
      <tbody>${gils.map((g) => html`<tr key=${`${g.pid} ${g.interpreter} ${g.address}`} data-interpreter=${g.interpreter}>
        ${gils.length > 1 && html`<th scope="row">${gilText(doc, g) || g.address}</th>`}
        <td class="bar"><${Bar} median=${g.held_share} most=${1} /></td>
        <td class="number" data-figure="held" data-value=${g.held_share}>${percent(g.held_share)}</td>
        <td class="number" data-figure="waits" data-value=${g.waits}>${whole(g.waits)}</td>
        <td class="number" data-figure="wait" data-value=${g.wait_ns}>${nanoseconds(g.wait_ns)}</td>
        <td class="bar"><${Causes} of=${g} whole=${most} /></td>
      </tr>`)}</tbody>
    </table><//>
    <${Key} all=${gils} />
  </section>`;
}

const STATES = { running: 'running', holding: 'holding', waiting: 'waiting', off: 'off processor' };

function State({ state }) {
  return state ? html`<span class=${`now ${state}`}>${STATES[state] ?? state}</span>` : html`<span class="dim">–</span>`;
}

export function Threads({ doc }) {
  const threads = [...(doc.threads ?? [])].sort((a, b) => b.wait_ns - a.wait_ns || (b.hold_ns ?? 0) - (a.hold_ns ?? 0));
  if (!threads.length) return html`<p class="dim">Nothing was seen of any thread yet.</p>`;
  const most = Math.max(...threads.map((t) => t.wait_ns));
  const live = threads.some((t) => t.state);
  const gil = doc.gil !== false || (doc.gils ?? []).length > 0;
  const time = (name, value) => html`<td class="number" data-figure=${name} data-value=${value}>${finite(value) ? nanoseconds(value) : '–'}</td>`;
  return html`<section class="chapter" aria-label="Threads"><h2>Threads</h2>
    <${Across} label="Threads"><table class="small wide" data-part="threads">
      <caption class="unseen">Each thread: how long it held the GIL, ran, and waited, and why; those that waited most first</caption>
      <thead><tr>
        <th scope="col">Thread</th>${live && html`<th scope="col">Now</th>`}
        ${gil && html`<th scope="col" class="number">Wait share</th><th scope="col" class="number">Waited</th><th scope="col">By cause</th><th scope="col" class="number">Holder</th><th scope="col" class="number">Run queue</th>
          <th scope="col" class="number">Switch</th><th scope="col" class="number">Mutex</th>
          <th scope="col" class="number">Waits</th><th scope="col" class="number">p50</th><th scope="col" class="number">p99</th><th scope="col" class="number">Longest</th>
          <th scope="col" class="number">Held</th>`}<th scope="col" class="number">Ran</th><th scope="col" class="number">Off processor</th>
      </tr></thead>
      <tbody>${threads.map((t) => html`<tr key=${`${t.pid} ${t.tid}`} data-tid=${t.tid}>
        <th scope="row"><${Thread} doc=${doc} pid=${t.pid} tid=${t.tid} /></th>
        ${live && html`<td data-figure="state"><${State} state=${t.state} /></td>`}
        ${gil && html`<td class="number" data-figure="share" data-value=${t.wait_share}>${percent(t.wait_share)}</td>
        ${time('wait', t.wait_ns)}<td class="bar">${t.wait_ns > 0 && html`<${Causes} of=${t} whole=${most} />`}</td>${time('holder', t.holder_ns)}${time('runqueue', t.runqueue_ns)}${time('switch', t.switch_ns)}${time('mutex', t.mutex_ns)}
        <td class="number" data-figure="waits" data-value=${t.waits}>${whole(t.waits)}</td>
        ${time('p50', t.p50_ns)}${time('p99', t.p99_ns)}${time('max', t.max_ns)}${time('hold', t.hold_ns)}`}
        ${time('run', t.run_ns)}${time('off', t.off_ns)}
      </tr>`)}</tbody>
    </table><//>
    ${doc.threads_rest && html`<p class="dim" data-part="threads-rest">and ${whole(doc.threads_rest.threads)} others, which waited ${nanoseconds(doc.threads_rest.wait_ns)} in all</p>`}
  </section>`;
}
