// Frames that are not heard: of a file of numbers, or the sample that the network was recorded with.
import { InputError } from "./rnnedge-errors.js";
import { arrayOf } from "./rnnedge-memory.js";
import { decoded } from "./rnnedge-model.js";

// A text of numbers, one frame a line, between commas, tabs, semicolons or spaces; a first line of names is left out.
export async function framesOfFile(file, { inputs }) {
  if (inputs.length > 1) throw new InputError(`${file.name}: expected a network of one input, found ${inputs.length}`);
  const [{ name, dtype, size }] = inputs;
  const lines = (await file.text()).split(/\r?\n/).filter((line) => line.trim());
  const rows = lines.map((line) => line.trim().split(/[,;\s]+/).map(Number));
  if (rows.length && rows[0].some(Number.isNaN)) rows.shift();
  const bad = rows.findIndex((row) => row.length !== size || row.some(Number.isNaN));
  if (bad >= 0) throw new InputError(`${file.name}: row ${bad + 1}: expected ${size} numbers, found ${rows[bad].length}`);
  const flat = rows.flat();
  return { arrays: { [name]: arrayOf(dtype, flat) }, frames: rows.length };
}

export function sampleOf({ inputs, golden }) {
  const arrays = Object.fromEntries(inputs.map((port) => [port.name, decoded(golden.inputs[port.name], port)]));
  return { arrays, frames: arrays[inputs[0].name].length / inputs[0].size };
}
