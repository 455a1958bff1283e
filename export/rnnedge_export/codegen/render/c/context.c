
void ${name}_set_${context}(${name} *stream, const ${ctype} *value) {
  float *const states = stream->states;
  int64_t *const integer_states = stream->integers;
  (void)states, (void)integer_states;
${copies}}
