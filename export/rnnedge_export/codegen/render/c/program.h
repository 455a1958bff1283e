/* Where a stream stands${many}, and what a step works in. */
typedef struct ${name} {
  int64_t integers[${integers}];
${fields}  const float *weights;
  int32_t turn;
  int32_t calls;
${refused}  float states[${floats}] __attribute__((aligned(64))); /* caches of windows last */
  float work[${work}] __attribute__((aligned(64))); /* last, so that what undoes a step is in front of it */
} ${name};

/* `sizeof(${name})`, for callers in other languages. */
size_t ${name}_bytes(void);

/* Make a stream ready${of_weights}. */
void ${name}_init(${name} *stream${weights});

/* Begin another sequence${kept}. */
void ${name}_reset(${name} *stream);
${setters}
/* One step. In:
${inputs}
   Out:
${outputs} */
void ${name}_step(${name} *stream${parameters});
${refusal}
