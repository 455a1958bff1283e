// The network ${name}: `const model = await load()`, `const stream = model.stream()`, `stream.push(frames)`.
import { open } from "./rnnedge-open.js";

export * from "./rnnedge-model.js";
export { inAudio, inWorker } from "./rnnedge-threads.js";

export const load = (options) => open("${name}", import.meta.url, options);
