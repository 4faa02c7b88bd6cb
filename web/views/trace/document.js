/* The document of a trace: what was watched, what it says in one sentence, then who waited, for whom, and where. */
import { html } from '../../lib/ui.js';
import { bytes, count, fixed, nanoseconds, percent, plural, ratio, seconds, whole } from '../../lib/format.js';
import { ended, Reason, Status } from '../../lib/status.js';
import { useNow, When } from '../../lib/time.js';
import { Across } from '../../lib/waits.js';
import { subject } from '../traces.js';
import { Blockers } from './blockers.js';
import { Held, Lines } from './lines.js';
import { Locks, Spins } from './locks.js';
import { Place, Thread } from './names.js';
import { Gils, Threads } from './threads.js';

const LONG = 120; /* a command that the title does not show whole */
const finite = Number.isFinite;

function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

function Facts({ doc, now }) {
  const elsewhere = finite(doc.own_pid) && doc.own_pid !== doc.pid;
  return html`<dl class="facts">
    ${doc.command?.length > LONG && html`<${Fact} name="Command"><code>${doc.command}</code><//>`}
    <${Fact} name="Started"><${When} at=${doc.started} now=${now} /><//>
    <${Fact} name="Watched">${seconds(doc.seconds)}<//>
    ${finite(doc.pid) && html`<${Fact} name="Process">${doc.pid}${elsewhere && html` <span class="dim">${doc.own_pid} to itself</span>`}<//>`}
    ${doc.python && html`<${Fact} name="Python">${doc.python}${doc.gil === false && html` <span class="dim">without a GIL</span>`}<//>`}
    ${doc.run && html`<${Fact} name="Run"><a class="id" href=${`/runs/${doc.run}`}>${doc.run}</a><//>`}
    ${(doc.gil !== false || doc.waits > 0) && html`<${Fact} name="Waits"><span data-figure="waits" data-value=${doc.waits}>${whole(doc.waits)}</span>
      <span class="dim" data-figure="wait_ns" data-value=${doc.wait_ns}> ${nanoseconds(doc.wait_ns)} in all</span><//>`}
    <${Fact} name="Lost"><span data-figure="lost" data-value=${doc.lost}>${whole(doc.lost)}</span><//>
    ${finite(doc.bytes) && html`<${Fact} name="Stored">${bytes(doc.bytes)}<//>`}
    <${Fact} name="Trace"><code class="id">${doc.id}</code><//>
  </dl>`;
}

/* What watching it has taken, so that it can be weighed against what it shows. */
function Cost({ doc }) {
  const parts = [];
  const cpu = (s) => `${nanoseconds(s * 1e9)}${doc.seconds > 0 ? ` (${percent(s / doc.seconds)} of a processor)` : ''}`;
  if (finite(doc.tracer_cpu_s)) parts.push(`bench-tracer took ${cpu(doc.tracer_cpu_s)}`);
  if (finite(doc.benchd_cpu_s)) parts.push(`benchd ${cpu(doc.benchd_cpu_s)}`);
  if (finite(doc.events_per_s)) parts.push(`${count(doc.events_per_s)} events per second`);
  return parts.length > 0 && html`<p class="noise" data-part="cost">Cost of watching: ${parts.join(' · ')}</p>`;
}

/* The answer, where there is one. */
function Answer({ doc }) {
  const by = new Map();
  for (const b of doc.blockers ?? []) {
    const key = `${b.pid ?? ''} ${b.holder}`;
    by.set(key, { pid: b.pid ?? null, tid: b.holder, ns: (by.get(key)?.ns ?? 0) + b.ns });
  }
  const top = [...by.values()].filter((b) => b.tid).sort((a, b) => b.ns - a.ns)[0];
  const lines = (doc.lines ?? []).filter((l) => l.role === 'holder' && top && l.tid === top.tid && (l.pid ?? null) === top.pid);
  const line = lines.sort((a, b) => b.ns - a.ns)[0];
  if (doc.gil === false && !(doc.gils ?? []).length) return null;
  if (!(doc.wait_ns > 0)) return html`<p class="answer">${ended(doc.state) ? 'No thread waited for the GIL.' : 'No thread has waited for the GIL so far.'}</p>`;
  if (!top) return null;
  return html`<p class="answer" data-part="answer" data-holder=${top.tid}>
    ${top.ns >= doc.wait_ns / 2 ? 'Most of the waiting was for' : 'More waiting than for anybody else was for'} <strong><${Thread} doc=${doc} ...${top} /></strong>: ${nanoseconds(top.ns)} of others' time, ${percent(top.ns / doc.wait_ns)} of all
    ${' waiting'}${line && html`; it was mostly at <${Place} of=${line} />`}
  </p>`;
}

const LOSSES_MAX = 6;

function notesOf(doc) {
  const notes = [];
  if (doc.lost > 0) {
    const seconds = doc.losses ?? [];
    const named = seconds.slice(0, LOSSES_MAX).map((l) => `${whole(l.lost)} in second ${l.second}`).join(', ');
    const more = seconds.length > LOSSES_MAX ? ` and in ${seconds.length - LOSSES_MAX} more` : '';
    notes.push(['lost', `${plural(doc.lost, 'record')} came faster than they could be taken${named ? `: ${named}${more}` : ''}. Times and counts are too low there.`]);
  }
  if (doc.unresolved_ns > 0)
    notes.push(['unresolved', `For ${nanoseconds(doc.unresolved_ns)} of waiting${doc.wait_ns > 0 ? ` (${percent(doc.unresolved_ns / doc.wait_ns)})` : ''} the blocking line is unknown. It is in the totals, and under no line.`]);
  if (doc.truncated) notes.push(['truncated', 'More happened than was to be stored: totals, threads and lines are whole, exports end early.']);
  if (doc.children > 0) notes.push(['children', `The process forked ${plural(doc.children, 'child', 'children')} meanwhile, which ${doc.children === 1 ? 'was' : 'were'} not traced.`]);
  if (doc.execs > 0) notes.push(['execs', `It started another program ${plural(doc.execs, 'time')}.`]);
  return notes;
}

function Notes({ doc }) {
  const notes = notesOf(doc);
  return notes.length > 0 && html`<section class="notes" aria-label="Notes">
    <dl class="notes">${notes.map(([name, text]) => html`<div key=${name} data-note=${name}><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
  </section>`;
}

function TopLine({ lines }) {
  const top = lines?.find((l) => l.role === 'holder');
  return top ? html`<${Place} of=${top} />` : html`<span class="dim">–</span>`;
}

/* What an A/A row measures beside a cell has that cell's id, and a name behind it. */
function CellLink({ run, id }) {
  const [cell, twin] = id.split('#');
  return html`<a class="id" href=${`/runs/${run}?cell=${encodeURIComponent(cell)}`}>${cell}</a>${twin && html` <span class="dim">A/A, ${twin}</span>`}`;
}

/* Batches of a run belong to its cells; what tracing cost each of them is measured. */
function Cells({ doc }) {
  if (!doc.cells?.length) return null;
  const cost = (c) => {
    if (!c) return html`<span class="dim">–</span>`;
    return html`${ratio(c.ratio)}${finite(c.lo) && html` <span class="dim">[${fixed(c.lo, 3)}, ${fixed(c.hi, 3)}]</span>`}`;
  };
  return html`<section class="chapter" aria-label="Cells"><h2>Cells</h2><${Across} label="Cells"><table class="small wide" data-part="cells">
    <caption class="unseen">What was traced of each cell of the run</caption>
    <thead><tr><th scope="col">Cell</th><th scope="col" class="number">Waits</th><th scope="col" class="number">Waited</th>
      <th scope="col" class="number">Share</th><th scope="col" class="number">Cost of tracing</th><th scope="col">Top line</th></tr></thead>
    <tbody>${doc.cells.map((c) => html`<tr key=${c.id} data-cell=${c.id}>
      <th scope="row"><${CellLink} run=${doc.run} id=${c.id} /></th>
      <td class="number" data-value=${c.waits}>${whole(c.waits)}</td>
      <td class="number" data-value=${c.wait_ns}>${nanoseconds(c.wait_ns)}</td>
      <td class="number">${c.threads_ns > 0 ? percent(c.wait_ns / c.threads_ns) : '–'}</td>
      <td class="number" data-value=${c.cost?.ratio}>${cost(c.cost)}</td>
      <td><${TopLine} lines=${c.lines} /></td>
    </tr>`)}</tbody>
  </table><//></section>`;
}

export function TraceDocument({ doc, actions = null, connection = null, stale = false }) {
  const now = useNow(30000);
  return html`<article class=${`trace ${stale ? 'stale' : ''}`} data-trace=${doc.id} data-trace-state=${doc.state}>
    <header class="run">
      <div class="title">
        <h1 tabindex="-1" class="subject">${subject(doc)}</h1>
        <${Status} of=${doc.state} />
        ${connection}
        ${actions}
      </div>
      ${doc.reason && html`<div class="notice"><${Reason} reason=${doc.reason} /></div>`}
      <${Facts} doc=${doc} now=${now} />
      <${Answer} doc=${doc} />
      <${Cost} doc=${doc} />
    </header>
    <${Notes} doc=${doc} />
    <${Cells} doc=${doc} />
    <${Gils} doc=${doc} />
    <${Threads} doc=${doc} />
    <${Blockers} doc=${doc} />
    <${Lines} doc=${doc} />
    <${Held} doc=${doc} />
    <${Locks} doc=${doc} />
    <${Spins} doc=${doc} />
  </article>`;
}
