// What the values of labels are: probabilities, or what makes such of them.
import { InputError } from "./rnnedge-errors.js";
import { checkHere } from "./rnnedge-numbers.js";

// Of an output whose `scores` are "softmax" or "sigmoid", and `size` values a frame; those of any other as they are.
export function probabilities(values, { name, scores, size }) {
  const length = ArrayBuffer.isView(values) ? values.length : undefined;
  // A DataView has no length.
  if (length === undefined || length % size) throw new InputError(`${name}: expected an array of ${size} values a frame`);
  checkHere(values, name);
  if (scores === "sigmoid") return Float64Array.from(values, (x) => 1 / (1 + Math.exp(-Number(x))));
  const found = Float64Array.from(values, Number);
  for (let at = 0; scores === "softmax" && at < length; at += size) {
    const row = found.subarray(at, at + size), most = row.reduce((one, other) => Math.max(one, other));
    row.forEach((x, k) => (row[k] = Math.exp(x - most)));
    const sum = row.reduce((one, other) => one + other, 0);
    row.forEach((e, k) => (row[k] = e / sum));
  }
  return found;
}
