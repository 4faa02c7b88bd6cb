// How node's test runner tells what happened here: a line for each test, skips aloud, and the counts for run.py.
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';

const file = basename(process.argv[1] ?? 'web', '.mjs');

function cause(error) {
  const inner = error?.cause ?? error;
  return inner?.stack ?? String(inner);
}

export default async function* reporter(source) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of source) {
    if (type === 'test:pass' || type === 'test:fail') {
      const indent = '  '.repeat(data.nesting);
      const seconds = ((data.details?.duration_ms ?? 0) / 1000).toFixed(1);
      if (type === 'test:fail') {
        count.failed++;
        yield `${indent}FAILED ${data.name} (${seconds} s)\n${cause(data.details?.error)}\n`;
      } else if (data.skip !== undefined) {
        count.skipped++;
        yield `SKIPPED ${file}.${data.name}: ${data.skip}\n`;
      } else {
        count.passed++;
        yield `${indent}ok ${data.name} (${seconds} s)\n`;
      }
    } else if (type === 'test:diagnostic' && data.nesting > 0) {
      yield `  ${data.message}\n`;
    }
  }
  yield `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`;
  if (process.env.BENCHD_WEB_REPORT) writeFileSync(process.env.BENCHD_WEB_REPORT, JSON.stringify(count));
}
