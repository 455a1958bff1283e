// The output frames of one push, which several calls fill.
import { framesOf, validOf } from "./rnnedge-clock.js";
import { InputError } from "./rnnedge-errors.js";
import { take } from "./rnnedge-frames.js";
import { ARRAYS } from "./rnnedge-numbers.js";

export class Outputs {
  #ports;
  #out;

  // Of at most so many calls; throws an InputError where there is no memory for them.
  constructor(ports, calls) {
    this.#ports = ports;
    this.#out = ports.map(({ dtype, perFrame, frames, size }) => {
      const numbers = perFrame ? calls * frames * size : 0;
      try {
        return { array: new ARRAYS[dtype](numbers), count: 0 };
      } catch {
        throw new InputError(`push: no room for ${numbers} numbers of outputs; push fewer frames at once`);
      }
    });
  }

  // Copy what a call gave. `fed` input frames went before it; `skip` counts the frames still to be left out, of each
  // output; `total` is null while the sequence goes on.
  take(views, skip, fed, total) {
    this.#ports.forEach((port, k) => {
      if (!port.perFrame) return;
      const first = Math.min(skip[k], port.frames), out = this.#out[k];
      skip[k] -= first;
      const left = total === null ? port.frames : validOf(port.clock, total) + port.clock.delay - framesOf(port.clock, fed);
      const end = Math.max(first, Math.min(port.frames, left));
      take(port, views[k], first, end, out.array, out.count);
      out.count += end - first;
    });
  }

  // By name, of the frames that came.
  arrays() {
    const parts = this.#ports.map(({ name, size }, k) => {
      const { array, count } = this.#out[k], used = count * size;
      return [name, used === array.length ? array : array.slice(0, used)];
    });
    return Object.fromEntries(parts);
  }
}
