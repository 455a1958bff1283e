// Stream the sequences of FOLDER/plan.json in every way that a page may, and write what came out to FOLDER/out.bin.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8")), raw = readFileSync(join(folder, "in.bin"));
const { load, InputError, VerificationError, Model } = await import(plan.module);
const kinds = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };
const told = [], numbers = [], saved = [];

// Arrays of a sequence by the name of its input.
let start = 0;
for (const sequence of plan.sequences)
  for (const [name, { dtype, bytes }] of Object.entries(sequence.inputs))
    sequence.inputs[name] = new kinds[dtype](new Uint8Array(raw.subarray(start, (start += bytes))).buffer);

function expect(holds, text) {
  if (!holds) throw new VerificationError(text);
}

function refuses(call, kind, text) {
  try {
    call();
  } catch (error) {
    return expect(error instanceof kind, `${text}: expected an ${kind.name}, found ${error}`);
  }
  expect(false, `${text}: expected an ${kind.name}, found none`);
}

// What a stream gave, kept for a road; `end` writes it down.
class Kept {
  constructor(road, sequence, stream) {
    Object.assign(this, { road, sequence, stream, found: {} });
  }

  add(given) {
    for (const [name, array] of Object.entries(this.stream.named(given))) (this.found[name] ??= []).push(Float64Array.from(array, Number));
    return this;
  }

  push(from, to) {
    return this.add(this.stream.push(cut(this.stream, this.sequence, from, to)));
  }

  over(cuts) {
    for (let k = 1; k < cuts.length; k++) this.push(cuts[k - 1], cuts[k]);
    return this;
  }

  end() {
    this.add(this.stream.finish());
    for (const [name, parts] of Object.entries(this.found)) {
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      told.push({ road: this.road, sequence: plan.sequences.indexOf(this.sequence), name, length });
      numbers.push(...parts);
    }
    return this;
  }
}

function cut(stream, { inputs }, from, to) {
  return Object.fromEntries(sizes.map(({ name, size }) => [name, inputs[name].subarray(from * size, to * size)]));
}

let sizes;

async function run(vectors) {
  const model = await load({ vectors }), [usual] = plan.sequences, { cuts, length } = usual, middle = cuts[2];
  sizes = model.contract.inputs;
  const road = (name) => `${name}, ${vectors ? "with" : "without"} vectors`;
  const opened = (name, sequence = usual) => new Kept(road(name), sequence, model.stream({ context: sequence.context }));
  for (const sequence of plan.sequences) opened("cuts", sequence).over(sequence.cuts).end();

  // Two streams beside each other, while memory grows, and frames that are refused.
  const one = opened("beside another"), other = opened("behind another").push(0, 1);
  for (let k = 1; k < cuts.length; k++) {
    one.push(cuts[k - 1], cuts[k]);
    for (const { name, value } of plan.odd) {
      const frames = cut(one.stream, usual, 0, 2 * model.contract.unit), array = frames[name].slice();
      array[array.length - 1] = array instanceof BigInt64Array ? BigInt(value) : Number(value);
      refuses(() => one.stream.push({ ...frames, [name]: array }), InputError, `${name}: ${value}`);
    }
    expect(one.stream.frames === cuts[k], `frames: expected ${cuts[k]}, found ${one.stream.frames}`);
    for (let before = model.memory.buffer, n = 0; k === 2 && before === model.memory.buffer && n < 4096; n++) model.stream({ context: usual.context });
  }
  other.push(1, middle).push(middle, length).end();
  one.end();

  // After an end, a reset with frames that wait, and in memory that was another stream's.
  for (const call of ["push", "finish"]) refuses(() => one.stream[call](cut(one.stream, usual, 0, 1)), InputError, call);
  one.stream.reset();
  one.stream.push(cut(one.stream, usual, 0, middle));
  one.stream.reset();
  new Kept(road("after a reset"), usual, one.stream).over(cuts).end().stream.free();
  opened("in the place of another").over([0, middle, length]).end();
  for (const sequence of plan.sequences.filter((each) => Object.keys(each.context).length)) {
    const set = opened("values set", usual);
    set.stream.setContext(sequence.context);
    set.push(0, 1).stream.reset();
    new Kept(road("values set"), sequence, set.stream).over(sequence.cuts).end();
  }

  // From a stream to another one, early and late, and from Python.
  const early = opened("early snapshot").push(0, 1), there = opened("elsewhere").push(0, middle).stream;
  there.restore(early.stream.snapshot());
  early.stream = there;
  early.push(1, length).end();
  const whole = opened("snapshot at the end", plan.sequences.at(-1)), last = opened("elsewhere", whole.sequence).push(0, 1).stream;
  last.restore(whole.push(0, whole.sequence.length).stream.snapshot());
  whole.stream = last;
  whole.end();
  const first = opened("snapshot").push(0, middle), second = opened("elsewhere").push(0, cuts[1]).stream;
  second.restore(first.stream.snapshot());
  saved.push(Buffer.from(first.stream.snapshot()).toString("base64"));
  first.stream = second;
  first.push(middle, length).end();
  const python = opened("snapshot of Python");
  python.stream.restore(new Uint8Array(Buffer.from(plan.snapshot, "base64")));
  for (const [name, values] of Object.entries(plan.before)) python.found[name] = [Float64Array.from(values)];
  python.push(middle, length).end();

  // A sample of other numbers, and what values of labels are.
  const { golden } = model.contract, { module, weights } = model.source;
  if (golden) {
    const outputs = Object.fromEntries(Object.entries(golden.allowed).map(([name]) => [name, shifted(golden.outputs[name])]));
    const wrong = new Model({ ...model.contract, golden: { ...golden, outputs } }, module, weights);
    refuses(() => wrong.verify(), VerificationError, "a sample of other numbers");
  }
  for (const [scores, expected] of Object.entries(plan.probabilities)) {
    const outputs = model.contract.outputs.map((port) => ({ ...port, scores }));
    const found = Array.from(new Model({ ...model.contract, outputs }, module, weights).probabilities(Float32Array.from(plan.values)));
    const apart = Math.max(0, ...found.map((p, k) => Math.abs(p - expected[k])));
    expect(found.length === expected.length && apart < 1e-6, `probabilities of ${scores}: off by ${apart}`);
  }
}

// The same array with its first byte changed most.
function shifted(text) {
  const bytes = Buffer.from(text, "base64");
  for (let k = 0; k < bytes.length; k++) bytes[k] ^= k % 4 === 3 ? 0x08 : 0;
  return bytes.toString("base64");
}

await run(true);
await run(false);
const all = new Float64Array(numbers.reduce((sum, part) => sum + part.length, 0));
numbers.reduce((at, part) => (all.set(part, at), at + part.length), 0);
writeFileSync(join(folder, "out.bin"), new Uint8Array(all.buffer));
writeFileSync(join(folder, "out.json"), JSON.stringify({ told, saved }));
