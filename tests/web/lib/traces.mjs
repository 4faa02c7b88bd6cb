// Documents of traces that are rare in the wild, for the page's own code: what a page has to show well whatever comes.
const S = 1e9;
const HOSTILE = '</td><script>alert(1)</script> \u202e "';

function thread(tid, name, wait, more = {}) {
  const [holder, queue, stall] = [0.7, 0.2, 0.06].map((part) => Math.round(wait * part));
  return {
    pid: 4242, tid, name, state: null, hold_ns: S, run_ns: 1.2 * S, off_ns: 0.4 * S, wait_ns: wait, waits: wait ? 1000 : 0, wait_share: wait / (4 * S),
    holder_ns: holder, runqueue_ns: queue, switch_ns: stall, mutex_ns: wait - holder - queue - stall, retries: 0, p50_ns: 20000, p99_ns: 5e6, max_ns: 9e6, ...more,
  };
}

const sums = (threads) => Object.fromEntries(['waits', 'wait_ns', 'holder_ns', 'runqueue_ns', 'switch_ns', 'mutex_ns'].map((key) => [key, threads.reduce((sum, t) => sum + t[key], 0)]));
const line = (role, tid, name, path, number, ns, native = null) => ({ role, tid, function: name, file: path, line: number, native, ns });

function basic(more = {}) {
  const threads = more.threads ?? [thread(4242, 'MainThread', 0), thread(4243, 'holder', 0.4 * S), thread(4244, 'victim', 2.7 * S)];
  const { waits, wait_ns } = sums(threads);
  return {
    schema: 'benchd.trace.v1', id: '01JTRACE000000000000000000', state: 'complete', reason: null, started: '2026-01-02T03:04:05Z', pid: 4242, own_pid: 4242,
    command: 'python3 app.py', python: '3.12.1', run: null, seconds: 4, start_mono_ns: 1e12, end_mono_ns: 1e12 + 4 * S, level: 'events', gil: true,
    gils: [{ pid: 4242, interpreter: 0, address: '0x7f0000000010', held_share: 0.84, ...sums(threads) }],
    blockers: [{ interpreter: 0, waiter: 4244, holder: 4243, ns: 1.8 * S, waits: 900 }, { interpreter: 0, waiter: 4243, holder: 4244, ns: 0.25 * S, waits: 100 }],
    lines: [line('holder', 4243, 'burn', '/srv/app.py', 41, 1.8 * S, 'spin (libburn.so)'), line('waiter', 4244, 'handle', '/srv/app.py', 12, 2.7 * S)],
    held: [{ tid: 4243, function: 'encode', file: '/usr/lib/python3.12/json/encoder.py', line: 200, native: null, from: { function: 'save', file: '/srv/app.py', line: 42 }, ns: 3 * S, samples: 2990 }],
    locks: [], spins: [], cells: [], lost: 0, losses: [], unresolved_ns: 0, waits, wait_ns, events: 4000, events_per_s: 1000, tracer_cpu_s: 0.02, benchd_cpu_s: 0.03,
    truncated: false, bytes: 30000, children: 0, execs: 0, ...more, threads,
  };
}

// {name: [document, texts its page has to have]}
export const rare = {
  'lost, unresolved, truncated': [
    basic({ lost: 1120, losses: Array.from({ length: 9 }, (_, i) => ({ second: i, lost: 120 + i })), unresolved_ns: 0.5 * S, truncated: true, children: 2, execs: 1 }),
    ['1120 records came faster', 'from save /srv/app.py:42', 'and in 3 more', 'the blocking line is unknown', 'exports end early', '2 children', 'another program'],
  ],
  'nobody waited': [basic({ threads: [thread(4242, 'MainThread', 0)], blockers: [], lines: [] }), ['No thread waited for the GIL']],
  'nothing seen': [basic({ state: 'failed', reason: { check: null, key: 'layout-unknown', message: 'its interpreter is of no known layout', hint: 'report it' }, threads: [], gils: [], blockers: [], lines: [], held: [], python: null, command: null }), ['layout-unknown', 'of no known layout', 'process 4242']],
  'free-threaded': [
    basic({
      gil: false, gils: [], blockers: [], held: [], python: '3.13.5t', threads: [4243, 4244, 4245, 4246].map((tid) => thread(tid, 'worker', 0.3 * S)),
      lines: [line('waiter', 4243, 'fight', 'fight.py', 9, 0.3 * S)],
      locks: [{ kind: 'critical-section', type: 'dict', waits: 900, ns: 0.2 * S, runqueue_ns: 0.01 * S }, { kind: 'stop-the-world', type: null, waits: 3, ns: 0.01 * S, runqueue_ns: 0 }],
      spins: [{ tid: 4243, function: 'fight', file: 'fight.py', line: 9, yields: 496000, ns: 3.9 * S }],
    }),
    ['runs without a GIL', 'dict', 'lock of an object', 'stop-the-world pause', 'which lock it was for is not known', '496 k'],
  ],
  'two interpreters': [
    basic({
      gils: [0, 2].map((interpreter) => ({ pid: 4242, interpreter, address: `0x7f000000000${interpreter}`, held_share: 0.4, ...sums([thread(1, '', S)]) })),
      blockers: [0, 2].map((interpreter) => ({ interpreter, waiter: 4244 - interpreter, holder: 4243 - interpreter, ns: S, waits: 10 })),
    }),
    ['2 GILs', 'main interpreter', 'interpreter 2'],
  ],
  'many threads': [
    basic({
      threads: Array.from({ length: 60 }, (_, i) => thread(5000 + i, `worker-with-quite-a-long-name-${i}`, i * 1e6)),
      blockers: Array.from({ length: 120 }, (_, i) => ({ interpreter: 0, waiter: 5000 + (i % 60), holder: 5000 + ((i * 7) % 60), ns: (i + 1) * 1e5, waits: i + 1 })),
    }),
    ['and 100 smaller ones'],
  ],
  'any text': [
    basic({
      command: `${HOSTILE} ${'x'.repeat(400)}`, threads: [thread(4243, HOSTILE, S), thread(4244, null, S)],
      lines: [line('holder', 4243, HOSTILE, `/srv/${'very-long-folder/'.repeat(20)}app.py`, 41, S, `${'_ZN4very6mangled'.repeat(12)} (lib.so)`), line('holder', 4244, null, null, null, S)],
    }),
    ['</td><script>alert(1)</script>', 'unknown'],
  ],
  'of a run': [
    basic({
      run: '01JRUN00000000000000000000', pid: null, own_pid: null, command: null,
      threads: [thread(11, 'bench', S, { pid: 1 }), thread(11, 'bench', S, { pid: 2 })],
      blockers: [{ pid: 1, interpreter: 0, waiter: 11, holder: 0, ns: S, waits: 10 }],
      cells: [{ id: 'gil-contention/threads=2', waits: 41000, wait_ns: 1.3 * S, threads_ns: 4 * S, cost: { ratio: 1.02, lo: 1.01, hi: 1.034, rounds: 12 }, lines: [line('holder', 11, 'hold', 'case.py', 3, S)], blockers: [] },
        { id: 'gil-contention/threads=1', waits: 0, wait_ns: 0, threads_ns: 4 * S, cost: null, lines: [], blockers: [] }],
    }),
    ['gil-contention/threads=2', '1.020×', '[1.010, 1.034]', 'hold', '1/11'],
  ],
};
