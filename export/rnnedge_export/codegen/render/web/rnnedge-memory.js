// The memory of a WebAssembly module that imports nothing: what it has of its own, and room after that for streams.
import { ModelRefused, RnnEdgeError } from "./rnnedge-errors.js";
import { ARRAYS } from "./rnnedge-numbers.js";

const ABI = 3, ALIGNMENT = 64, PAGE = 65536;

export class Memory {
  #end;
  #memory;
  #views = new Map();

  constructor(exports) {
    this.#memory = exports.memory;
    this.#end = exports.__heap_base.value;
  }

  // The address of `bytes` of memory, zeros at first; nothing ever gives it back.
  allocate(bytes) {
    const at = Math.ceil(this.#end / ALIGNMENT) * ALIGNMENT;
    const missing = Math.ceil((at + bytes - this.#memory.buffer.byteLength) / PAGE);
    try {
      if (missing > 0) this.#memory.grow(missing);
    } catch {
      throw new RnnEdgeError(`memory: no room for ${bytes} bytes more; free streams that are no longer used`);
    }
    this.#end = at + bytes;
    return at;
  }

  // All of it as numbers of a kind; it changes when memory grows, so ask again after every `allocate`.
  as(kind) {
    const known = this.#views.get(kind);
    if (known?.buffer === this.#memory.buffer) return known;
    const view = new kind(this.#memory.buffer);
    this.#views.set(kind, view);
    return view;
  }

  // A view of an array of `size` numbers.
  view(dtype, at, size) {
    return new ARRAYS[dtype](this.#memory.buffer, at, size);
  }

  // Addresses as the functions of a program want them.
  pointers(addresses) {
    const at = this.allocate(4 * addresses.length);
    this.as(Uint32Array).set(addresses, at >> 2);
    return at;
  }

  get buffer() {
    return this.#memory.buffer;
  }
}

// The program for one sequence: sizes and functions, from the struct `rnnedge_library` of the generated C.
export function programOf(exports, memory, sha256) {
  const words = memory.as(Uint32Array), library = exports.rnnedge_library_v1() >> 2;
  const digest = Array.from(memory.as(Uint8Array).subarray(words[library + 2], words[library + 2] + 64), (byte) =>
    String.fromCharCode(byte),
  ).join("");
  if (words[library] !== ABI) throw new ModelRefused(`wasm: expected ABI ${ABI}, found ${words[library]}; compile again`);
  if (digest !== sha256) throw new ModelRefused("wasm: made from another model than its contract; compile again");
  const at = words[library + 17] >> 2;
  const [init, reset, step, read, write] = [8, 9, 10, 11, 12].map((k) => exports.__indirect_function_table.get(words[at + k]));
  return { refuses: words[at + 1] !== 0, bytes: words[at + 2], kept: words[at + 4], init, reset, step, read, write };
}
