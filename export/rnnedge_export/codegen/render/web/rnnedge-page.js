// The page: proves the network, opens the microphone or a file, and draws what comes out.
import { Plot } from "./rnnedge-plot.js";
import { framesOfFile, sampleOf } from "./rnnedge-sources.js";

const network = await import(`./${document.body.dataset.network}.js`);
const at = (id) => document.getElementById(id);
const AUDIO_HZ = 3000, USUAL_HZ = 50;
let model = null, plot = null, running = null;

function say(state, text) {
  at("proof").dataset.state = state;
  at("proof").textContent = text;
}

try {
  const began = performance.now();
  model = await network.load({ verify: false });
  const { frames, maxError } = model.verify();
  const took = (performance.now() - began).toFixed(0);
  say("proven", frames ? `proven: ${frames} recorded frames, error ${maxError.toExponential(1)}, ${took} ms` : "no recorded sample");
  plot = new Plot(at("plot"), at("legend"), at("range"), model.contract);
  describe();
  enable();
} catch (error) {
  say("failed", `${error.name}: ${error.message}`);
}

function describe() {
  const { inputs, outputs, frameRateHz, unit, precision } = model.contract;
  const port = ({ name, dtype, shape, perFrame }) => `${name} ${dtype} (${[perFrame ? "time" : 1, ...shape].join(", ")})`;
  const rate = frameRateHz ? `, ${frameRateHz} frames a second` : "";
  const step = unit > 1 ? `, ${unit} frames a step` : "";
  at("facts").textContent = `${inputs.map(port).join(", ")} → ${outputs.map(port).join(", ")}; ${precision}${rate}${step}`;
}

// Whether the frames of the network are samples of one channel.
function hears() {
  const { inputs, frameRateHz } = model.contract;
  return inputs.length === 1 && inputs[0].size === 1 && inputs[0].dtype === "float32" && frameRateHz >= AUDIO_HZ;
}

function enable() {
  at("microphone").hidden = !hears();
  at("microphone").disabled = at("file").disabled = running !== null;
  at("sample").disabled = running !== null || !model.contract.golden;
  at("stop").disabled = running === null;
}

// `start` gives { stream, stop } and makes frames come; errors of it are shown.
async function run(start) {
  plot.clear();
  at("counts").textContent = "";
  try {
    running = { stop() {} };
    enable();
    running = await start();
  } catch (error) {
    running = null;
    say("failed", `${error.name}: ${error.message}`);
  }
  enable();
}

async function stop() {
  const { stream, stop } = running;
  running = null;
  try {
    if (stream) plot.add(named(await stream.finish()));
  } catch {
    // The sequence was empty.
  }
  await stop();
  enable();
}

const named = (found) => (model.contract.outputs.length === 1 ? { [model.contract.outputs[0].name]: found } : found);

function count(frames, gaps) {
  at("counts").textContent = `${frames.toLocaleString("en")} frames` + (gaps === undefined ? "" : `, ${gaps} gaps in the audio`);
}

// Samples from `connect(context, node)` through the audio thread.
async function hear(connect) {
  const context = new AudioContext({ sampleRate: model.contract.frameRateHz });
  const stream = await network.inAudio(model, context);
  stream.onfound = ({ found, frames, gaps, error }) => {
    if (error) return say("failed", `${error.name}: ${error.message}`);
    plot.add(found);
    count(frames, gaps);
  };
  const release = await connect(context, stream.node);
  stream.node.connect(context.destination);
  return { stream, stop: async () => (release(), context.close()) };
}

// Frames at their rate through a worker.
async function feed({ arrays, frames }) {
  const stream = network.inWorker(model), { inputs, unit, frameRateHz } = model.contract;
  const rate = Math.min(frameRateHz ?? USUAL_HZ, 60 * unit), began = performance.now();
  let sent = 0, timer = 0;
  const tick = async () => {
    const due = Math.min(frames, Math.floor(((performance.now() - began) / 1000) * rate));
    if (due > sent) {
      const part = inputs.map(({ name, size }) => [name, arrays[name].slice(sent * size, due * size)]);
      sent = due;
      try {
        plot.add(named(await stream.push(Object.fromEntries(part))));
      } catch (error) {
        say("failed", `${error.name}: ${error.message}`);
        sent = frames;
      }
      count(sent);
    }
    if (sent < frames) timer = setTimeout(tick, 15);
    else if (running) stop();
  };
  timer = setTimeout(tick, 15);
  return { stream, stop: () => (clearTimeout(timer), stream.stop()) };
}

at("microphone").onclick = () =>
  run(async () => {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const media = await navigator.mediaDevices.getUserMedia({ audio: plain });
    return hear(async (context, node) => {
      context.createMediaStreamSource(media).connect(node);
      return () => media.getTracks().forEach((track) => track.stop());
    });
  });

at("file").onchange = () =>
  run(async () => {
    const [file] = at("file").files;
    at("file").value = "";
    if (!hears()) return feed(await framesOfFile(file, model.contract));
    return hear(async (context, node) => {
      const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(await file.arrayBuffer()) });
      source.connect(node);
      source.connect(context.destination);
      source.onended = () => running && stop();
      source.start();
      return () => source.stop();
    });
  });

at("sample").onclick = () => run(() => feed(sampleOf(model.contract)));
at("stop").onclick = stop;
