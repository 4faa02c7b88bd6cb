// A small Python program with two threads that fight for the GIL (traced.py), and traces of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { FINAL } from './daemon.mjs';
import { waitFor } from './waiting.mjs';

// Under its name alone: pictures are not to show where this tree lies, and Python makes names of programs absolute.
const RUN = 'import sys; name = sys.argv[1]; exec(compile(open(name).read(), name, "exec"))';
const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), 'traced.py');

// {pid, tids: {hold, want}, lines: {hold, want}}; it ends with the test.
export async function program(t) {
  const child = spawn('/usr/bin/python3', ['-c', RUN, basename(PROGRAM)], {
    cwd: dirname(PROGRAM), stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
  });
  const ended = once(child, 'exit');
  const end = async () => {
    child.stdin.end();
    await ended;
  };
  process.on('exit', () => child.kill('SIGKILL'));
  t.after(end);
  let said = '';
  for await (const chunk of child.stdout) {
    said += chunk;
    if (said.includes('\n')) break;
  }
  return { ...JSON.parse(said), pid: child.pid };
}

// Begins a trace; its id. Where nothing can be traced the test is skipped for the reason that benchd gives: null.
export async function trace(t, d, request) {
  const answer = await d.request('POST', '/api/v1/traces', request);
  if (answer.status === 202) return answer.json.id;
  const { key, message } = answer.json.error;
  if (!['no-bpf-rights', 'no-btf', 'tracer-missing'].includes(key)) throw new Error(`POST traces: ${answer.status} ${answer.text}`);
  t.skip(message);
  return null;
}

export const document = (d, id) => d.get(`/api/v1/traces/${id}`);

export const waitTrace = (d, id, condition, seconds = 60) =>
  waitFor(`trace ${id}: ${condition}`, seconds, async () => {
    const doc = await document(d, id);
    return condition(doc) && doc;
  });

export const waitEnd = (d, id) => waitTrace(d, id, (doc) => FINAL.includes(doc.state));
