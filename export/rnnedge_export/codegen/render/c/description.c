static const char *const input_names[] = {${input_names}};
static const char *const output_names[] = {${output_names}};
static const char *const state_names[] = {${state_names}};
static const uint64_t input_bytes[] = {${input_bytes}};
static const uint64_t output_bytes[] = {${output_bytes}};
static const uint64_t state_bytes[] = {${state_bytes}};

static const rnnedge_program all_programs[] = {
${programs}
};

#if RNNEDGE_STRETCH > 1
static int rnnedge_stretch(const rnnedge_call *call, const void *const *inputs, void *const *outputs) {
  if (call->program->step != all_programs[0].step) return -1;
  /* Steps have to stand one after the other; the summary of all stands where it is. */
  for (int i = 0; i < RNNEDGE_INPUTS; i++)
    if (call->input_strides[i] != input_bytes[i]) return -1;
  for (int i = 0; i < RNNEDGE_OUTPUTS; i++)
    if (call->output_strides[i] && call->output_strides[i] != output_bytes[i]) return -1;
  return ${name}_stretch(call->stream, inputs, outputs);
}
#endif

static const rnnedge_library library = {
  ${abi}, ${count}, ${digest}, RNNEDGE_TARGET, ${weight_bytes}, ${weights_sha},
  ${inputs}, ${outputs}, ${states}, 0,
  input_names, output_names, state_names, input_bytes, output_bytes, state_bytes,
  all_programs, rnnedge_run
};

RNNEDGE_EXPORT const rnnedge_library *rnnedge_library_v1(void) {
  return &library;
}
