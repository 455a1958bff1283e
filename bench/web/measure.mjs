// Time one call of every network in plan.json, ours and onnxruntime-web's in turns, and post the least of each.
import * as ort from "./ort.wasm.min.mjs";

const ROUNDS = 30, OURS = 300, THEIRS = 100, COMPARED = 200;

async function timed(work) {
  const begun = performance.now();
  const made = await work();
  return [performance.now() - begun, made];
}

// A session as a stream: states go round, and those that are held stay at zero for their first calls.
async function theirStream({ name, input, shape, output }, states) {
  const session = await ort.InferenceSession.create(`./${name}.onnx`, { executionProviders: ["wasm"] });
  const zeros = (s) => new ort.Tensor("float32", new Float32Array(s.bytes / 4), s.shape);
  const feeds = Object.fromEntries(states.map((s) => [s.name, zeros(s)]));
  const next = session.outputNames.slice(-states.length);
  let calls = 0;
  return async (x) => {
    feeds[input] = new ort.Tensor("float32", x, shape);
    const found = await session.run(feeds);
    calls++;
    states.forEach((s, k) => s.warmup >= calls || (feeds[s.name] = found[next[k]]));
    return found[output].data;
  };
}

async function measure(plan) {
  const { load } = await import(`./${plan.name}/net.js`);
  const x = () => Float32Array.from({ length: plan.size }, () => Math.random() - 0.5);
  const [ourFirst, stream] = await timed(async () => {
    const one = (await load()).stream();
    one.push(x());
    return one;
  });
  stream.reset();
  const contract = await (await fetch(`./${plan.name}/net.contract.json`)).json();
  const [theirFirst] = await timed(async () => (await theirStream(plan, contract.states))(x()));
  const run = await theirStream(plan, contract.states);
  let apart = 0;
  for (let k = 0; k < COMPARED; k++) {
    const one = x(), ours = stream.push(one), theirs = await run(one);
    ours.forEach((value, i) => (apart = Math.max(apart, Math.abs(value - theirs[theirs.length - ours.length + i]))));
  }
  let ours = Infinity, theirs = Infinity;
  const one = x();
  for (let round = 0; round < ROUNDS; round++) {
    const [a] = await timed(async () => { for (let k = 0; k < OURS; k++) stream.push(one); });
    const [b] = await timed(async () => { for (let k = 0; k < THEIRS; k++) await run(one); });
    ours = Math.min(ours, (1000 * a) / OURS);
    theirs = Math.min(theirs, (1000 * b) / THEIRS);
  }
  return { ourFirst, theirFirst, ours, theirs, apart };
}

const answer = {};
try {
  ort.env.wasm.numThreads = 1;
  for (const plan of await (await fetch("plan.json")).json()) answer[plan.name] = await measure(plan);
} catch (error) {
  answer.error = `${error.stack}`;
}
await fetch("result", { method: "POST", body: JSON.stringify(answer) });
