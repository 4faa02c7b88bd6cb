/* One run, live or ended. */
import { html } from '../lib/ui.js';
import { Deletion, Refusal, useAttempt } from '../lib/actions.js';
import { api, post, remove, useResource } from '../lib/api.js';
import { Connection } from '../lib/connection.js';
import { seconds } from '../lib/format.js';
import { useRun } from '../lib/live.js';
import { Loading, Main, Problem } from '../lib/main.js';
import { go } from '../lib/router.js';
import { ended } from '../lib/status.js';
import { useNow } from '../lib/time.js';
import { isCheck, RunDocument } from './run/document.js';

const PHASES = { setup: 'setting up' };
const TICK_MS = 500;

/* The newest trace of this run, where there is one; a benchd that has none says so by what it does not answer. */
function TraceLink({ id, over }) {
  const { data } = useResource(over ? `traces?run=${id}&limit=1` : null);
  const trace = data?.traces[0];
  return trace ? html`<a class="button" data-link="trace" href=${`/traces/${trace.id}`}>GIL trace</a>` : null;
}

function Actions({ doc, reload, connection }) {
  const { id, state } = doc.run;
  const { attempt, busy, error, dialog } = useAttempt();
  const over = ended(state);
  const here = connection !== 'lost';
  const cancel = () => attempt(() => post(`runs/${id}/cancel`));
  const destroy = () => attempt(() => remove(`runs/${id}`), () => go('/', { replace: true }));
  return html`<div class="actions">
    ${!over && html`<button type="button" disabled=${busy || !here} onClick=${cancel}>Cancel the run</button>`}
    <${TraceLink} id=${id} over=${over} />
    <a class="button" href=${api(`runs/${id}`)} download=${`benchd-${id}.json`}>JSON</a>
    ${over && html`<a class="button" href=${api(`runs/${id}/page`)} download=${`benchd-${id}.html`}>One-file HTML</a>`}
    ${over && html`<button type="button" disabled=${busy} onClick=${() => dialog.current.showModal()}>Delete…</button>`}
    <${Refusal} error=${error} reload=${reload} />
    <${Deletion} dialog=${dialog} busy=${busy} destroy=${destroy} title="Delete this run?">
      ${isCheck(doc.run) ? 'What it found is gone for good.' : 'Its figures and all its samples are gone for good.'}<//>
  </div>`;
}

/** "measuring · launch 2/6 · round 1/2 · cell 10/15", as benchctl's live line says it. */
function position(p) {
  if (p.about) return [p.phase, p.cells > 0 && `${p.cells_done}/${p.cells}`, p.about].filter(Boolean).join(' · ');
  const parts = [PHASES[p.phase] ?? p.phase ?? 'starting'];
  const measuring = p.phase === 'measuring';
  if (p.launch >= 0 && p.launches > 0) parts.push(`launch ${Math.min(p.launch + 1, p.launches)}/${p.launches}`);
  if (measuring && p.round >= 0 && p.rounds > 0) parts.push(`round ${Math.min(p.round + 1, p.rounds)}/${p.rounds}`);
  if (measuring && p.cells > 0) parts.push(`cell ${p.cells_done}/${p.cells}`);
  return parts.join(' · ');
}

/* Another run of this benchd, or another benchd. */
function Holder({ text }) {
  const run = /^run (\S+)$/.exec(text);
  return run ? html`run <a href=${`/runs/${run[1]}`}>${run[1]}</a>` : text;
}

function Progress({ run, progress, told, live, now }) {
  if (run.state === 'queued' || !progress) {
    const waiting = progress?.waiting_for;
    const words = waiting
      ? html`Queued: waiting for <${Holder} text=${waiting} />, which measures on this machine`
      : run.state === 'queued' ? 'Queued' : 'Starting';
    return html`<p class="phase" data-phase=${run.state}>${words}</p>`;
  }
  const since = live ? Math.max(0, (now - told) / 1000) : 0;
  const { elapsed_s: elapsed, left_s: left } = progress;
  const remaining = left === null ? null : Math.max(0, left - since);
  const part = remaining === null || elapsed === null ? null : (elapsed + since) / (elapsed + since + remaining);
  return html`<div class="progress">
    <p class="phase" data-phase=${progress.phase}>${position(progress)}</p>
    <p class="times">
      ${elapsed !== null && html`<span>${seconds(elapsed + since)}</span>`}
      ${remaining !== null && html`<span class="dim">${` · ${seconds(remaining)} left`}</span>`}
    </p>
    <progress max="1" value=${part === null ? undefined : part.toFixed(3)} aria-label="Progress of the run"></progress>
  </div>`;
}

export default function Run({ params }) {
  const run = useRun(params.id);
  const { doc, error, connection } = run;
  const moving = doc !== null && !ended(doc.run.state);
  const now = useNow(moving ? TICK_MS : null);
  if (error && (error.status === 401 || error.status === 404 || !doc))
    return html`<${Main} view="run" state="error" title="Run"><${Problem} error=${error} retry=${run.reload} what="This run" /><//>`;
  if (!doc) return html`<${Main} view="run" state="loading" title="Run"><${Loading} what="the run" lines=${14} /><//>`;
  const live = moving && html`<section class=${`live ${connection ?? ''}`} aria-label="Progress">
    <${Progress} run=${doc.run} progress=${run.progress} told=${run.told} live=${connection === 'live'} now=${now} />
  </section>`;
  return html`<${Main} view="run" state=${connection === 'lost' ? 'offline' : 'ready'} title=${`${doc.run.suite ?? 'Run'} ${doc.run.state}`} heading=${false}>
    <${RunDocument} doc=${doc} stale=${connection === 'lost'}
      actions=${html`<${Actions} doc=${doc} connection=${connection} reload=${run.reload} />`}
      connection=${connection && html`<${Connection} of=${run} now=${now} />`}
      live=${live} />
  <//>`;
}
