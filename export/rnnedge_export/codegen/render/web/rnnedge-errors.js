// What goes wrong: every error of this package is an RnnEdgeError.
export class RnnEdgeError extends Error {
  get name() {
    return this.constructor.name;
  }
}

// Frames, a snapshot or an option that the network cannot take.
export class InputError extends RnnEdgeError {}

// Files that do not belong together, or a snapshot of another model.
export class ModelRefused extends RnnEdgeError {}

// The network computes something else here than the sample that its file records.
export class VerificationError extends RnnEdgeError {}
