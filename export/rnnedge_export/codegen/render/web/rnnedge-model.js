// A compiled network. It needs no page: it runs the same in a window, a worker, an AudioWorklet and Node.
import { checkNamed } from "./rnnedge-context.js";
import { InputError, ModelRefused, VerificationError } from "./rnnedge-errors.js";
import { Memory, programOf } from "./rnnedge-memory.js";
import { shown } from "./rnnedge-numbers.js";
import { probabilities } from "./rnnedge-scores.js";
import { Stream } from "./rnnedge-stream.js";

export * from "./rnnedge-errors.js";
export { Stream };

export class Model {
  #spare = [];
  #initial = null;
  #weights = 0;

  // `contract`: NAME.contract.json; `module`: NAME.wasm, compiled or its bytes; `weights`: bytes of NAME.weights, if any.
  constructor(contract, module, weights = null) {
    const compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module);
    const { exports } = new WebAssembly.Instance(compiled);
    this.contract = contract;
    this.memory = new Memory(exports);
    this.program = programOf(exports, this.memory, contract.digest);
    this.source = { contract, module, weights };
    if ((weights?.byteLength ?? 0) !== contract.weightBytes)
      throw new ModelRefused(`weights: expected ${contract.weightBytes} bytes, found ${weights?.byteLength ?? 0}`);
    if (weights) {
      this.#weights = this.memory.allocate(weights.byteLength);
      this.memory.as(Uint8Array).set(bytesIn(weights), this.#weights);
    }
    this.states = contract.states.map((state) => ({ ...state, at: this.memory.allocate(state.bytes) }));
    this.statePointers = this.memory.pointers(this.states.map((state) => state.at));
  }

  // Another sequence; `context`: values per sequence by name, of a network that takes them.
  stream(options = {}) {
    const unknown = options === null || typeof options !== "object" ? options : Object.keys(options).find((k) => k !== "context");
    if (unknown !== undefined) throw new InputError(`stream: expected { context }, found ${String(unknown)}`);
    const { context = {} } = options;
    checkNamed(context);
    const missing = this.states.find((state) => state.context === "required" && !Object.hasOwn(context, state.name));
    if (missing) throw new InputError(`stream: context: expected a value of ${missing.name}; give stream({ context })`);
    return this.#open(context);
  }

  // A context that is not given is that of the example, which the recorded sample was made with.
  #open(context) {
    const place = this.#spare.pop() ?? this.#allocate(), release = () => this.#spare.push(place);
    this.program.init(place.stream, this.#weights);
    this.#initial ??= this.readStates(place.stream);
    try {
      return new Stream(this, place, context, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  #allocate() {
    const { memory, program, contract } = this;
    const array = (one) => memory.allocate(one.bytes);
    const stream = memory.allocate(program.bytes);
    const given = contract.arguments.map(array), found = contract.outputs.map(array);
    return { stream, given, found, inputs: memory.pointers(given), outputs: memory.pointers(found) };
  }

  // Copies of the states as bytes, in the contract's order.
  readStates(stream) {
    this.program.read(stream, this.statePointers);
    return this.states.map(({ at, bytes }) => this.memory.as(Uint8Array).slice(at, at + bytes));
  }

  writeStates(stream, states) {
    states.forEach((bytes, k) => this.memory.as(Uint8Array).set(bytes, this.states[k].at));
    this.program.write(stream, this.statePointers);
  }

  get initial() {
    return this.#initial;
  }

  // Of labels, from what `push` or `finish` gave for an output.
  probabilities(values, name = this.contract.outputs[0].name) {
    const output = this.contract.outputs.find((one) => one.name === name);
    if (!output) throw new InputError(`probabilities: expected the name of an output, found ${shown(name)}`);
    return probabilities(values, output);
  }

  // Replay the recorded sample, whole and frame by frame; throws a VerificationError where the outputs differ.
  verify() {
    const { inputs, outputs, golden } = this.contract;
    if (!golden) return { frames: 0, maxError: 0 };
    const given = Object.fromEntries(inputs.map((port) => [port.name, decoded(golden.inputs[port.name], port)]));
    const count = given[inputs[0].name].length / inputs[0].size;
    let maxError = 0;
    for (const step of [count, 1]) {
      const found = this.#replay(given, count, step);
      for (const port of outputs)
        maxError = Math.max(maxError, worst(port, found[port.name], golden.outputs[port.name], golden.allowed[port.name]));
    }
    return { frames: count, maxError };
  }

  #replay(given, count, step) {
    const { inputs, outputs } = this.contract, stream = this.#open({});
    const part = (at) => inputs.map(({ name, size }) => [name, given[name].subarray(at * size, (at + step) * size)]);
    const parts = [];
    for (let at = 0; at < count; at += step) parts.push(stream.named(stream.push(Object.fromEntries(part(at)))));
    parts.push(stream.named(stream.finish()));
    stream.free();
    return Object.fromEntries(outputs.map(({ name }) => [name, parts.flatMap((one) => Array.from(one[name]))]));
  }
}

// The bytes of an ArrayBuffer, or of a view, which may be of a part of one.
function bytesIn(given) {
  return ArrayBuffer.isView(given) ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength) : new Uint8Array(given);
}

export function decoded(base64, { dtype }) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;
  return { float32: () => new Float32Array(bytes), float64: () => new Float64Array(bytes), int32: () => new Int32Array(bytes),
    int64: () => new BigInt64Array(bytes), bool: () => new Uint8Array(bytes) }[dtype]();
}

// The largest error of an output that is within its bounds.
function worst(port, found, recorded, bounds) {
  const expected = decoded(recorded, port), allowed = decoded(bounds, { dtype: "float64" });
  if (found.length !== expected.length)
    throw new VerificationError(`${port.name}: expected ${expected.length} numbers of the sample, found ${found.length}`);
  return found.reduce((largest, value, k) => {
    const error = Math.abs(Number(value) - Number(expected[k]));
    if (!(error <= allowed[k]))
      throw new VerificationError(`${port.name}: expected ${expected[k]} of the sample, found ${value}; compile again`);
    return Math.max(largest, error);
  }, 0);
}
