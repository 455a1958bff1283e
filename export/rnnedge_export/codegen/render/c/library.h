/* What a generic caller needs: every program of the model, its sizes, and one call that does several steps. */
typedef struct rnnedge_program {
  uint32_t batch; /* sequences that one step advances */
  uint32_t refuses; /* whether a step may find numbers that nothing can be computed from */
  uint64_t stream_bytes; /* of memory aligned to 64 bytes, that `init` gets */
  uint64_t kept_bytes;   /* the first of these: where a stream stands; in the others a step works */
  uint64_t step_kept_bytes; /* the first of these: all that a step overwrites of it; the others are caches of windows,
                               where a step writes next to what the step before has left, once states were written */
  void (*init)(void *stream, const void *weights); /* `weights` NULL where they are in the library */
  void (*reset)(void *stream);
  int (*step)(void *stream, const void *const *inputs, void *const *outputs); /* not 0: it has found such numbers */
  void (*read_states)(const void *stream, void *const *states);
  void (*write_states)(void *stream, const void *const *states);
} rnnedge_program;

/* How many calls have changed a stream, and how many bytes of `undo` are of the last one. */
typedef struct rnnedge_done {
  uint64_t calls, undo_bytes;
} rnnedge_done;

typedef struct rnnedge_call {
  const rnnedge_program *program;
  void *stream;
  const void *const *inputs;
  void *const *outputs;
  const uint64_t *input_strides, *output_strides; /* bytes from one step to the next, for every port */
  uint64_t steps;                                 /* at least 1 */
  const volatile int32_t *stop;                   /* NULL, or not 0 where nothing is to run any more */
  void *undo;                                     /* NULL, or `kept_bytes` of memory: the stream as it was before the call */
  uint64_t undo_bytes;                            /* `kept_bytes`, or `step_kept_bytes` for one step after `write_states` */
  uint64_t finite_inputs;                         /* bit i: the numbers of input i, float32, have to be finite */
  const uint64_t *finite_counts;                  /* how many numbers that are, for every input */
  rnnedge_done *done;                             /* NULL, or what has happened to the stream */
} rnnedge_call;

typedef struct rnnedge_library {
  uint32_t abi;
  uint32_t programs_count;
  const char *model_sha256;
  const char *target;
  uint64_t weight_bytes; /* of the file of weights; 0 where they are in the library */
  const char *weights_sha256;
  uint32_t inputs, outputs, states, reserved;
  const char *const *input_names, *const *output_names, *const *state_names;
  const uint64_t *input_bytes, *output_bytes, *state_bytes; /* of one sequence and one step */
  const rnnedge_program *programs;
  int (*run)(const rnnedge_call *call);
} rnnedge_library;

#if defined(_WIN32)
#define RNNEDGE_EXPORT __declspec(dllexport)
#else
#define RNNEDGE_EXPORT __attribute__((visibility("default")))
#endif
#ifndef RNNEDGE_TARGET
#define RNNEDGE_TARGET ""
#endif

static int rnnedge_finite(const float *x, uint64_t count) {
  uint32_t bad = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    bad |= (bits & 0x7f800000u) == 0x7f800000u;
  }
  return !bad;
}

#if RNNEDGE_STRETCH > 1
/* RNNEDGE_STRETCH steps; less than 0: they have to be made one by one. */
static int rnnedge_stretch(const rnnedge_call *call, const void *const *inputs, void *const *outputs);
#endif

/* 0: done. 1: nothing ran, a number of an input is not finite. 2: stopped. 3: a step refused its numbers. The stream is
   as before where it could be kept. */
static int rnnedge_run(const rnnedge_call *call) {
  const rnnedge_program *program = call->program;
  if (call->stop && *call->stop) return 2;
  for (uint64_t i = 0, left = call->finite_inputs; left; i++, left >>= 1)
    if ((left & 1) && !rnnedge_finite((const float *)call->inputs[i], call->finite_counts[i])) return 1;
  if (call->undo) memcpy(call->undo, call->stream, call->undo_bytes);
  int refused = 0;
  if (call->steps == 1) {
    refused = program->step(call->stream, call->inputs, call->outputs);
  } else {
    const void *inputs[RNNEDGE_INPUTS];
    void *outputs[RNNEDGE_OUTPUTS];
    for (uint64_t k = 0, made = 1; k < call->steps && !refused; k += made) {
      if (call->stop && *call->stop) break;
      for (int i = 0; i < RNNEDGE_INPUTS; i++) inputs[i] = (const char *)call->inputs[i] + k * call->input_strides[i];
      for (int i = 0; i < RNNEDGE_OUTPUTS; i++) outputs[i] = (char *)call->outputs[i] + k * call->output_strides[i];
#if RNNEDGE_STRETCH > 1
      const int found = call->steps - k < RNNEDGE_STRETCH ? -1 : rnnedge_stretch(call, inputs, outputs);
      made = found < 0 ? 1 : RNNEDGE_STRETCH;
      refused = found < 0 ? program->step(call->stream, inputs, outputs) : found;
#else
      refused = program->step(call->stream, inputs, outputs);
#endif
    }
  }
  const int stopped = call->stop && *call->stop && (call->undo || call->steps > 1);
  if (call->undo && (stopped || refused)) memcpy(call->stream, call->undo, call->undo_bytes);
  else if (call->done) call->done->calls++, call->done->undo_bytes = call->undo_bytes;
  return stopped ? 2 : refused ? 3 : 0;
}
