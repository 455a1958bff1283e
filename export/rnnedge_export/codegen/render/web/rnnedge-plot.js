// The last frames of the outputs as lines, and their values in words; those of labels as probabilities.
import { probabilities } from "./rnnedge-scores.js";

const LINES = 8, KEPT = 300, SVG = "http://www.w3.org/2000/svg";

export class Plot {
  #canvas;
  #range;
  #rows = [];
  #due = false;

  constructor(canvas, legend, range, { outputs, labels }) {
    [this.#canvas, this.#range] = [canvas, range];
    this.outputs = outputs;
    this.channels = outputs
      .flatMap(({ name, size, perFrame }) => Array.from({ length: size }, (_, k) => ({ name, k, size, perFrame })))
      .slice(0, LINES);
    this.values = this.channels.map((channel, line) => this.#entry(legend, channel, line, labels));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#later());
    addEventListener("resize", () => this.#later());
    this.#later();
  }

  #entry(legend, { name, k, size }, line, labels) {
    const item = legend.appendChild(document.createElement("li")), text = document.createElement("span");
    const stroke = item.appendChild(document.createElementNS(SVG, "svg")).appendChild(document.createElementNS(SVG, "rect"));
    for (const side of ["width", "height"]) stroke.setAttribute(side, "100%");
    stroke.style.fill = `var(--line-${line})`;
    text.textContent = labels.length === size ? labels[k] : size > 1 ? `${name}[${k}]` : name;
    item.append(text);
    return item.appendChild(document.createElement("output"));
  }

  clear() {
    this.#rows = [];
    this.#later();
  }

  // Arrays by name, each of any number of frames.
  add(given) {
    const outputs = this.outputs.filter(({ name }) => given[name] !== undefined);
    const found = Object.fromEntries(outputs.map((one) => [one.name, probabilities(given[one.name], one)]));
    const counts = this.channels.map(({ name, size }) => (found[name]?.length ?? 0) / size);
    for (let t = 0; t < Math.max(...counts); t++)
      this.#rows.push(this.channels.map(({ name, k, size }, c) => (t < counts[c] ? Number(found[name][t * size + k]) : NaN)));
    this.#rows.splice(0, this.#rows.length - KEPT);
    this.#later();
  }

  #later() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
    });
  }

  #draw() {
    const canvas = this.#canvas, scale = devicePixelRatio, style = getComputedStyle(canvas), pen = canvas.getContext("2d");
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [width * scale, height * scale];
    pen.scale(scale, scale);
    const seen = this.#rows.flat().filter(Number.isFinite);
    const low = seen.length ? Math.min(...seen) : 0, high = seen.length ? Math.max(...seen) : 1, span = high - low || 1;
    const x = (t) => (t / (KEPT - 1)) * width, y = (value) => 4 + (1 - (value - low) / span) * (height - 8);
    pen.strokeStyle = style.getPropertyValue("--edge");
    for (const part of [0, 0.25, 0.5, 0.75, 1]) line(pen, [[0, y(low + part * span)], [width, y(low + part * span)]]);
    pen.lineWidth = 1.75;
    this.channels.forEach((_, c) => {
      pen.strokeStyle = style.getPropertyValue(`--line-${c}`);
      line(pen, this.#rows.map((row, t) => [x(t), y(row[c])]).filter(([, value]) => Number.isFinite(value)));
      const last = this.#rows.findLast((row) => Number.isFinite(row[c]));
      this.values[c].textContent = last ? last[c].toPrecision(3) : "";
    });
    this.#range.textContent = seen.length ? `${low.toPrecision(3)} to ${high.toPrecision(3)}, the last ${this.#rows.length} frames` : "no frames yet";
  }
}

function line(pen, points) {
  pen.beginPath();
  points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}
