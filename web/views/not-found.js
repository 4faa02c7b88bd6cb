import { html } from '../lib/ui.js';
import { Main } from '../lib/main.js';

export default function NotFound({ path }) {
  return html`<${Main} view="not-found" state="ready" title="There is nothing here">
    <p>No view has the address <code>${path}</code>.</p>
    <p><a href="/">All runs</a></p>
  <//>`;
}
