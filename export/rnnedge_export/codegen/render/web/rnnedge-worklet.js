// The network inside the audio thread: quanta of 128 samples go in, outputs leave as messages.
import { answer, openStream } from "./rnnedge-port.js";

class StreamProcessor extends AudioWorkletProcessor {
  #stream;
  #next = null;
  #gaps = 0;
  #failed = false;

  constructor({ processorOptions: { open, options } }) {
    super();
    this.#stream = openStream(open, options);
    this.#failed = Boolean(this.#stream.failed);
    this.port.onmessage = ({ data }) => {
      // The sequence is over when its caller says so; samples that still come belong to no other one.
      if (data.call === "finish") this.#failed = true;
      if (data.call === "reset" || data.call === "restore") this.#failed = Boolean(this.#stream.failed);
      answer(this.port, this.#stream, data);
    };
  }

  process([channels], [played]) {
    // The network is heard by nobody: what is played is silence.
    for (const channel of played ?? []) channel.fill(0);
    // Without a source there is nothing to lose.
    if (!channels.length) this.#next = null;
    if (!channels.length || this.#failed) return true;
    if (this.#next !== null && currentFrame !== this.#next) this.#gaps++;
    this.#next = currentFrame + channels[0].length;
    try {
      const found = this.#stream.named(this.#stream.push(channels[0]));
      if (Object.values(found).some((array) => array.length))
        this.port.postMessage({ found, frames: this.#stream.frames, gaps: this.#gaps });
    } catch (error) {
      this.#failed = true;
      this.port.postMessage({ error: { name: error.name, message: error.message } });
    }
    return true;
  }
}

registerProcessor("rnnedge", StreamProcessor);
