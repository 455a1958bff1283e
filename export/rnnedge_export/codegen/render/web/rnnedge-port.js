// A stream behind a message port, in a worker or an AudioWorklet: answers { id, call, given } with { id, found } or
// { id, error }.
import { Model } from "./rnnedge-model.js";

const CALLS = ["push", "finish", "reset", "snapshot", "restore", "setContext"];

// A stream that cannot be opened says why at each call: its thread has no other way to be heard.
export function openStream({ contract, module, weights }, options) {
  try {
    return new Model(contract, module, weights).stream(options);
  } catch (failed) {
    return { failed };
  }
}

export function answer(port, stream, { id, call, given = [] }) {
  try {
    if (stream.failed) throw stream.failed;
    if (!CALLS.includes(call)) throw new Error(`expected one of ${CALLS}, found ${call}`);
    port.postMessage({ id, found: stream[call](...given) });
  } catch (error) {
    port.postMessage({ id, error: { name: error.name, message: error.message } });
  }
}
