// Push the frames of FOLDER/in.bin in pieces, and write the outputs of both modules to FOLDER/out.json.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8")), raw = readFileSync(join(folder, "in.bin"));
const { load } = await import(plan.module);
const kinds = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };

let start = 0;
const inputs = {};
for (const [name, bytes] of Object.entries(plan.bytes)) inputs[name] = new Uint8Array(raw.subarray(start, (start += bytes)));

async function run(options) {
  const model = await load(options), stream = model.stream({ context: plan.context }), found = {};
  const keep = (given) => {
    for (const [name, array] of Object.entries(stream.named(given))) (found[name] ??= []).push(...Array.from(array, Number));
  };
  for (let k = 1; k < plan.cuts.length; k++) {
    const [from, to] = [plan.cuts[k - 1], plan.cuts[k]];
    const part = ({ name, dtype, size }) => [name, new kinds[dtype](inputs[name].buffer).subarray(from * size, to * size)];
    keep(stream.push(Object.fromEntries(model.contract.inputs.map(part))));
  }
  keep(stream.finish());
  return found;
}

writeFileSync(join(folder, "out.json"), JSON.stringify([await run({ vectors: true }), await run({ vectors: false })]));
