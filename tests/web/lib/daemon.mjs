// A real benchd on a data folder of its own, and a client with its token.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { waitFor } from './waiting.mjs';

export const BUILD = process.env.BENCHD_BUILD;
export const FINAL = ['complete', 'interrupted', 'failed', 'cancelled'];
const APART = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'apart');
const SANITIZERS = ['ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS'];
const living = new Set();
process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));

function environment(home) {
  const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: home, LC_ALL: 'C.UTF-8' };
  for (const name of SANITIZERS) if (process.env[name]) env[name] = process.env[name];
  return env;
}

// The command with a /run/lock of its own, so that it need not wait for another benchd's turn to measure; as root.
function alone(command) {
  if (process.getuid() !== 0) return command;
  return [APART, 'sh', '-c', 'mount -t tmpfs none /run/lock && exec "$@"', 'sh', ...command];
}

// A folder that goes with the test; `t` is the test, or `file` of file.mjs.
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'bd-web-'));
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  return path;
}

// A copy of the runs that web.data measured, and what it wrote down about them.
export function measured(t) {
  const data = join(folder(t), 'd');
  cpSync(process.env.BENCHD_WEB_DATA, data, { recursive: true });
  return { data, runs: JSON.parse(readFileSync(join(data, 'web.json'), 'utf8')) };
}

export class Daemon {
  // Starts one and waits until it answers; `measure`: it will have to measure something.
  static async start(t, data, { measure = false, bin = join(BUILD, 'bin'), args = [] } = {}) {
    const d = new Daemon();
    d.data = data;
    // an end of its own, should this process vanish without having ended it
    let command = [join(bin, 'benchd'), '--data', data, '--idle-exit', '600', ...args, '--ready-fd', '3'];
    if (measure) command = alone(command);
    d.child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], env: environment(dirname(data)) });
    living.add(d.child);
    d.ended = once(d.child, 'exit').then(() => living.delete(d.child));
    t.after(() => d.end('SIGKILL'));
    let said = '';
    let errors = '';
    d.child.stderr.on('data', (chunk) => (errors += chunk));
    for await (const chunk of d.child.stdio[3]) {
      said += chunk;
      if (said.includes('\n')) break;
    }
    if (!said.startsWith('{')) throw new Error(`benchd did not start: ${said}${errors}`);
    d.url = JSON.parse(said).url;
    d.token = readFileSync(join(data, 'token'), 'utf8').trim();
    return d;
  }

  get pid() {
    return this.child.pid;
  }

  // Signals it and waits for its end.
  async end(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }

  // {status, headers, text, json}; fetch() would keep connections that the next daemon on this port does not know.
  request(method, path, body = undefined, headers = {}) {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const more = payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) };
      const request = http.request(
        this.url + path,
        { method, agent: false, headers: { Authorization: `Bearer ${this.token}`, ...more, ...headers } },
        (answer) => {
          const chunks = [];
          answer.on('data', (chunk) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: answer.statusCode, headers: answer.headers, text, get json() { return JSON.parse(text); } });
          });
        },
      );
      request.on('error', reject);
      request.end(payload);
    });
  }

  async get(path) {
    const answer = await this.request('GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  run(id) {
    return this.get(`/api/v1/runs/${id}`);
  }

  // Asks for a run; its id.
  async submit(request) {
    const answer = await this.request('POST', '/api/v1/runs', { target: 'gil-contention', wait_s: 300, ...request });
    if (answer.status !== 202) throw new Error(`POST runs: ${answer.status} ${answer.text}`);
    return answer.json.id;
  }

  waitState(id, states, seconds = 120) {
    return waitFor(`run ${id} is ${states}`, seconds, async () => {
      const { state } = (await this.run(id)).run;
      return states.includes(state) && state;
    });
  }

  async measure(request) {
    const id = await this.submit(request);
    await this.waitState(id, FINAL);
    return id;
  }

  waitSample(id, seconds = 120) {
    return waitFor(`a sample of ${id}`, seconds, async () => (await this.get(`/api/v1/runs/${id}/samples`)).samples.length > 0);
  }

  // A code that logs one browser in.
  async code() {
    const answer = await this.request('POST', '/api/v1/sessions');
    if (answer.status !== 201) throw new Error(`POST sessions: ${answer.status} ${answer.text}`);
    return answer.json.code;
  }
}
