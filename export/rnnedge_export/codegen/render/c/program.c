size_t ${name}_bytes(void) {
  return sizeof(${name});
}

void ${name}_reset(${name} *stream) {
  float *const states = stream->states;
  int64_t *const integer_states = stream->integers;
  (void)states, (void)integer_states;
${initials}  stream->calls = 0;
${forget}}

void ${name}_init(${name} *stream${weights}) {
  memset(stream, 0, sizeof *stream);
${keep_weights}${contexts}  ${name}_reset(stream);
}

void ${name}_step(${name} *stream${parameters}) {
${find_weights}  float *const restrict work = stream->work;
  float *const restrict states = stream->states;
  int64_t *const restrict integer_states = stream->integers;
  int64_t *const restrict integer_work = integer_states + ${integers};
  const int turn = stream->turn ^= 1;
  (void)work, (void)states, (void)integer_states, (void)integer_work, (void)turn${unread};
${statements}}
${refusal}${setters}
