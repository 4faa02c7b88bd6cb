/* One trace, live or ended. */
import { html } from '../lib/ui.js';
import { Deletion, Refusal, useAttempt } from '../lib/actions.js';
import { api, post, remove } from '../lib/api.js';
import { Connection } from '../lib/connection.js';
import { useTrace } from '../lib/live.js';
import { Loading, Main, Problem } from '../lib/main.js';
import { go } from '../lib/router.js';
import { ended } from '../lib/status.js';
import { useNow } from '../lib/time.js';
import { TraceDocument } from './trace/document.js';
import { subject } from './traces.js';

const TICK_MS = 500;
const FORMATS = [
  ['perfetto', 'Perfetto', 'perfetto.json', 'every wait and hold on a time line: ui.perfetto.dev, chrome://tracing, speedscope'],
  ['speedscope', 'speedscope', 'speedscope.json', 'waits by stack, for speedscope'],
  ['collapsed', 'Collapsed', 'collapsed.txt', 'stacks with their ns, for flame graphs'],
];

function Actions({ doc, reload, connection }) {
  const { id } = doc;
  const { attempt, busy, error, dialog } = useAttempt();
  const over = ended(doc.state);
  const stop = () => attempt(() => post(`traces/${id}/stop`));
  const destroy = () => attempt(() => remove(`traces/${id}`), () => go('/traces', { replace: true }));
  return html`<div class="actions">
    ${!over && html`<button type="button" disabled=${busy || connection === 'lost'} onClick=${stop}>Stop the trace</button>`}
    ${over && FORMATS.map(([format, name, suffix, what]) => html`<a key=${format} class="button" data-format=${format} title=${what}
      href=${api(`traces/${id}/export?format=${format}`)} download=${`benchd-${id}.${suffix}`}>${name}</a>`)}
    <a class="button" data-format="json" href=${api(`traces/${id}`)} download=${`benchd-${id}.json`}>JSON</a>
    ${over && html`<button type="button" disabled=${busy} onClick=${() => dialog.current.showModal()}>Delete…</button>`}
    <${Refusal} error=${error} reload=${reload} />
    <${Deletion} dialog=${dialog} busy=${busy} destroy=${destroy} title="Delete this trace?">Its figures and everything it recorded are gone for good.<//>
  </div>`;
}

export default function Trace({ params }) {
  const trace = useTrace(params.id);
  const { doc, error, connection } = trace;
  const moving = doc !== null && !ended(doc.state);
  const now = useNow(moving ? TICK_MS : null);
  if (error && (error.status === 401 || error.status === 404 || !doc))
    return html`<${Main} view="trace" state="error" title="Trace"><${Problem} error=${error} retry=${trace.reload} what="This trace" /><//>`;
  if (!doc) return html`<${Main} view="trace" state="loading" title="Trace"><${Loading} what="the trace" lines=${14} /><//>`;
  return html`<${Main} view="trace" state=${connection === 'lost' ? 'offline' : 'ready'} title=${`Trace of ${subject(doc)}, ${doc.state}`} heading=${false}>
    <${TraceDocument} doc=${doc} stale=${connection === 'lost'}
      actions=${html`<${Actions} doc=${doc} connection=${connection} reload=${trace.reload} />`}
      connection=${connection && html`<${Connection} of=${trace} now=${now} />`} />
  <//>`;
}
