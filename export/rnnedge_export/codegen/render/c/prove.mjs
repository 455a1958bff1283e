// Step a compiled model through the frames of FOLDER/in.bin, and write what it gives to FOLDER/out.bin.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8"));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(plan.module)));
const call = (what, ...given) => exports[`${plan.name}_${what}`](...given);

let end = exports.__heap_base.value;
// Memory after that of the module, aligned to 64 bytes.
function place(bytes) {
  const at = (end + 63) & ~63;
  end = at + bytes;
  const missing = end - exports.memory.buffer.byteLength;
  if (missing > 0) exports.memory.grow((missing + 65535) >> 16);
  return at;
}

const stream = place(call("bytes"));
const inputs = plan.inputs.map(place), outputs = plan.outputs.map(place);
if (plan.weights) {
  const weights = readFileSync(join(folder, "weights.bin"));
  const at = place(weights.length);
  new Uint8Array(exports.memory.buffer).set(weights, at);
  call("init", stream, at);
} else {
  call("init", stream);
}

const frames = readFileSync(join(folder, "in.bin"));
const found = [];
const memory = new Uint8Array(exports.memory.buffer);
const step = plan.inputs.reduce((sum, bytes) => sum + bytes, 0);
for (let at = 0; at + step <= frames.length; ) {
  plan.inputs.forEach((bytes, k) => {
    memory.set(frames.subarray(at, at + bytes), inputs[k]);
    at += bytes;
  });
  call("step", stream, ...inputs, ...outputs);
  plan.outputs.forEach((bytes, k) => found.push(memory.slice(outputs[k], outputs[k] + bytes)));
}
writeFileSync(join(folder, "out.bin"), Buffer.concat(found));
