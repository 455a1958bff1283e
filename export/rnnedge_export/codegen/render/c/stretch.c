/* ${steps} steps in one call, for libraries; -1: the first ones have to be made one by one. */
static __attribute__((unused)) int ${name}_stretch(
    void *any_stream, const void *const *any_inputs, void *const *any_outputs) {
  ${name} *const stream = (${name} *)any_stream;
${early}${find_weights}  float *const restrict work = stream->work;
  float *const restrict states = stream->states;
  int64_t *const restrict integer_states = stream->integers;
  int64_t *const restrict integer_work = integer_states + ${integers};
${ports}  const int turn = stream->turn ^= 1;
  (void)work, (void)states, (void)integer_states, (void)integer_work, (void)turn${unread};
${statements}  return ${refused};
}
