/** Types of every network that rnnedge compiles for the web. */

/** Every error of this package. */
export class RnnEdgeError extends Error {}
/** Frames, a snapshot or an option that the network cannot take. */
export class InputError extends RnnEdgeError {}
/** Files that do not belong together, or a snapshot of another model. */
export class ModelRefused extends RnnEdgeError {}
/** The network computes something else here than the sample that its file records. */
export class VerificationError extends RnnEdgeError {}

export interface OpenOptions {
  /** Whether to take the module with 128-bit vectors; by default, if the browser has them. */
  vectors?: boolean;
  /** Whether to replay the recorded sample; by default, yes. */
  verify?: boolean;
}

export interface StreamOptions {
  /** Values per sequence by name, of a network that takes them. */
  context?: Record<string, ArrayLike<number>>;
}

/** A compiled network. Its streams share one WebAssembly module. */
export interface Model<Given, Found, Outputs> {
  /** What the network promises: inputs, outputs, states, rates, labels; also in NAME.contract.json. */
  readonly contract: any;
  /** Another sequence. */
  stream(options?: StreamOptions): Stream<Given, Found, Outputs>;
  /**
   * Of labels, from what `push` or `finish` gave for an output, by default the first: float64, one for each of
   * `contract.labels`. Values of a network that was trained with logits become a softmax, or each a sigmoid, as the
   * file says; any others stay as they are.
   */
  probabilities(values: ArrayBufferView, output?: string): Float64Array;
  /** Replay the recorded sample; throws a VerificationError where the outputs differ. */
  verify(): { frames: number; maxError: number };
}

/** One sequence in progress. Any way of cutting a sequence into pushes gives the same outputs. */
export interface Stream<Given, Found, Outputs> {
  /** How many frames were pushed since the start or the last reset. */
  readonly frames: number;
  readonly finished: boolean;
  /** Take the next frames, return the output frames that became computable. Throws an InputError, and is then as before. */
  push(frames: Given): Found;
  /** End the sequence and return what only its end completes: frames held back, and summaries. */
  finish(): Found;
  /** Begin another sequence; a context stays. */
  reset(): void;
  /** Change values per sequence, from the next call on. */
  setContext(context: Record<string, ArrayLike<number>>): void;
  /** Where the stream stands; `Stream.restore` takes it, here and in Python. */
  snapshot(): Uint8Array;
  restore(data: Uint8Array): void;
  /** Give its memory to the next stream of the model. */
  free(): void;
  /** What push or finish returned by name, also if there is one output only. */
  named(found: Found): Outputs;
}

/** A stream in another thread: every call is a promise. */
export interface Remote<Given, Found> {
  push(frames: Given): Promise<Found>;
  finish(): Promise<Found>;
  reset(): Promise<void>;
  snapshot(): Promise<Uint8Array>;
  restore(data: Uint8Array): Promise<void>;
  setContext(context: Record<string, ArrayLike<number>>): Promise<void>;
  /** Outputs by name of the audio thread; `gaps` counts interruptions of the audio. */
  onfound: (message: { found?: any; frames?: number; gaps?: number; error?: { name: string; message: string } }) => void;
}

/** A stream that steps inside the audio thread: connect a source to `node`. */
export function inAudio<G, F, O>(
  model: Model<G, F, O>, context: BaseAudioContext, options?: StreamOptions,
): Promise<Remote<G, F> & { node: AudioWorkletNode }>;

/** A stream in a worker of its own. */
export function inWorker<G, F, O>(model: Model<G, F, O>, options?: StreamOptions): Remote<G, F> & { stop(): void };
