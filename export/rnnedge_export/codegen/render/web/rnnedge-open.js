// Fetch the files of a compiled network, in a browser or in Node, and prove them by its recorded sample.
import { Model, RnnEdgeError } from "./rnnedge-model.js";

// The smallest module with a 128-bit vector: what a browser without them refuses.
const VECTORS = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

// `name`: what the files begin with; `base`: the address of one of them. `vectors: false` takes the scalar module.
export async function open(name, base, { vectors = WebAssembly.validate(VECTORS), verify = true } = {}) {
  const contract = JSON.parse(new TextDecoder().decode(await bytesOf(`${name}.contract.json`, base)));
  const module = await bytesOf(vectors ? `${name}.wasm` : `${name}.scalar.wasm`, base);
  const weights = contract.weightBytes ? await bytesOf(`${name}.weights`, base) : null;
  const model = new Model(contract, await WebAssembly.compile(module), weights);
  // As bytes: not every browser hands a compiled module to an AudioWorklet.
  model.source.module = module;
  if (verify) model.verify();
  return model;
}

async function bytesOf(file, base) {
  const url = new URL(file, base);
  if (url.protocol === "file:" && globalThis.process?.versions?.node) {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(url));
  }
  const answer = await fetch(url);
  if (!answer.ok) throw new RnnEdgeError(`${url}: ${answer.status} ${answer.statusText}; serve all files of the folder`);
  return new Uint8Array(await answer.arrayBuffer());
}
