// Listen to the microphone in the audio thread for some seconds, and post what was heard and what was found.
import { inAudio, load } from "./net.js";

const SECONDS = Number(new URLSearchParams(location.search).get("seconds"));

async function listen() {
  const model = await load();
  const context = new AudioContext({ sampleRate: model.contract.frameRateHz });
  const stream = await inAudio(model, context);
  const heard = [], y = [];
  let gaps = 0, failed = null;
  stream.onfound = (message) => {
    if (message.error) failed = message.error.message;
    else {
      heard.push(...message.found.heard);
      y.push(...message.found.y);
      gaps = message.gaps;
    }
  };
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  context.createMediaStreamSource(media).connect(stream.node).connect(context.destination);
  await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS));
  await context.suspend();
  if (failed) throw new Error(failed);
  return { heard, y, gaps };
}

const answer = await listen().catch((error) => ({ error: `${error}` }));
await fetch("result", { method: "POST", body: JSON.stringify(answer) });
