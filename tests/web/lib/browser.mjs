// A browser whose pages are watched: whatever goes wrong in one, or leaves this machine, fails the test that opened it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const load = createRequire(`${process.env.BENCHD_WEB_MODULES}/package.json`);
const { chromium } = load('playwright-core');
const axe = load('axe-core');

let running;

async function browser() {
  running ??= chromium.launch({
    executablePath: process.env.BENCHD_CHROMIUM,
    headless: false, // this driver's own headless switch names a mode the distributions' browsers no longer have
    args: [
      '--headless=new',
      '--disable-gpu',
      '--hide-scrollbars',
      '--force-color-profile=srgb',
      // nothing but this machine can be reached; what a page tries all the same is seen below
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  return running;
}

export async function closeBrowser() {
  await (await running)?.close();
}

// What went wrong in the pages of one context. A test allows what it provokes itself.
class Watch {
  constructor(origin) {
    this.origin = origin;
    this.problems = [];
    this.allowed = [];
    this.requests = [];
  }

  allow(pattern) {
    this.allowed.push(pattern);
  }

  add(kind, text) {
    this.problems.push(`${kind}: ${text}`);
  }

  attach(context) {
    context.on('console', (m) => {
      if (m.type() === 'error') this.add('console', `${m.text()} (${m.location().url})`);
    });
    context.on('weberror', (e) => this.add('exception', e.error().stack ?? String(e.error())));
    context.on('request', (r) => {
      this.requests.push(r.url());
      if (!r.url().startsWith('data:') && !r.url().startsWith('blob:') && new URL(r.url()).origin !== this.origin)
        this.add('foreign request', r.url());
    });
    context.on('requestfailed', (r) => {
      // what the page gave up itself, as when it leaves a view
      if (r.failure()?.errorText !== 'net::ERR_ABORTED') this.add('request', `${r.url()} ${r.failure()?.errorText}`);
    });
    context.on('response', (r) => {
      if (r.status() >= 400) this.add('answer', `${r.status()} ${r.url()}`);
    });
    return context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (e) =>
        console.error(`policy violation: ${e.violatedDirective} ${e.blockedURI}`),
      );
    });
  }

  check() {
    const left = this.problems.filter((p) => !this.allowed.some((a) => a.test(p)));
    assert.deepEqual(left, [], 'the page had problems');
  }
}

// Opens a page, logged in unless `login` is false, hands it to operate(page, watch), and checks what was seen.
export async function browse(daemon, options, operate) {
  const { width = 1280, height = 900, scheme = 'light', login = true, check = true, ...more } = options;
  const context = await (await browser()).newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...more,
  });
  context.setDefaultTimeout(20_000);
  const watch = new Watch(daemon ? new URL(daemon.url).origin : 'null');
  try {
    await watch.attach(context);
    if (login && daemon) {
      const answer = await context.request.post(`${daemon.url}/login`, { data: { code: await daemon.code() } });
      assert.equal(answer.status(), 200, await answer.text());
    }
    const page = await context.newPage();
    await operate(page, watch);
    if (check) watch.check();
    return watch;
  } catch (error) {
    // what the page said is the likelier cause
    if (watch.problems.length) error.message += `\nseen in the page:\n${watch.problems.join('\n')}`;
    throw error;
  } finally {
    await context.close();
  }
}

// Waits until the view is there in one of these states.
export async function settled(page, view, ...states) {
  const wanted = states.length ? states : ['ready'];
  const selector = wanted.map((s) => `main[data-view="${view}"][data-state="${s}"]`).join(', ');
  try {
    await page.locator(selector).waitFor({ state: 'attached' });
  } catch {
    const main = await page.evaluate(() => document.querySelector('main')?.cloneNode(false).outerHTML ?? 'no <main>');
    throw new Error(`${page.url()} is not ${view} ${wanted.join(' or ')}, but ${main}`);
  }
}

// Opens a path of benchd and waits for the view.
export async function visit(page, daemon, path, view, ...states) {
  await page.goto(daemon.url + path);
  await settled(page, view, ...states);
}

// Findings of the accessibility rules that shut somebody out.
export async function inaccessible(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 160)} ${n.any[0]?.message ?? n.failureSummary}`));
}

// How many pixels the page is wider than its window.
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

// Presses Tab until the focus is on something that matches; how often.
export async function tabTo(page, selector, most = 80) {
  for (let n = 1; n <= most; n++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((s) => document.activeElement?.matches(s), selector)) return n;
  }
  throw new Error(`${selector} is not reached by ${most} times Tab`);
}

export const WIDTHS = [360, 1280, 3840];
const BETWEEN = [320, 760, 960]; // where one layout turns into another

async function themed(page, scheme) {
  await page.emulateMedia({ colorScheme: scheme });
  // the event comes a moment later
  await page.waitForFunction((s) => {
    const { theme, chosen } = document.documentElement.dataset;
    return [undefined, chosen ?? s].includes(theme);
  }, scheme);
}

// The page as it stands, light and dark, narrow and wide: accessible, and nowhere wider than its window.
export async function looksRight(page) {
  const size = page.viewportSize();
  for (const scheme of ['light', 'dark']) {
    await themed(page, scheme);
    for (const width of [...BETWEEN, ...WIDTHS]) {
      await page.setViewportSize({ width, height: width > 2000 ? 2160 : 900 });
      assert.ok((await overflow(page)) <= 0, `${page.url()} is ${await overflow(page)} px too wide at ${width}`);
      if (width === 360 || width === 1280) assert.deepEqual(await inaccessible(page), [], `${page.url()} ${scheme} at ${width}`);
    }
  }
  await themed(page, 'light');
  await page.setViewportSize(size);
}
