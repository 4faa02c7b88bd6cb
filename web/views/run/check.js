/* What a check found: its verdict, the findings, what each check says, and what was not looked at. */
import { html } from '../../lib/ui.js';
import { plural, whole } from '../../lib/format.js';
import { Verdict } from '../../lib/status.js';

const base = (path) => path?.split('/').at(-1) ?? null;

function subject({ module, python }) {
  const kinds = [python?.free_threaded && 'free-threaded', python?.debug && 'debug'].filter(Boolean);
  const file = base(module?.file);
  return [[module?.name, module?.version].filter(Boolean).join(' '), file && ` (${file})`,
    python?.version && `, Python ${[python.version, ...kinds].join(' ')}`].filter(Boolean).join('');
}

function Findings({ check }) {
  const titles = new Map((check.checks ?? []).map((c) => [c.check, c.title]));
  return html`<section aria-label="Findings"><h2>Findings</h2>
    <table class="cards findings" data-part="findings">
      <caption class="unseen">What was found, with calls that show it</caption>
      <thead><tr><th scope="col">Function</th><th scope="col">Mistake</th><th scope="col">What was seen</th><th scope="col">Call that shows it</th></tr></thead>
      <tbody>${check.findings.map((f, i) => html`<tr key=${i} data-check=${f.check}>
        <th scope="row"><code>${f.function}</code></th>
        <td data-label="Mistake"><span>${titles.get(f.check) ?? f.check}</span></td>
        <td data-label="Seen"><div><p>${f.evidence}</p>${f.hint && html`<p class="dim">${f.hint}</p>`}</div></td>
        <td data-label="Call"><pre tabindex="0"><code>${(f.call ?? []).join('\n')}</code></pre></td>
      </tr>`)}</tbody>
    </table>
  </section>`;
}

function Checks({ checks }) {
  return html`<section aria-label="Checks"><h2>Checks</h2>
    <table class="small" data-part="checks">
      <caption class="unseen">What each check says</caption>
      <thead><tr><th scope="col">Check</th><th scope="col">Verdict</th></tr></thead>
      <tbody>${checks.map((c) => html`<tr key=${c.check} data-check=${c.check}>
        <th scope="row">${c.title}</th>
        <td><${Verdict} of=${c.verdict}>${c.verdict === 'found' ? `found: ${c.findings}` : c.verdict}<//>${c.reason && html` <span class="why">${c.reason}</span>`}</td>
      </tr>`)}</tbody>
    </table>
  </section>`;
}

/* Names with equal reasons together. */
function LeftOut({ label, rows }) {
  const reasons = new Map();
  for (const { name, reason } of rows ?? []) reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  return [...reasons].map(([reason, names]) => html`<div key=${label + reason}><dt>${label}</dt>
    <dd>${names.map((name, i) => html`${i > 0 && ', '}<code>${name}</code>`)}: ${reason}</dd></div>`);
}

export function CheckDocument({ check }) {
  const c = check.coverage ?? {};
  const findings = check.findings ?? [];
  return html`<div class="check">
    <p class="verdict" data-verdict=${check.verdict}><${Verdict} of=${check.verdict}>${findings.length ? plural(findings.length, 'finding') : check.verdict}<//>
      ${' '}<span class="dim">${subject(check)}</span></p>
    ${findings.length > 0 && html`<${Findings} check=${check} />`}
    <${Checks} checks=${check.checks ?? []} />
    <section aria-label="Coverage"><h2>Coverage</h2>
      <p>${whole(c.called)} of ${whole(c.functions)} functions called, ${plural(c.calls, 'call')} tried, ${whole(c.measured)} measured over many calls.</p>
      <dl class="notes">
        <${LeftOut} label="Not called" rows=${c.not_called} />
        <${LeftOut} label="Unfinished" rows=${c.unfinished} />
      </dl>
    </section>
  </div>`;
}
