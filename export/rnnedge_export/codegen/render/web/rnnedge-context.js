// Values per sequence, which a caller gives by name.
import { InputError } from "./rnnedge-errors.js";
import { arrayOf, checkWithin } from "./rnnedge-numbers.js";

// Throws an InputError unless `context` is a plain object: a Map or an array has no names that are seen here.
export function checkNamed(context) {
  if (context === null || typeof context !== "object" || Symbol.iterator in context || ArrayBuffer.isView(context))
    throw new InputError("context: expected an object of arrays by name");
}

// The bytes of every value, by name; throws an InputError where one is not of the `states` of a contract.
export function contextBytes(context, states) {
  checkNamed(context);
  const known = states.filter((state) => state.context), found = new Map();
  for (const [name, given] of Object.entries(context)) {
    const state = known.find((one) => one.name === name), place = `context: ${name}`;
    if (!state) throw new InputError(`${place}: expected one of [${known.map((one) => one.name)}]`);
    const array = arrayOf(given, state.dtype, place);
    if (array.byteLength !== state.bytes)
      throw new InputError(`${place}: expected ${state.shape.join(" x ")} numbers, found ${array.length}`);
    checkWithin(array, state.range, place);
    found.set(name, new Uint8Array(array.slice().buffer));
  }
  return found;
}
