/* The document of a run: what it is, its table, what qualifies the figures, where they are from. Shown by the live view and
 * by the page that is one file. */
import { html, useMemo } from '../../lib/ui.js';
import { fixed, percent, plural, ratio, seconds } from '../../lib/format.js';
import { ended, Reason, Status } from '../../lib/status.js';
import { tableOf } from '../../lib/table.js';
import { useNow, When } from '../../lib/time.js';
import { CheckDocument } from './check.js';
import { Environment, machine } from './environment.js';
import { Notes } from './notes.js';
import { RunTable } from './table.js';

function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

function Facts({ run, now }) {
  const share = run.measure_s > 0 && Number.isFinite(run.batch_s) ? run.batch_s / run.measure_s : null;
  const labels = Object.entries(run.labels ?? {});
  return html`<dl class="facts">
    <${Fact} name="Started"><${When} at=${run.started} now=${now} /><//>
    ${Number.isFinite(run.wall_s) && html`<${Fact} name="Wall time">${seconds(run.wall_s)}<//>`}
    ${Number.isFinite(run.setup_s) && html`<${Fact} name="Set-up">${seconds(run.setup_s)}<//>`}
    ${Number.isFinite(run.measure_s) && html`<${Fact} name="Measuring">
      ${seconds(run.measure_s)}${share !== null && html` <span class="dim">${percent(share)} in batches</span>`}
    <//>`}
    ${run.launches > 0 && run.rounds > 0 && html`<${Fact} name="Repeated">${plural(run.launches, 'launch', 'launches')} × ${plural(run.rounds, 'round')}<//>`}
    ${Number.isFinite(run.seed) && html`<${Fact} name="Seed"><code>${run.seed}</code><//>`}
    ${labels.length > 0 && html`<${Fact} name="Labels">
      <span class="labels">${labels.map(([key, value]) => html`<span key=${key}>${key}=${value}</span>`)}</span>
    <//>`}
    <${Fact} name="Run"><code class="id">${run.id}</code><//>
  </dl>`;
}

const KINDS = { 'same-process': 'within a process', 'second-process': 'between processes' };

/** What the A/A rows mean for a reader: which differences this machine could not have told from noise. */
function Noise({ noise, over }) {
  if (!noise?.length) return null;
  const known = noise.filter((n) => Number.isFinite(n.lo) && Number.isFinite(n.hi));
  const floor = (n) => percent(Math.max(Math.abs(1 - n.lo), Math.abs(n.hi - 1)));
  if (!known.length && !over) return null;
  const sentence = known.length
    ? html`Differences below ${known.map((n, i) => [i > 0 && ' and ', html`<strong>${floor(n)}</strong>`, ` ${KINDS[n.kind] ?? n.kind}`])} are noise on this machine today.`
    : 'How noisy this machine is today is unknown: too few undisturbed launches.';
  const interval = (n) => (known.includes(n) ? ` [${fixed(n.lo, 3)}, ${fixed(n.hi, 3)}]` : '');
  const detail = noise.map((n) => `${n.kind}: ${ratio(n.ratio)}${interval(n)}`).join(' · ');
  return html`<p class="noise">${sentence} <span class="dim" title="The same cell against itself, with 95 % intervals">A/A ${detail}</span></p>`;
}

export const isCheck = (run) => run.kind === 'check';

export function RunDocument({ doc, actions = null, live = null, connection = null, stale = false, standalone = false }) {
  const { run } = doc;
  const now = useNow(30000);
  const table = useMemo(() => tableOf(doc), [doc]);
  const about = machine(run.environment ?? {});
  return html`<article class=${`run ${stale ? 'stale' : ''}`}>
    <header class="run">
      <div class="title">
        <h1 tabindex="-1">${isCheck(run) && 'Check of '}${run.suite ?? 'Run'}</h1>
        <span id="state" data-state=${run.state}><${Status} of=${run.state}>${stale ? `${run.state}, as last told` : run.state}<//></span>
        ${connection}
        ${actions}
      </div>
      ${run.reason && html`<div class="notice"><${Reason} reason=${run.reason} /></div>`}
      ${live}
      <${Facts} run=${run} now=${now} />
      <p class="constants">${table.constants.map(([axis, value]) => html`<span key=${axis}><span class="dim">${axis}</span> ${value}</span>`)}</p>
      ${about && html`<p class="dim machine">${about}</p>`}
      <${Noise} noise=${doc.noise} over=${ended(run.state)} />
      ${run.noise_line && ended(run.state) && html`<p class="noise" data-part="machine">${run.noise_line}</p>`}
    </header>
    ${isCheck(run) ? doc.check && html`<${CheckDocument} check=${doc.check} />` : html`
      <${RunTable} doc=${doc} table=${table} standalone=${standalone} />
      ${ended(run.state) && html`<${Notes} doc=${doc} />`}`}
    <${Environment} environment=${run.environment ?? {}} comparability=${run.comparability_key} />
  </article>`;
}
