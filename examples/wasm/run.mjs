// The network in Node or a browser: frames of zeros, and what it says of them.
import { readFileSync } from "node:fs";

const [size, results] = [Number(process.argv[2]), Number(process.argv[3])];
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync("out/net.wasm")));

let end = exports.__heap_base.value;
// Memory behind that of the module, at a multiple of 64 bytes.
function place(bytes) {
  const at = (end + 63) & ~63;
  end = at + bytes;
  const missing = end - exports.memory.buffer.byteLength;
  if (missing > 0) exports.memory.grow((missing + 65535) >> 16);
  return at;
}

const stream = place(exports.net_bytes()), x = place(4 * size), y = place(4 * results);
exports.net_init(stream);
new Float32Array(exports.memory.buffer, x, size).fill(0);
for (let frame = 0; frame < 3; frame++) {
  exports.net_step(stream, x, y);
  console.log(new Float32Array(exports.memory.buffer, y, results).join(" "));
}
