/* The list of runs, newest first. */
import { html } from '../lib/ui.js';
import { useEvery, useResource, useTouched } from '../lib/api.js';
import { seconds } from '../lib/format.js';
import { Command, Empty, Loading, Main, Problem } from '../lib/main.js';
import { useQuery } from '../lib/router.js';
import { ended, Status, Statuses, Verdict } from '../lib/status.js';
import { useNow, When } from '../lib/time.js';

const STATES = ['queued', 'running', 'complete', 'interrupted', 'failed', 'cancelled'];
const FILTERS = ['suite', 'state', 'label'];
const PAGE = 50;
const BUSY_MS = 2000;
const CALM_MS = 10000;

function listPath(query) {
  const ask = new URLSearchParams({ limit: PAGE });
  for (const name of [...FILTERS, 'before']) if (query.get(name)) ask.set(name, query.get(name));
  return `runs?${ask}`;
}

function Filters({ query, suites }) {
  const change = (name) => (event) =>
    query.set({ [name]: event.currentTarget.value.trim(), before: null }, { replace: true });
  const any = FILTERS.some((name) => query.get(name));
  return html`<form class="filters" role="search" aria-label="Filter runs" onSubmit=${(event) => event.preventDefault()}>
    <label>Suite <input name="suite" list="suites" value=${query.get('suite') ?? ''} onChange=${change('suite')}
      autocomplete="off" spellcheck=${false} placeholder="any" /></label>
    <datalist id="suites">${suites.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
    <label>State <select name="state" value=${query.get('state') ?? ''} onChange=${change('state')}>
      <option value="">any</option>
      ${STATES.map((state) => html`<option key=${state} value=${state}>${state}</option>`)}
    </select></label>
    <label>Label <input name="label" value=${query.get('label') ?? ''} onChange=${change('label')}
      autocomplete="off" spellcheck=${false} placeholder="key=value" /></label>
    ${any && html`<a href=${query.with({ suite: null, state: null, label: null, before: null })}>Clear</a>`}
  </form>`;
}

export function Labels({ labels, query }) {
  const names = Object.keys(labels ?? {});
  if (!names.length) return html`<span class="dim">–</span>`;
  return html`<span class="labels">${names.map((name) => {
    const text = `${name}=${labels[name]}`;
    return query ? html`<a key=${name} href=${query.with({ label: text, before: null })}>${text}</a>` : html`<span key=${name}>${text}</span>`;
  })}</span>`;
}

function Row({ run, now, query }) {
  const href = `/runs/${run.id}`;
  const check = run.kind === 'check';
  return html`<tr data-run=${run.id} data-status=${run.state}>
    <th scope="row" data-col="suite"><a href=${href}>${check && 'Check of '}${run.suite}</a></th>
    <td data-col="state" data-label="State"><${Status} of=${run.state} />${run.reason?.message && html` <span class="why">${run.reason.message}</span>`}</td>
    <td data-col="started" data-label="Started" data-value=${run.started}><${When} at=${run.started} now=${now} /></td>
    <td data-col="wall" data-label="Wall time" class="number" data-value=${run.wall_s}>${seconds(run.wall_s)}</td>
    <td data-col="cells" data-label="Cells" data-value=${run.cells}>
      ${!check ? html`<${Statuses} counts=${run.statuses} cells=${run.cells} />` : run.verdict ? html`<${Verdict} of=${run.verdict} />` : html`<span class="dim">–</span>`}</td>
    <td data-col="labels" data-label="Labels"><${Labels} labels=${run.labels} query=${query} /></td>
    <td data-col="id" data-label="Run"><a class="id" href=${href} aria-label=${`Run ${run.id}`}>${run.id}</a></td>
  </tr>`;
}

function Nothing({ query }) {
  if (query.get('before')) return html`<${Empty} title="There are no older runs"><p><a href=${query.with({ before: null })}>Newest runs</a></p><//>`;
  if (FILTERS.some((name) => query.get(name)))
    return html`<${Empty} title="No run fits these filters"><p><a href=${query.with({ suite: null, state: null, label: null })}>Show all runs</a></p><//>`;
  return html`<${Empty} title="Nothing was measured yet">
    <p>Type this where benchd runs; its first live number is here within seconds:</p>
    <p><${Command} text="benchctl run gil-contention" /></p>
    <p class="dim"><code>benchctl suites</code> lists what else can be measured.</p>
  <//>`;
}

export default function Runs() {
  const query = useQuery();
  const { data, error, reload, renew } = useResource(listPath(query));
  const suites = useResource('suites');
  const touched = useTouched();
  const busy = data?.runs.some((run) => !ended(run.state));
  useEvery(busy ? BUSY_MS : CALM_MS, () => (busy || touched()) && renew());
  const now = useNow(30000);
  if (!data || error?.status === 401) {
    return html`<${Main} view="runs" state=${error ? 'error' : 'loading'} title="Runs">
      ${error ? html`<${Problem} error=${error} retry=${reload} what="The list of runs" />` : html`<${Loading} what="the runs" lines=${10} />`}
    <//>`;
  }
  const names = new Set([...(suites.data?.suites ?? []).map((suite) => suite.name), ...data.runs.map((run) => run.suite)]);
  const state = error?.status === 0 ? 'offline' : data.runs.length ? 'ready' : 'empty';
  return html`<${Main} view="runs" state=${state} title="Runs">
    <${Filters} query=${query} suites=${[...names].filter(Boolean).sort()} />
    ${error && html`<p class="notice" role="status">
      ${error.status === 0 ? 'benchd does not answer; this is what it said last.' : error.message}
      ${' '}<button type="button" onClick=${reload}>Try again</button>
    </p>`}
    ${data.runs.length === 0 ? html`<${Nothing} query=${query} />` : html`<table class="cards runs">
      <caption class="unseen">Stored runs, newest first</caption>
      <thead><tr>
        <th scope="col">Suite</th><th scope="col">State</th><th scope="col">Started</th>
        <th scope="col" class="number">Wall time</th><th scope="col">Cells</th><th scope="col">Labels</th><th scope="col">Run</th>
      </tr></thead>
      <tbody>${data.runs.map((run) => html`<${Row} key=${run.id} run=${run} now=${now} query=${query} />`)}</tbody>
    </table>`}
    <nav class="pages" aria-label="Pages">
      ${query.get('before') && html`<a href=${query.with({ before: null })}>Newest</a>`}
      ${data.next && html`<a href=${query.with({ before: data.next })} rel="next">Older runs</a>`}
    </nav>
  <//>`;
}
