static void ${name}_any_init(void *any_stream, const void *any_weights) {
  (void)any_weights;
  ${name}_init(any_stream${weights});
}

static void ${name}_any_reset(void *any_stream) {
  ${name}_reset(any_stream);
}

static int ${name}_any_step(void *any_stream, const void *const *any_inputs, void *const *any_outputs) {
  (void)any_inputs, (void)any_outputs;
  ${name}_step(any_stream${arguments});
  return ${refused};
}

static void ${name}_read(const void *any_stream, void *const *any_states) {
  const ${name} *stream = (const ${name} *)any_stream;
  const float *const states = stream->states;
  const int64_t *const integer_states = stream->integers;
  (void)states, (void)integer_states, (void)any_states;
${reads}}

static void ${name}_write(void *any_stream, const void *const *any_states) {
  ${name} *stream = (${name} *)any_stream;
  float *const states = stream->states;
  int64_t *const integer_states = stream->integers;
  (void)states, (void)integer_states, (void)any_states;
${writes}${forget}  stream->calls = INT32_MAX; /* who writes states knows of the first calls */
}

