// Frames that are not heard: of a file of numbers, or the sample that the network was recorded with.
import { InputError } from "./rnnedge-errors.js";
import { decoded } from "./rnnedge-model.js";
import { arrayOf } from "./rnnedge-numbers.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
// What begins with a letter and is no name: numbers that are none, and what tables say for nothing.
const NAME = /^["'([]*[a-z_]/i, NOTHING = /^[+-]?(nan|inf|infinity|na|n\/a|nat|nu?ll?|none|nil|undefined|missing|true|false)\b/i;

// A text of numbers, one frame a line, between semicolons, tabs, commas or spaces; a first line of names is left out.
export async function framesOfFile(file, { inputs }) {
  if (inputs.length > 1) throw new InputError(`${file.name}: expected a network of one input, found ${inputs.length}`);
  const [{ name, dtype, size }] = inputs;
  const lines = (await file.text()).split(/\r?\n/).map((text, k) => ({ text: text.trim(), k })).filter(({ text }) => text);
  const rows = lines.map(({ text, k }) => ({ cells: cellsOf(text), k }));
  if (rows.length && rows[0].cells.every(isName)) rows.shift();
  for (const { cells, k } of rows) {
    const odd = cells.find((cell) => !NUMBER.test(cell)), found = odd === undefined ? cells.length : JSON.stringify(odd);
    if (odd !== undefined || cells.length !== size)
      throw new InputError(`${file.name}: line ${k + 1}: expected ${size} numbers, found ${found}`);
  }
  const array = arrayOf(rows.flatMap(({ cells }) => cells.map(Number)), dtype, file.name);
  return { arrays: { [name]: array }, frames: rows.length };
}

function cellsOf(text) {
  const between = [";", "\t", ","].find((one) => text.includes(one)) ?? /\s+/;
  return text.split(between).map((cell) => cell.trim());
}

function isName(cell) {
  return NAME.test(cell) && !NOTHING.test(cell);
}

export function sampleOf({ inputs, golden }) {
  const arrays = Object.fromEntries(inputs.map((port) => [port.name, decoded(golden.inputs[port.name], port)]));
  return { arrays, frames: arrays[inputs[0].name].length / inputs[0].size };
}
