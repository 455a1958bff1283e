static const char *const input_names[] = {${input_names}};
static const char *const output_names[] = {${output_names}};
static const char *const state_names[] = {${state_names}};
static const uint64_t input_bytes[] = {${input_bytes}};
static const uint64_t output_bytes[] = {${output_bytes}};
static const uint64_t state_bytes[] = {${state_bytes}};

static const rnnedge_program all_programs[] = {
${programs}
};

static const rnnedge_library library = {
  ${abi}, ${count}, ${digest}, RNNEDGE_TARGET, ${weight_bytes}, ${weights_sha},
  ${inputs}, ${outputs}, ${states}, 0,
  input_names, output_names, state_names, input_bytes, output_bytes, state_bytes,
  all_programs, rnnedge_run
};

RNNEDGE_EXPORT const rnnedge_library *rnnedge_library_v1(void) {
  return &library;
}
