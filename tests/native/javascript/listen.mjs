// Play samples.bin through the audio thread and through a worker, and post the outputs of both.
import { inAudio, inWorker, load } from "./net.js";

async function listen() {
  const model = await load(), { frameRateHz } = model.contract;
  const samples = new Float32Array(await (await fetch("samples.bin")).arrayBuffer());
  const context = new OfflineAudioContext(1, samples.length, frameRateHz);
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: frameRateHz });
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer }), stream = await inAudio(model, context);
  const audio = [], heard = { gaps: 0, messages: 0 };
  stream.onfound = ({ found, gaps, error }) => {
    if (error) throw new Error(error.message);
    audio.push(...found.y);
    heard.gaps = gaps;
    heard.messages++;
  };
  source.connect(stream.node).connect(context.destination);
  source.start();
  await context.startRendering();
  const snapshot = await stream.snapshot();
  audio.push(...(await stream.finish()));

  const remote = inWorker(model), worker = [...(await remote.push(samples)), ...(await remote.finish())];
  const refused = await remote.push(samples).then(() => "", (error) => `${error.name}: ${error.message}`);
  remote.stop();
  return { audio, worker, refused, ...heard, snapshot: Array.from(snapshot) };
}

const answer = await listen().catch((error) => ({ error: `${error}` }));
await fetch("result", { method: "POST", body: JSON.stringify(answer) });
