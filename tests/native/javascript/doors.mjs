// What is no frame, value per sequence or snapshot, each at a stream that has to be as before: SITE FOLDER.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const [site, folder] = process.argv.slice(2);
const { load } = await import(site);
const model = await load(), frame = [1, 2], throwing = new Proxy([1], { get: () => { throw new RangeError("no"); } });
// Of a part of memory that another thread was given since.
const sent = (one) => (structuredClone(one.buffer, { transfer: [one.buffer] }), one);
const given = { language: [1] }, stream = () => model.stream({ context: given });
const frames = [
  ["1", "2"], [null, 1], [true, false], [[1], [2]], [1n, 2n], [Symbol("a"), 1], new Array(2), [1e39, 1], [NaN, 1],
  new DataView(new ArrayBuffer(8)), new Set(frame), { length: 2 }, throwing, [{ valueOf: () => 1 }, 1], "12", null, 3, [1, 2, 3],
  sent(new Float32Array(2)), sent(new Float64Array(2)), sent(new Float32Array(0)),
];
const languages = [[-1], [4], [1.5], ["1"], [2n ** 64n + 1n], [1e300], [null], [true], [[1]], [], [1, 1], 1, null, "1", new Float32Array([0.5])];
const contexts = [null, undefined, 3, "ab", [1], new Map([["language", [1]]]), { other: [1] }, { toString: [1] }];
const calls = [
  ...frames.map((one) => (to) => to.push(one)),
  ...frames.map((one) => (to) => to.push({ x: one })),
  ...languages.map((one) => (to) => to.setContext({ language: one })),
  ...contexts.map((one) => (to) => to.setContext(one)),
  (to) => to.setContext({ language: [2], other: [1] }),
  ...[null, undefined, 3, "ab", [1, 2], new Float32Array(3), new DataView(new ArrayBuffer(8))].map((one) => () => model.probabilities(one)),
  ...["other", Object.create(null)].map((one) => () => model.probabilities(new Float32Array(2), one)),
  () => model.probabilities(sent(new Float32Array(2))),
  (to) => to.restore(sent(new Uint8Array(9))),
  ...[null, 3, "ab", { context: null }, { other: given }, { context: { language: [9] } }].map((one) => () => model.stream(one)),
  ...readdirSync(folder).filter((name) => name.endsWith(".bad")).map((name) => (to) => to.restore(readFileSync(`${folder}/${name}`))),
];
const same = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)) === 0;

const wrong = [], begun = stream();
begun.push(frame);
const begins = stream().snapshot(), stands = begun.snapshot(), before = model.memory.buffer.byteLength;
for (const call of calls) {
  const first = stream(), later = stream();
  later.restore(stands);
  for (const [one, was] of [[first, begins], [later, stands]]) {
    let said = "nothing";
    try {
      call(one);
    } catch (error) {
      said = error.name;
    }
    if (said !== "InputError" || !same(one.snapshot(), was)) wrong.push(`${call} ${calls.indexOf(call)}: ${said}`);
    one.reset();
    if (!same(one.snapshot(), begins)) wrong.push(`${call} ${calls.indexOf(call)}: the next sequence`);
    one.free();
  }
}
// A stream that could not be made keeps no memory.
for (let k = 0; k < 3000; k++) try { model.stream({ context: { language: [9] } }); } catch { /* refused */ }
const grown = model.memory.buffer.byteLength - before;
// As readFileSync gives it: a part of a larger buffer.
const again = stream();
again.restore(Buffer.from(stands));
const found = [begun, again].map((one) => Array.from(one.push([0, 0])));
writeFileSync(`${folder}/found.json`, JSON.stringify({ wrong, grown, tried: calls.length, found }));
