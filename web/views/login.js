/* Spends the code behind the # for a session, then goes on. The code is taken out of the address at once, so that it does
 * not stay in the history. */
import { html, useEffect, useState } from '../lib/ui.js';
import { login } from '../lib/api.js';
import { Command, Empty, Loading, Main, Problem } from '../lib/main.js';

/** A path of this dashboard, whatever was given: never another site. */
export function ownPath(next) {
  const to = next?.startsWith('/') && URL.canParse(next, location.origin) ? new URL(next, location.origin) : null;
  return to?.origin === location.origin ? to.pathname + to.search : '/';
}

export default function Login({ address }) {
  const [code] = useState(() => location.hash.slice(1));
  const [error, set] = useState(null);
  useEffect(() => {
    if (!code) return;
    history.replaceState(null, '', location.pathname + location.search);
    login(code).then(() => location.replace(ownPath(address.query.get('next'))), set);
  }, []);
  if (code && !error) return html`<${Main} view="login" state="loading" title="Logging in"><${Loading} what="your session" lines=${2} /><//>`;
  return html`<${Main} view="login" state=${error ? 'error' : 'empty'} title="Log in">
    ${error && error.status !== 401 && html`<${Problem} error=${error} />`}
    ${(!error || error.status === 401) && html`<${Empty} title=${error ? 'This login code is spent or has expired' : 'There is no login code in the address'}>
      <p>A code works once, for a minute. Type this where benchd runs to get a new one:</p>
      <p><${Command} text="benchctl open" /></p>
    <//>`}
  <//>`;
}
