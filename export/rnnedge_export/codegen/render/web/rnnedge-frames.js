// Frames between the caller's arrays, (time, ...) in C order, and those of one call, in the graph's axis order.
import { InputError } from "./rnnedge-errors.js";
import { arrayOf, checkWithin, isArray } from "./rnnedge-numbers.js";

// What a caller gave as one array for each input; throws an InputError that names place, expected and found.
export function checked(given, inputs) {
  const single = inputs.length === 1 && isArray(given);
  const named = single ? { [inputs[0].name]: given } : given;
  if (named === null || typeof named !== "object") throw new InputError("push: expected an array, or arrays by name");
  const unknown = Object.keys(named).find((name) => !inputs.some((port) => port.name === name));
  if (unknown !== undefined) throw new InputError(`push: ${unknown}: expected ${inputs.map((port) => port.name)}`);
  const arrays = inputs.map((port) => converted(named[port.name], port));
  const counts = arrays.map((array, k) => array.length / inputs[k].size);
  if (counts.some((count) => count !== counts[0]))
    throw new InputError(`push: expected equally many frames of each input, found ${counts}`);
  return { arrays, count: counts[0] };
}

function converted(given, { name, dtype, size, range }) {
  const place = (k) => `frame ${Math.floor(k / size)}, feature ${k % size}`;
  const array = arrayOf(given, dtype, `push: ${name}`, place);
  if (array.length % size) throw new InputError(`push: ${name}: expected frames of ${size}, found ${array.length} numbers`);
  checkWithin(array, range, `push: ${name}`, place);
  return array;
}

// Copy `count` frames of `from`, from frame `start` on, to frame `at` of the call's array.
export function put(port, view, from, start, at, count) {
  const { size, frames, outer } = port, inner = size / outer;
  if (outer === 1) return view.set(from.subarray(start * size, (start + count) * size), at * size);
  for (let t = 0; t < count; t++)
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++)
        view[(o * frames + at + t) * inner + i] = from[((start + t) * outer + o) * inner + i];
}

// Zeros in `count` frames of the call's array, from frame `at` on.
export function clear(port, view, at, count) {
  put(port, view, new view.constructor(count * port.size), 0, at, count);
}

// Copy frames `first` to `end` of the call's array to frame `at` of `to`.
export function take(port, view, first, end, to, at) {
  const { size, frames, outer } = port, inner = size / outer;
  if (outer === 1) return to.set(view.subarray(first * size, end * size), at * size);
  for (let t = first; t < end; t++)
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++)
        to[((at + t - first) * outer + o) * inner + i] = view[(o * frames + t) * inner + i];
}
