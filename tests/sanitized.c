/* Steps through every program: random, extreme, non-finite and zero numbers, states read and written in between. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
typedef struct { size_t bytes; int floats; } port;
typedef struct {
  const char *name;
  size_t bytes;
  void (*init)(void *, const void *);
  void (*reset)(void *);
  int (*step)(void *, const void *const *, void *const *);
  void (*read)(const void *, void *const *);
  void (*write)(void *, const void *const *);
  const port *inputs; int input_count;
  const port *outputs; int output_count;
  const port *states; int state_count;
} row;
static const row rows[] = {
/* ROWS */
};
static uint64_t draw(void) {
  static uint64_t last = 88172645463325252u;
  last ^= last << 13;
  last ^= last >> 7;
  return last ^= last << 17;
}

static void **arrays(const port *ports, int count) {
  void **all = malloc((count + 1) * sizeof *all);
  for (int i = 0; i < count; i++) all[i] = calloc(ports[i].bytes ? ports[i].bytes : 1, 1);
  return all;
}

static void fill(const port *ports, int count, void **all, int turn) {
  static const float ends[] = {FLT_MAX, -FLT_MAX, 1e30f, -1e30f, 1e-40f, -0.0f, 3e9f, -9.3e18f};
  static const float wild[] = {__builtin_inff(), -__builtin_inff(), __builtin_nanf("")};
  for (int i = 0; i < count; i++) {
    if (ports[i].floats) {
      float *x = all[i];
      for (size_t k = 0; k < ports[i].bytes / 4; k++)
        x[k] = turn == 0 ? 0.0f : turn == 1 ? ends[draw() % 8] : turn == 2 ? wild[draw() % 3]
            : (float)(int64_t)(draw() % 4001) / 1000.0f - 2.0f;
    } else {
      unsigned char *x = all[i];
      for (size_t k = 0; k < ports[i].bytes; k++)
        x[k] = ports[i].bytes % 8 || turn == 3 ? (unsigned char)(turn ? draw() % 2 : 0) * (k % 8 == 0)
            : turn == 1 ? (k % 8 == 7 ? 127 : 255) : turn == 2 ? 128 * (k % 8 == 7) : 0;
    }
  }
}

int main(void) {
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    const row *one = rows + r;
    printf("%s\n", one->name);
    fflush(stdout);
    void *stream = aligned_alloc(64, (one->bytes + 63) / 64 * 64);
    void **in = arrays(one->inputs, one->input_count), **out = arrays(one->outputs, one->output_count);
    void **states = arrays(one->states, one->state_count);
    one->init(stream, 0);
    for (int round = 0; round < 5; round++) {
      for (int k = 0; k < /* STEPS */; k++) {
        fill(one->inputs, one->input_count, in, round > 3 ? 3 : round);
        one->step(stream, (const void *const *)in, out);
        if (k == 2) {
          one->read(stream, states);
          one->write(stream, (const void *const *)states);
        }
      }
      if (round > 1) one->reset(stream);
    }
  }
  return 0;
}
