// A stream in another thread: in the audio thread, or in a worker.
import * as errors from "./rnnedge-errors.js";

// Calls over a message port, each a promise.
class Remote {
  #port;
  #asked = new Map();
  #number = 0;
  // Called with every message that answers no call: outputs of the audio thread, or { error }.
  onfound = () => {};

  constructor(port) {
    this.#port = port;
    port.onmessage = ({ data }) => {
      const waiting = this.#asked.get(data.id);
      if (!waiting) return this.onfound(data);
      this.#asked.delete(data.id);
      if (data.error) waiting.reject(raised(data.error));
      else waiting.resolve(data.found);
    };
  }

  #call(call, ...given) {
    return new Promise((resolve, reject) => {
      this.#asked.set(++this.#number, { resolve, reject });
      this.#port.postMessage({ id: this.#number, call, given });
    });
  }

  push(frames) {
    return this.#call("push", frames);
  }

  finish() {
    return this.#call("finish");
  }

  reset() {
    return this.#call("reset");
  }

  snapshot() {
    return this.#call("snapshot");
  }

  restore(data) {
    return this.#call("restore", data);
  }

  setContext(context) {
    return this.#call("setContext", context);
  }
}

const raised = ({ name, message }) => new (errors[name] ?? errors.RnnEdgeError)(message);

// A stream that steps inside the audio thread of `context`: connect a source to its `node`, hear of outputs by `onfound`.
export async function inAudio(model, context, options = {}) {
  await context.audioWorklet.addModule(new URL("./rnnedge-worklet.js", import.meta.url));
  const processorOptions = { open: model.source, options };
  const node = new AudioWorkletNode(context, "rnnedge", { processorOptions, channelCount: 1, channelCountMode: "explicit" });
  const remote = new Remote(node.port);
  return Object.assign(remote, { node });
}

// A stream in a worker of its own; `stop` ends it.
export function inWorker(model, options = {}) {
  const worker = new Worker(new URL("./rnnedge-worker.js", import.meta.url), { type: "module" });
  worker.postMessage({ open: model.source, options });
  return Object.assign(new Remote(worker), { stop: () => worker.terminate() });
}
