// Restore what Python wrote, go on, and write a snapshot for Python: SITE FOLDER.
import { readFileSync, writeFileSync } from "node:fs";

const [site, folder] = process.argv.slice(2);
const { load } = await import(site);
const model = await load(), stream = model.stream();
const kinds = { float32: Float32Array, int64: BigInt64Array };
const { dtype } = model.contract.inputs[0];
const given = (name) => new kinds[dtype](new Uint8Array(readFileSync(`${folder}/${name}`)).buffer);
const found = [];
const keep = (one) => {
  for (const [name, array] of Object.entries(stream.named(one))) found.push([name, Array.from(array, Number)]);
};

stream.restore(new Uint8Array(readFileSync(`${folder}/python.snapshot`)));
keep(stream.push(given("middle.bin")));
const snapshot = stream.snapshot();
writeFileSync(`${folder}/web.snapshot`, snapshot);
// The second stream stands where the first one did, and both go the same way.
const other = model.stream();
other.restore(snapshot);
keep(stream.push(given("last.bin")));
keep(stream.finish());
const twin = { ...stream.named(other.push(given("last.bin"))) }, end = other.named(other.finish());
const refused = [];
for (const bad of [snapshot.slice(0, -1), Uint8Array.of(1, 2, 3), given("last.bin")]) {
  try {
    other.restore(bad);
  } catch (error) {
    refused.push(`${error.name}: ${error.message}`);
  }
}
const numbers = (one) => Object.fromEntries(Object.entries(one).map(([name, array]) => [name, Array.from(array, Number)]));
writeFileSync(`${folder}/found.json`, JSON.stringify({ found, twin: numbers(twin), end: numbers(end), refused }));
