// Reads what figures.c wrote and says every figure that the dashboard's format.js would write otherwise.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const format = await import(pathToFileURL(process.argv[2]));
const functions = { ...format, scaled: (least, most, ns) => format.scaled(format.scaleFor(least, most), ns) };
let [read, wrong] = [0, 0];
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line);
  const wanted = args.pop();
  const found = functions[name](...args);
  read++;
  if (found !== wanted && wrong++ < 20) console.log(`${name}(${args.join(', ')}): '${found}', benchctl: '${wanted}'`);
}
console.log(`${read} read, ${wrong} wrong`);
process.exit(wrong ? 1 : 0);
