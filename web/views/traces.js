/* The list of traces, newest first. */
import { html } from '../lib/ui.js';
import { useEvery, useResource, useTouched } from '../lib/api.js';
import { nanoseconds, seconds, whole } from '../lib/format.js';
import { Command, Empty, Loading, Main, Problem } from '../lib/main.js';
import { useQuery } from '../lib/router.js';
import { ended, Status } from '../lib/status.js';
import { useNow, When } from '../lib/time.js';

const PAGE = 50;
const BUSY_MS = 2000;
const CALM_MS = 10000;

function listPath(query) {
  const ask = new URLSearchParams({ limit: PAGE });
  for (const name of ['run', 'before']) if (query.get(name)) ask.set(name, query.get(name));
  return `traces?${ask}`;
}

/** What was traced, in a few words. */
export const subject = (trace) => trace.command ?? (trace.run ? `run ${trace.run}` : `process ${trace.pid}`);

function Row({ trace, now }) {
  const href = `/traces/${trace.id}`;
  return html`<tr data-trace=${trace.id} data-status=${trace.state}>
    <th scope="row" data-col="command"><a href=${href}>${subject(trace)}</a></th>
    <td data-col="state" data-label="State"><${Status} of=${trace.state} />${trace.reason?.message && html` <span class="why">${trace.reason.message}</span>`}</td>
    <td data-col="started" data-label="Started" data-value=${trace.started}><${When} at=${trace.started} now=${now} /></td>
    <td data-col="seconds" data-label="Watched" class="number" data-value=${trace.seconds}>${seconds(trace.seconds)}</td>
    <td data-col="waits" data-label="Waits" class="number" data-value=${trace.waits}>${whole(trace.waits)}</td>
    <td data-col="wait" data-label="Waited" class="number" data-value=${trace.wait_ns}>${nanoseconds(trace.wait_ns)}</td>
    <td data-col="lost" data-label="Lost" class=${`number ${trace.lost > 0 ? 'much' : ''}`} data-value=${trace.lost}>${whole(trace.lost)}</td>
    <td data-col="python" data-label="Python">${trace.python ?? '–'}</td>
    <td data-col="of" data-label="Of">${trace.run ? html`<a href=${`/runs/${trace.run}`}>run</a>` : html`<span class="number">pid ${trace.pid}</span>`}</td>
    <td data-col="id" data-label="Trace"><a class="id" href=${href} aria-label=${`Trace ${trace.id}`}>${trace.id}</a></td>
  </tr>`;
}

function Nothing({ query }) {
  if (query.get('before')) return html`<${Empty} title="There are no older traces"><p><a href=${query.with({ before: null })}>Newest traces</a></p><//>`;
  if (query.get('run')) return html`<${Empty} title="This run was not traced"><p><a href=${query.with({ run: null })}>Show all traces</a></p><//>`;
  return html`<${Empty} title="Nothing was traced yet">
    <p>Type this where benchd runs, with the number of a running Python process: it says who waits for the GIL, because of whom, and at which line.</p>
    <p><${Command} text="benchctl trace --pid PID --seconds 5" /></p>
    <p class="dim"><code>benchctl trace -- COMMAND</code> starts one; <code>benchctl doctor</code> says what this machine allows.</p>
  <//>`;
}

export default function Traces() {
  const query = useQuery();
  const { data, error, reload, renew } = useResource(listPath(query));
  const touched = useTouched();
  const busy = data?.traces.some((trace) => !ended(trace.state));
  useEvery(busy ? BUSY_MS : CALM_MS, () => (busy || touched()) && renew());
  const now = useNow(30000);
  if (!data || error?.status === 401) {
    return html`<${Main} view="traces" state=${error ? 'error' : 'loading'} title="Traces">
      ${error ? html`<${Problem} error=${error} retry=${reload} what="The list of traces" />` : html`<${Loading} what="the traces" lines=${10} />`}
    <//>`;
  }
  const state = error?.status === 0 ? 'offline' : data.traces.length ? 'ready' : 'empty';
  return html`<${Main} view="traces" state=${state} title="Traces">
    ${query.get('run') && html`<p class="crumbs"><a href=${`/runs/${query.get('run')}`}>The run</a></p>`}
    ${error && html`<p class="notice" role="status">
      ${error.status === 0 ? 'benchd does not answer; this is what it said last.' : error.message}
      ${' '}<button type="button" onClick=${reload}>Try again</button>
    </p>`}
    ${data.traces.length === 0 ? html`<${Nothing} query=${query} />` : html`<table class="cards runs traces">
      <caption class="unseen">Stored traces, newest first</caption>
      <thead><tr>
        <th scope="col">Traced</th><th scope="col">State</th><th scope="col">Started</th><th scope="col" class="number">Watched</th>
        <th scope="col" class="number">Waits</th><th scope="col" class="number">Waited</th><th scope="col" class="number">Lost</th>
        <th scope="col">Python</th><th scope="col">Of</th><th scope="col">Trace</th>
      </tr></thead>
      <tbody>${data.traces.map((trace) => html`<${Row} key=${trace.id} trace=${trace} now=${now} />`)}</tbody>
    </table>`}
    <nav class="pages" aria-label="Pages">
      ${query.get('before') && html`<a href=${query.with({ before: null })}>Newest</a>`}
      ${data.next && html`<a href=${query.with({ before: data.next })} rel="next">Older traces</a>`}
    </nav>
  <//>`;
}
