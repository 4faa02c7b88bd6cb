/* Where a run's figures are from. Only what the document holds, which is an allow-list. */
import { html } from '../../lib/ui.js';
import { bytes, plural } from '../../lib/format.js';

const NAMES = {
  cpu_model: 'Processor', processors_online: 'Processors online', processors_allowed: 'Processors allowed', governor: 'Frequency governor',
  turbo_off: 'Turbo off', smt: 'SMT', numa_nodes: 'NUMA nodes', hypervisor: 'Virtual machine', kernel: 'Kernel', machine: 'Architecture',
  loadavg: 'Load at the start', aslr: 'ASLR', transparent_hugepage: 'Huge pages', sched_autogroup: 'Autogroup', cgroup_cpu_max: 'CPU limit',
  cgroup_memory_max: 'Memory limit', libc: 'C library', compiler: 'Compiler', memory_bytes: 'Memory', boot_id: 'Boot',
  load_before: 'Load before', load_after: 'Load after', mhz_lo: 'Slowest clock (MHz)', mhz_hi: 'Fastest clock (MHz)', others_cpu_s: 'Seconds of other programs',
};

/* On a small screen it is long, and asked for. */
const WIDE = matchMedia('(min-width: 46rem)');

/** "AMD EPYC, 2 processors, virtual machine, Linux 6.1 …". */
export function machine(e) {
  const parts = [];
  if (e.cpu_model) parts.push(e.cpu_model);
  if (Number.isFinite(e.processors_allowed)) parts.push(plural(e.processors_allowed, 'processor'));
  if (e.hypervisor === true) parts.push('virtual machine');
  if (e.kernel) parts.push(`Linux ${e.kernel}`);
  return parts.join(', ');
}

function show(name, value) {
  if (value === null || value === undefined || value === '') return html`<span class="dim">unknown</span>`;
  if (value === true || value === false) return value ? 'yes' : 'no';
  if (name.endsWith('_bytes')) return bytes(value);
  if (typeof value === 'object') return html`<code>${JSON.stringify(value)}</code>`;
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return String(value);
}

function Pairs({ pairs }) {
  return html`<dl class="pairs">${pairs.map(([name, value, label]) => html`<div key=${name}>
    <dt>${label ?? name}</dt><dd>${show(name, value)}</dd>
  </div>`)}</dl>`;
}

function Interpreter({ of }) {
  const { id, objects: loaded, ...rest } = of;
  const objects = loaded ?? [];
  const gil = rest.free_threaded ? `free-threaded, GIL ${rest.gil_enabled ? 'on' : 'off'}` : 'with a GIL';
  return html`<section>
    <h3>Python ${id}</h3>
    <${Pairs} pairs=${[['executable', rest.executable, 'Executable'], ['libpython', rest.libpython, 'Library'], ['compiler', rest.compiler, 'Compiler'],
      ['gil', gil, 'GIL'], ['build_flags', rest.build_flags, 'Build flags']]} />
    ${objects.length > 0 && html`<details><summary>${plural(objects.length, 'object')} with build ids</summary>
      <${Pairs} pairs=${objects.map((o) => [o.path, o.build_id])} /></details>`}
  </section>`;
}

const build = ({ path, build_id: id }) => [path, id ?? 'no build id'];

/* How each was built: the figures of two are of different boundaries only as far as this is the same. */
function Bindings({ of }) {
  const several = new Set(of.map((b) => b.python)).size > 1;
  return html`<section data-part="bindings"><h3>Bindings</h3>${of.map((b) => html`<details key=${`${b.name} ${b.python}`}>
    <summary>${b.name}${several && html` <span class="dim">for ${b.python}</span>`}</summary>
    <${Pairs} pairs=${[...Object.entries(b.versions ?? {}), ['flags', b.flags, 'Flags'], ...(b.files ?? []).map(build)]} />
  </details>`)}</section>`;
}

export function Environment({ environment: e, comparability }) {
  const { interpreters: pythons, allocators: heaps, bindings: built, variables, calibration, ...rest } = e;
  const [interpreters, allocators, bindings] = [pythons ?? [], heaps ?? [], built ?? []];
  const known = Object.keys(NAMES).filter((name) => name in rest);
  const others = Object.keys(rest).filter((name) => !(name in NAMES));
  if (!known.length && !others.length && !interpreters.length) return null;
  const set = Object.entries(variables ?? {});
  return html`<details class="environment" open=${WIDE.matches}>
    <summary><h2>Environment</h2></summary>
    <div class="columns">
      <section><h3>Machine</h3>
        <${Pairs} pairs=${[...known, ...others].map((name) => [name, rest[name], NAMES[name]])} />
      </section>
      ${interpreters.map((of) => html`<${Interpreter} key=${of.id} of=${of} />`)}
      <div class="stacked">${allocators.length > 0 && html`<section><h3>Allocators</h3>
        <${Pairs} pairs=${allocators.map((a) => [a.name, [a.version, a.path, a.build_id].filter(Boolean).join(' · ')])} />
      </section>`}
      ${bindings.length > 0 && html`<${Bindings} of=${bindings} />`}
      <section><h3>Variables of the workers</h3>
        ${set.length ? html`<${Pairs} pairs=${set} />` : html`<p class="dim">None was set: workers start from nothing.</p>`}
      </section>
      <section><h3>Comparable with</h3>
        <p>Runs with the key <code>${comparability ?? '–'}</code>: the same processor, kernel, interpreters, allocators and variables.</p>
        ${calibration && html`<p class="dim">Calibrated: ${Object.entries(calibration).map(([name, value]) => `${name} ${show(name, value)}`).join(', ')}</p>`}
      </section></div>
    </div>
  </details>`;
}
