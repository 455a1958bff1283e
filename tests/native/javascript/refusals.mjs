// Frames that are refused, then the right ones: SITE FOLDER.
import { readFileSync, writeFileSync } from "node:fs";

const [site, folder] = process.argv.slice(2);
const { load } = await import(site);
const model = await load(), stream = model.stream();
const raw = new Uint8Array(readFileSync(`${folder}/frames.bin`)).buffer;
const tokens = model.contract.inputs[0].dtype === "int64";
const frames = tokens ? new BigInt64Array(raw) : new Float32Array(raw);
const bad = frames.slice();
bad[tokens ? 2 : 5] = tokens ? 999n : NaN;
const said = (call) => {
  try {
    return `nothing: ${call()}`;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};
const refused = said(() => stream.push(bad)), unknown = said(() => stream.push({ other: frames }));
writeFileSync(`${folder}/found.json`, JSON.stringify({ refused, unknown, found: Array.from(stream.named(stream.push(frames)).y) }));
