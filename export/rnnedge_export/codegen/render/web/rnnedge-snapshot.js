// A stream in bytes, in the layout of Stream.snapshot in Python: each restores what the other one wrote.
//
// The line "rnnedge-snapshot 1", SHA-256 of what follows, the length of the header (8 bytes, little-endian), the header
// in JSON, then the arrays that it lists.
import { framesOf } from "./rnnedge-clock.js";
import { InputError, ModelRefused } from "./rnnedge-errors.js";
import { ARRAYS, checkHere, checkWithin } from "./rnnedge-numbers.js";
import { sha256 } from "./rnnedge-sha256.js";

const MAGIC = bytesOf("rnnedge-snapshot 1\n");
const FIELDS = "batch,calls,finished,frames,skip";
const WIDTHS = { float32: 4, float16: 2, float64: 8, int64: 8, int32: 4, bool: 1 };

// `arrays`: [name, dtype, shape, bytes] of each.
export function pack(model, source, fields, arrays) {
  const header = bytesOf(json({ model, source, fields, arrays: arrays.map(([name, dtype, shape]) => [name, dtype, shape]) }));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, header.length, true);
  const body = joined([length, header, ...arrays.map((array) => array[3])]);
  return joined([MAGIC, sha256(body), body]);
}

function unpack(data) {
  if (!(data instanceof Uint8Array)) throw new InputError("restore: expected the Uint8Array of a snapshot");
  checkHere(data, "restore");
  // A Buffer of Node may be a part of a larger one, and its slices too.
  data = new Uint8Array(data);
  const start = MAGIC.length + 32;
  if (!same(data.subarray(0, MAGIC.length), MAGIC))
    throw new InputError("restore: not a snapshot of a stream, or of another version");
  const body = data.slice(start);
  if (!same(sha256(body), data.subarray(MAGIC.length, start)))
    throw new InputError("restore: damaged (its checksum does not fit); use an older one");
  try {
    return parsed(body);
  } catch (error) {
    throw new InputError(`restore: damaged (${error.message}); use an older one`);
  }
}

// The fields of a snapshot, and its arrays by name, if it is of this model and of a stream of this contract.
export function fitted(data, contract) {
  const { model, source, fields, arrays } = unpack(data);
  const found = new Map(arrays.map(([name, dtype, shape, bytes]) => [name, { dtype, shape, bytes }]));
  if (model !== contract.digest && !(source && source === contract.source))
    throw new ModelRefused(`restore: belongs to the model ${String(model).slice(0, 64)}, this one is ${contract.digest}`);
  if (Object.keys(fields).sort().join() !== FIELDS) throw new InputError(`restore: expected the fields ${FIELDS}`);
  if (fields.batch !== 1) throw new InputError(`restore: is of batch ${fields.batch}, this stream of 1`);
  const held = found.get(`rest:${contract.inputs[0].name}`)?.shape[0] ?? 0;
  checkCounts(fields, held, contract);
  for (const state of contract.states) {
    const name = `state:${state.name}`;
    expect(found, name, state.dtype, state.shape, kindOf(state, fields.skip, contract));
    checkWithin(numbers(found.get(name)), state.range, `restore: ${name}`);
  }
  const summaries = contract.states.every((state) => state.finite) ? "finite" : "a number";
  for (const port of contract.outputs)
    if (!port.perFrame) expect(found, `summary:${port.name}`, port.dtype, [1, ...port.shape], summaries);
  const others = arrays.find(([name]) => /^(state|summary):/.test(name) && !isKnown(name, contract));
  if (others) throw new InputError(`restore: ${others[0].slice(0, 64)}: this stream has no such array`);
  if (held)
    for (const port of contract.inputs) {
      expect(found, `rest:${port.name}`, port.dtype, [held, ...port.shape], "finite");
      checkWithin(numbers(found.get(`rest:${port.name}`)), port.range, `restore: rest:${port.name}`);
    }
  return { fields, arrays: found };
}

function isKnown(name, { states, outputs }) {
  const summaries = outputs.filter((port) => !port.perFrame).map((port) => `summary:${port.name}`);
  return [...states.map((state) => `state:${state.name}`), ...summaries].includes(name);
}

// What a state has to be, as in Python: one that begins with an infinity has it for a while, and what waits behind a
// delay may be anything.
function kindOf(state, skip, { warmup }) {
  if (skip.some((count) => count) && warmup && !state.warmup && !state.context) return "anything";
  return state.finite ? "finite" : "a number";
}

// An array of a snapshot as numbers.
export function numbers({ dtype, bytes }) {
  return new ARRAYS[dtype](bytes.slice().buffer);
}

// The bytes of an array, as a snapshot holds them.
export function copied(view) {
  return new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function expect(arrays, name, dtype, shape, kind) {
  const one = arrays.get(name), found = one ? `${one.dtype} [${one.shape}]` : "none";
  if (found !== `${dtype} [${shape}]`)
    throw new InputError(`restore: ${name}: expected ${dtype} [${shape}], found ${found}`);
  const odd = (value) => Number.isNaN(value) || (kind === "finite" && !Number.isFinite(value));
  if (dtype === "float32" && kind !== "anything" && numbers(one).some(odd))
    throw new InputError(`restore: ${name}: holds a NaN or an infinity`);
}

// So many frames make so many calls, as in a stream of this contract.
function checkCounts({ frames, calls, finished, skip }, held, { unit, warmup, outputs }) {
  const clocks = outputs.filter((port) => port.perFrame).map((port) => port.clock), fed = frames - held;
  const counts = [frames, calls, ...(Array.isArray(skip) ? skip : [-1])];
  const whole = counts.every(isCount) && typeof finished === "boolean";
  const fits = () =>
    finished ||
    (fed >= Math.min(calls, warmup) * unit &&
      (calls >= warmup || fed === calls * unit) &&
      clocks.every((clock, k) => skip[k] === Math.max(0, clock.delay - framesOf(clock, fed))));
  if (!whole || skip.length !== clocks.length || held >= unit || !fits())
    throw new InputError("restore: its counts do not fit each other, or a stream of this network");
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

function parsed(body) {
  const length = new DataView(body.buffer).getUint32(0, true);
  const { model, source, fields, arrays } = JSON.parse(textOf(body.subarray(8, 8 + length)));
  if (fields === null || typeof fields !== "object") throw new Error("its fields");
  let at = 8 + length;
  const found = arrays.map(([name, dtype, shape]) => {
    if (!(dtype in WIDTHS) || !shape.every(isCount)) throw new Error("its arrays");
    const bytes = body.slice(at, (at += WIDTHS[dtype] * shape.reduce((product, size) => product * size, 1)));
    return [name, dtype, shape, bytes];
  });
  const flags = found.filter(([, dtype]) => dtype === "bool").flatMap(([, , , bytes]) => [...bytes]);
  if (flags.some((byte) => byte > 1)) throw new Error("its truth values");
  if (at !== body.length) throw new Error("its length");
  return { model, source, fields, arrays: found };
}

// An AudioWorklet has neither TextEncoder nor TextDecoder; Python writes its JSON in ASCII, too.
function json(value) {
  return JSON.stringify(value).replace(/[^\x00-\x7f]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function bytesOf(text) {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function textOf(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function same(one, other) {
  return one.length === other.length && one.every((byte, k) => byte === other[k]);
}
