/**
 * The network ${name}, compiled by rnnedge; model ${digest}.
 *
 * Arrays are in C order, time first.
 */
import type { Model as AnyModel, Stream as AnyStream, OpenOptions, StreamOptions } from "./rnnedge.js";

export { InputError, ModelRefused, RnnEdgeError, VerificationError, inAudio, inWorker } from "./rnnedge.js";
export type { OpenOptions, Remote, StreamOptions } from "./rnnedge.js";

/** What `push` takes: equally many frames of each input. */
export interface Inputs {
${inputs}}

/** What `push` and `finish` return. */
export interface Outputs {
${outputs}}

export type Given = ${given};
export type Found = ${found};
export type Stream = AnyStream<Given, Found, Outputs>;
export type Model = AnyModel<Given, Found, Outputs>;

/** Fetch the files next to this one, and replay the recorded sample; throws a VerificationError where it differs. */
export function load(options?: OpenOptions): Promise<Model>;
