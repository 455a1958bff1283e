// When frames come, by the contract: lengths and delays, as the runtime for Python counts them.
const floored = (a, b) => Math.floor(a / b);

// Frames of a port that come with `inputs` input frames.
export function framesOf({ rate: [over, under] }, inputs) {
  return floored(over * inputs, under);
}

// Frames that a sequence of `total` input frames has of a port in the source module.
export function validOf({ length }, total) {
  return length.reduce((frames, [a, b, c]) => Math.max(0, floored(a * frames + b, c)), total);
}

// The frames pushed, and as many more as the source module needs.
export function wholeLength({ least, grain }, frames) {
  if (grain === 1) return frames;
  return Math.max(frames, least) + ((((least - frames) % grain) + grain) % grain);
}

// Input frames after which every output of `total` is complete: the `fed` ones and whole calls beyond.
export function completeAfter({ unit, outputs }, fed, total) {
  const needs = outputs.map(({ clock }) => {
    const [over, under] = clock.rate;
    return Math.ceil(((validOf(clock, total) + clock.delay) * under) / over);
  });
  return fed + Math.max(0, Math.ceil((Math.max(...needs) - fed) / unit)) * unit;
}

// What a cursor says in a call after `fed` input frames of a sequence of `total`, null while it goes on.
export function place({ kind, clock, frames }, view, fed, total) {
  const start = framesOf(clock, fed) - clock.delay;
  const end = total === null ? start + frames : validOf(clock, total);
  if (kind === "last") view[0] = BigInt(Math.min(Math.max(end - 1 - start, 0), frames - 1));
  else for (let k = 0; k < frames; k++) view[k] = start + k >= 0 && start + k < end ? 1 : 0;
}
