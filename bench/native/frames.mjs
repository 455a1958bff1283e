// Microseconds of a step of a compiled model in Node: the median of many blocks.
import { readFileSync } from "node:fs";

const [path, name, ...sizes] = process.argv.slice(2);
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)));
let end = exports.__heap_base.value;
function place(bytes) {
  const at = (end + 63) & ~63;
  end = at + bytes;
  const missing = end - exports.memory.buffer.byteLength;
  if (missing > 0) exports.memory.grow((missing + 65535) >> 16);
  return at;
}
const stream = place(exports[`${name}_bytes`]());
const ports = sizes.map((bytes) => place(Number(bytes)));
exports[`${name}_init`](stream);
const step = exports[`${name}_step`];
const times = [];
for (let block = 0; block < 60; block++) {
  const begun = process.hrtime.bigint();
  for (let k = 0; k < 1000; k++) step(stream, ...ports);
  times.push(Number(process.hrtime.bigint() - begun) / 1e6);
}
times.sort((a, b) => a - b);
console.log(times[30]);
