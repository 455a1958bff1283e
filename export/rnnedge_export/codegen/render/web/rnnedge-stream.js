// One sequence in progress: frames in, frames out, as Stream of the runtime for Python.
import { completeAfter, framesOf, place, validOf, wholeLength } from "./rnnedge-clock.js";
import { contextBytes } from "./rnnedge-context.js";
import { InputError } from "./rnnedge-errors.js";
import { checked, clear, put, take } from "./rnnedge-frames.js";
import { ARRAYS } from "./rnnedge-numbers.js";
import { Outputs } from "./rnnedge-outputs.js";
import { copied, fitted, numbers, pack } from "./rnnedge-snapshot.js";

export class Stream {
  #model;
  #place;
  #contract;
  #release;
  #context = new Map();
  #buffer = null;
  #views;
  #frames = 0;
  #held = 0;
  #calls = 0;
  #skip;
  #finished = false;
  // Whether states were written from outside, so that the program no longer counts the first calls itself.
  #written = false;

  // Made by Model.stream.
  constructor(model, at, context, release) {
    [this.#model, this.#place, this.#contract, this.#release] = [model, at, model.contract, release];
    this.reset();
    if (Object.keys(context).length) this.setContext(context);
  }

  // How many frames were pushed since the start or the last reset.
  get frames() {
    return this.#frames;
  }

  get finished() {
    return this.#finished;
  }

  // Take the next frames, return the output frames that became computable, possibly none.
  push(frames) {
    this.#checkOpen("push");
    const { arrays, count } = checked(frames, this.#contract.inputs);
    return this.#wholly(() => this.#shaped(this.#run(arrays, count)));
  }

  // End the sequence and return what only its end completes: frames held back, and summaries.
  finish() {
    this.#checkOpen("finish");
    if (!this.#frames) throw new InputError("finish: the sequence is empty; push at least one frame first");
    return this.#wholly(() => this.#end());
  }

  // Forget the sequence and begin another one; a context stays.
  reset() {
    this.#checkFree();
    const { outputs } = this.#contract;
    this.#model.program.reset(this.#place.stream);
    [this.#frames, this.#held, this.#calls, this.#finished, this.#written] = [0, 0, 0, false, false];
    this.#skip = outputs.map((port) => (port.perFrame ? port.clock.delay : 0));
    this.#arrays().outputs.forEach((view) => view.fill(view instanceof BigInt64Array ? 0n : 0));
    if (this.#context.size) this.#apply();
  }

  // Change values per sequence, from the next call on.
  setContext(context) {
    this.#checkFree();
    const found = contextBytes(context, this.#contract.states);
    for (const [name, bytes] of found) this.#context.set(name, bytes);
    this.#apply();
  }

  // Where the stream stands, as the bytes that Stream.restore takes, here and in Python.
  snapshot() {
    this.#checkFree();
    const { states, outputs, inputs, digest, source } = this.#contract, { inputs: given, outputs: found } = this.#arrays();
    const arrays = this.#model.readStates(this.#place.stream).map((bytes, k) => {
      return [`state:${states[k].name}`, states[k].dtype, states[k].shape, bytes];
    });
    outputs.forEach((port, k) => {
      if (!port.perFrame) arrays.push([`summary:${port.name}`, port.dtype, [1, ...port.shape], copied(found[k])]);
    });
    inputs.forEach((port, k) => {
      if (!this.#held) return;
      const rest = new ARRAYS[port.dtype](this.#held * port.size);
      take(port, given[k], 0, this.#held, rest, 0);
      arrays.push([`rest:${port.name}`, port.dtype, [this.#held, ...port.shape], copied(rest)]);
    });
    const skip = this.#skip.filter((_, k) => outputs[k].perFrame);
    const fields = { batch: 1, frames: this.#frames, calls: this.#calls, finished: this.#finished, skip };
    return pack(digest, source, fields, arrays);
  }

  // Go on where another stream stood; throws and changes nothing where the snapshot does not fit.
  restore(data) {
    this.#checkFree();
    const { states, outputs, inputs } = this.#contract, { arrays, fields } = fitted(data, this.#contract);
    const { skip, frames, calls, finished } = fields;
    this.#model.writeStates(this.#place.stream, states.map((state) => arrays.get(`state:${state.name}`).bytes));
    const views = this.#arrays(), perFrame = [...skip];
    outputs.forEach((port, k) => {
      if (!port.perFrame) views.outputs[k].set(numbers(arrays.get(`summary:${port.name}`)));
    });
    this.#held = arrays.get(`rest:${inputs[0].name}`)?.shape[0] ?? 0;
    inputs.forEach((port, k) => {
      if (this.#held) put(port, views.inputs[k], numbers(arrays.get(`rest:${port.name}`)), 0, 0, this.#held);
    });
    [this.#frames, this.#calls, this.#finished, this.#written] = [frames, calls, finished, true];
    this.#skip = outputs.map((port) => (port.perFrame ? perFrame.shift() : 0));
    for (const state of states) if (state.context) this.#context.set(state.name, arrays.get(`state:${state.name}`).bytes);
  }

  // Give its memory to the next stream of the model; the stream can no longer be used.
  free() {
    this.#checkFree();
    this.#release();
    this.#place = null;
  }

  // What push or finish returned by name, also where there is one output only.
  named(found) {
    const { outputs } = this.#contract;
    return outputs.length === 1 ? { [outputs[0].name]: found } : found;
  }

  #end() {
    const total = wholeLength(this.#contract, this.#frames), fed = this.#frames - this.#held;
    const end = completeAfter(this.#contract, fed, total);
    const out = new Outputs(this.#contract.outputs, (end - fed) / this.#contract.unit), found = Object.create(null);
    this.#sum(found, fed, total, fed === end);
    for (let at = fed; at < end; at += this.#contract.unit) {
      this.#clear();
      this.#call(out, at, total);
      this.#sum(found, at + this.#contract.unit, total, at + this.#contract.unit === end);
    }
    this.#finished = true;
    return this.#shaped({ ...out.arrays(), ...found });
  }

  #run(arrays, count) {
    const { unit, inputs } = this.#contract, out = new Outputs(this.#contract.outputs, Math.floor((this.#held + count) / unit));
    for (let at = 0; at < count; ) {
      const taken = Math.min(unit - this.#held, count - at), views = this.#arrays().inputs;
      inputs.forEach((port, k) => put(port, views[k], arrays[k], at, this.#held, taken));
      this.#held += taken;
      this.#frames += taken;
      at += taken;
      if (this.#held === unit) this.#call(out, this.#frames - unit, null);
    }
    return out.arrays();
  }

  // Run the frames in the call's arrays; `fed` input frames went before, `total` is null while the sequence goes on.
  #call(out, fed, total) {
    const { cursors } = this.#contract, { program } = this.#model, views = this.#arrays();
    cursors.forEach((cursor, k) => place(cursor, views.cursors[k], fed, total));
    if (program.step(this.#place.stream, this.#place.inputs, this.#place.outputs))
      throw new InputError(`push: frame ${fed}: a number names no row of its table`);
    this.#held = 0;
    this.#calls++;
    if (this.#written) this.#hold();
    out.take(views.outputs, this.#skip, fed, total);
  }

  // The first calls bring only frames before frame 0: states stay as they were at first, each for its `warmup`.
  #hold() {
    const { states, warmup } = this.#contract;
    if (this.#calls > warmup) return;
    const found = this.#model.readStates(this.#place.stream);
    const held = found.map((bytes, k) => (this.#calls <= states[k].warmup ? this.#model.initial[k] : bytes));
    this.#model.writeStates(this.#place.stream, held);
  }

  #apply() {
    const found = this.#model.readStates(this.#place.stream);
    const states = this.#contract.states.map((state, k) => this.#context.get(state.name) ?? found[k]);
    this.#model.writeStates(this.#place.stream, states);
    this.#written = true;
  }

  // Summaries whose last frame came with the call just made; at the end, all of them.
  #sum(found, fed, total, ended) {
    this.#contract.outputs.forEach((port, k) => {
      if (port.perFrame) return;
      const last = validOf(port.clock, total) - 1 + port.clock.delay;
      if (last < framesOf(port.clock, fed) || ended) found[port.name] ??= this.#arrays().outputs[k].slice();
    });
  }

  // Zeros after the frames that wait.
  #clear() {
    const { inputs, unit } = this.#contract, views = this.#arrays().inputs;
    inputs.forEach((port, k) => clear(port, views[k], this.#held, unit - this.#held));
  }

  #shaped(found) {
    return this.#contract.outputs.length === 1 ? found[this.#contract.outputs[0].name] : found;
  }

  // The arrays of one call; memory that grows takes the old views away.
  #arrays() {
    const { memory } = this.#model;
    if (this.#buffer === memory.buffer) return this.#views;
    this.#buffer = memory.buffer;
    const { given, found } = this.#place, contract = this.#contract;
    const view = ({ dtype, bytes }, at) => memory.view(dtype, at, bytes / ARRAYS[dtype].BYTES_PER_ELEMENT);
    const all = new Map(contract.arguments.map((one, k) => [one.name, view(one, given[k])]));
    this.#views = {
      inputs: contract.inputs.map(({ name }) => all.get(name)),
      cursors: contract.cursors.map(({ name }) => all.get(name)),
      outputs: contract.outputs.map((port, k) => view(port, found[k])),
    };
    return this.#views;
  }

  // `call` happens whole, or not at all.
  #wholly(call) {
    const undo = this.#model.program.refuses ? this.#mark() : null;
    try {
      return call();
    } catch (error) {
      undo?.();
      throw error;
    }
  }

  // What puts the stream back where it is now.
  #mark() {
    const bytes = () => this.#model.memory.as(Uint8Array), { stream } = this.#place;
    const kept = bytes().slice(stream, stream + this.#model.program.kept), { inputs, outputs } = this.#arrays();
    const copies = [...inputs, ...outputs].map((view) => view.slice());
    const fields = [this.#frames, this.#held, this.#calls], skip = [...this.#skip];
    return () => {
      bytes().set(kept, stream);
      const views = this.#arrays();
      [...views.inputs, ...views.outputs].forEach((view, k) => view.set(copies[k]));
      [this.#frames, this.#held, this.#calls] = fields;
      this.#skip = skip;
    };
  }

  #checkFree() {
    if (!this.#place) throw new InputError("stream: it was freed; make another one");
  }

  #checkOpen(what) {
    this.#checkFree();
    if (this.#finished) throw new InputError(`${what}: the sequence is finished; call reset() to start the next one`);
  }
}
