// Numbers of a caller as an array of a dtype. Nothing is guessed: text, null and lists in lists are no numbers.
import { InputError } from "./rnnedge-errors.js";

export const ARRAYS = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };
const WHOLE = { int32: [-(2n ** 31n), 2n ** 31n - 1n], int64: [-(2n ** 63n), 2n ** 63n - 1n], bool: [0n, 1n] };

// `given`: an array, typed or not. Throws an InputError that begins with `place`, and with `where(k)` for number k.
export function arrayOf(given, dtype, place, where = (k) => `number ${k}`) {
  const kind = ARRAYS[dtype];
  if (!isArray(given)) throw new InputError(`${place}: expected a ${kind.name}`);
  checkHere(given, place);
  const list = given instanceof kind && !isShared(given) ? given : listOf(given, place);
  const bad = dtype === "float32" && list instanceof kind ? firstOdd(list) : list.findIndex((value) => !fits(value, dtype));
  if (bad >= 0) throw new InputError(`${place}: ${where(bad)}: expected ${NAMES[dtype]}, found ${shown(list[bad])}`);
  return list instanceof kind ? list : kind.from(list, dtype === "int64" ? BigInt : Number);
}

export function isArray(given) {
  return Array.isArray(given) || (ArrayBuffer.isView(given) && !(given instanceof DataView));
}

// Throws an InputError for an array whose memory another thread was given: it seems to have no numbers.
export function checkHere(given, place) {
  if (!ArrayBuffer.isView(given) || given.length) return;
  try {
    new Uint8Array(given.buffer);
  } catch {
    throw new InputError(`${place}: expected numbers, found an array whose memory was transferred; send a copy of it`);
  }
}

// Throws an InputError unless every number is one of `range`, [first, last]; null: any. `where(k)` names number k.
export function checkWithin(array, range, place, where = null) {
  const bad = range ? array.findIndex((value) => value < range[0] || value > range[1]) : -1;
  if (bad < 0) return;
  const at = where ? `${place}: ${where(bad)}` : place;
  throw new InputError(`${at}: expected numbers from ${range[0]} to ${range[1]}, found ${array[bad]}`);
}

const NAMES = { float32: "a finite number", int32: "a whole number of 32 bits", int64: "a whole number of 64 bits", bool: "0 or 1" };

// The place of the first number that is not finite, or -1; in the way of every frame.
function firstOdd(array) {
  for (let k = 0; k < array.length; k++) if (!Number.isFinite(array[k])) return k;
  return -1;
}

function fits(value, dtype) {
  if (dtype === "float32") return typeof value === "number" && Number.isFinite(Math.fround(value));
  if (typeof value === "boolean") return dtype === "bool";
  const [least, most] = WHOLE[dtype];
  return (typeof value === "bigint" || Number.isSafeInteger(value)) && value >= least && value <= most;
}

// What another thread may change is looked at once.
function isShared(given) {
  return typeof SharedArrayBuffer !== "undefined" && given.buffer instanceof SharedArrayBuffer;
}

function listOf(given, place) {
  try {
    return ArrayBuffer.isView(given) ? given.slice() : Array.from(given);
  } catch (error) {
    throw new InputError(`${place}: expected an array of numbers, found one that cannot be read (${error.message})`);
  }
}

// What a caller gave, in a message.
export function shown(value) {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return value !== null && typeof value === "object" ? "an object" : String(value);
}
