/* What one can do to a run or a trace: attempts, what they were refused for, and the question before a deletion. */
import { html, useRef, useState } from './ui.js';

/** {attempt(what, then), busy, error, dialog: a ref for Deletion}. */
export function useAttempt() {
  const dialog = useRef(null);
  const [error, set] = useState(null);
  const [busy, setBusy] = useState(false);
  const attempt = async (what, then = () => {}) => {
    setBusy(true);
    set(null);
    try {
      await what();
      then();
    } catch (failure) {
      dialog.current?.close(); /* what is behind it cannot be read */
      set(failure);
    }
    setBusy(false);
  };
  return { attempt, busy, error, dialog };
}

export function Refusal({ error, reload }) {
  if (!error) return null;
  return html`<p class="notice" role="alert">
    ${error.status === 401
      ? 'This browser is not logged in any more: type benchctl open where benchd runs, then try again.'
      : `${error.message}${error.hint ? ` (${error.hint})` : ''}`} <button type="button" onClick=${reload}>Reload</button>
  </p>`;
}

export function Deletion({ dialog, busy, destroy, title, children }) {
  return html`<dialog ref=${dialog} aria-labelledby="delete-title">
    <h2 id="delete-title">${title}</h2>
    <p>${children}</p>
    <p class="row">
      <button type="button" class="danger" disabled=${busy} onClick=${destroy}>Delete</button>
      <button type="button" autofocus onClick=${() => dialog.current.close()}>Keep it</button>
    </p>
  </dialog>`;
}
