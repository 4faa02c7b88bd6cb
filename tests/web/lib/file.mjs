// What all tests of a file share ends after the last one, in reverse order; the browser last. (Hooks that a hook registers
// would run at its end.)
import { after } from 'node:test';

import { closeBrowser } from './browser.mjs';

const endings = [];
export const file = { after: (ending) => endings.push(ending) };
after(async () => {
  for (const ending of endings.reverse()) await ending();
  await closeBrowser();
});
