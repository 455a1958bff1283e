// A stream in bytes, in the layout of Stream.snapshot in Python: each restores what the other one wrote.
//
// The line "rnnedge-snapshot 1", SHA-256 of what follows, the length of the header (8 bytes, little-endian), the header
// in JSON, then the arrays that it lists.
import { framesOf } from "./rnnedge-clock.js";
import { InputError, ModelRefused } from "./rnnedge-errors.js";
import { ARRAYS } from "./rnnedge-memory.js";
import { sha256 } from "./rnnedge-sha256.js";

const MAGIC = bytesOf("rnnedge-snapshot 1\n");
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
    throw new ModelRefused(`restore: belongs to the model ${model}, this one is ${contract.digest}`);
  if (fields.batch !== 1) throw new InputError(`restore: is of batch ${fields.batch}, this stream of 1`);
  for (const state of contract.states) expect(found, `state:${state.name}`, state.dtype, state.shape);
  for (const port of contract.outputs)
    if (!port.perFrame) expect(found, `summary:${port.name}`, port.dtype, [1, ...port.shape]);
  const held = found.get(`rest:${contract.inputs[0].name}`)?.shape[0] ?? 0;
  if (held) for (const port of contract.inputs) expect(found, `rest:${port.name}`, port.dtype, [held, ...port.shape]);
  checkCounts(fields, held, contract);
  return { fields, arrays: found };
}

// An array of a snapshot as numbers.
export function numbers({ dtype, bytes }) {
  return new ARRAYS[dtype](bytes.slice().buffer);
}

function expect(arrays, name, dtype, shape) {
  const one = arrays.get(name), found = one ? `${one.dtype} [${one.shape}]` : "none";
  if (found !== `${dtype} [${shape}]`)
    throw new InputError(`restore: ${name}: expected ${dtype} [${shape}], found ${found}`);
  if (dtype === "float32" && !numbers(one).every(Number.isFinite))
    throw new InputError(`restore: ${name}: holds a NaN or an infinity`);
}

// So many frames make so many calls, as in a stream of this contract.
function checkCounts({ frames, calls, finished, skip }, held, { unit, warmup, outputs }) {
  const clocks = outputs.filter((port) => port.perFrame).map((port) => port.clock), fed = frames - held;
  const counts = [frames, calls, ...(Array.isArray(skip) ? skip : [-1])];
  const whole = counts.every((count) => Number.isSafeInteger(count) && count >= 0) && typeof finished === "boolean";
  const fits =
    finished ||
    (fed >= Math.min(calls, warmup) * unit &&
      (calls >= warmup || fed === calls * unit) &&
      clocks.every((clock, k) => skip[k] === Math.max(0, clock.delay - framesOf(clock, fed))));
  if (!whole || !fits || skip.length !== clocks.length || held >= unit)
    throw new InputError("restore: its counts do not fit each other, or a stream of this network");
}

function parsed(body) {
  const length = new DataView(body.buffer).getUint32(0, true);
  const { model, source, fields, arrays } = JSON.parse(textOf(body.subarray(8, 8 + length)));
  let at = 8 + length;
  const found = arrays.map(([name, dtype, shape]) => {
    const bytes = body.slice(at, (at += WIDTHS[dtype] * shape.reduce((product, size) => product * size, 1)));
    return [name, dtype, shape, bytes];
  });
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
