/* One step of an LSTM or GRU layer, float32, written by hand: how fast this processor can be made to do it.

   The sizes are constants. A block is UNITS vectors of hidden units with all their gates, so that x and h go through
   the weights in one sweep, a cell is finished while its gates are in registers, and the processor computes it while it
   already reads the weights of the next block. Weights stand in the order in which they are read: block, row of x and
   then of h, gate, unit. With SUMS, rows take turns in so many sums. AHEAD bytes further on weights are prefetched, if
   not 0. With SWEEPS 2, every second step goes through the blocks backwards, for weights that a cache holds only
   part of. */
#include "functions.h"

#define BLOCKS (HIDDEN / (UNITS * LANES))
_Static_assert(HIDDEN % (UNITS * LANES) == 0, "whole blocks");

#ifdef GRU
#define GATES 3
#include "gru.h"
#else
#define GATES 4
#include "lstm.h"
#endif
#define ROW (GATES * UNITS)

typedef struct {
  float h[2][HIDDEN], c[HIDDEN];
  const float *weights, *bias; /* (BLOCKS, INPUT + HIDDEN, GATES, UNITS * LANES), (BLOCKS, 4, UNITS * LANES) */
  const float *x;
  float *y;
  long turn;
} __attribute__((aligned(64))) layer;

/* total[gate][unit] += x[k] w[k][gate][unit] over `count` rows; every sum of the SUMS gets every SUMS-th row. */
INLINE const vector *add_rows(vector total[SUMS][ROW], int count, const float *x, const vector *w) {
  int k = 0;
  for (; k + SUMS <= count; k += SUMS)
    UNROLL for (int s = 0; s < SUMS; s++, w += ROW) {
      const float f = x[k + s];
#if AHEAD
      UNROLL for (int line = 0; line < ROW; line += 64 / sizeof(vector))
        __builtin_prefetch((const char *)(w + line) + AHEAD, 0, 3);
#endif
      UNROLL for (int n = 0; n < ROW; n++) total[s][n] += f * w[n];
    }
#if SUMS > 1
  for (; k < count; k++, w += ROW)
    UNROLL for (int n = 0; n < ROW; n++) total[0][n] += x[k] * w[n];
#endif
  return w;
}

INLINE void block(layer *own, int at, const float *x, const float *h, float *next) {
  const vector *w = (const vector *)own->weights + (long)at * (INPUT + HIDDEN) * ROW;
  const vector *bias = (const vector *)own->bias + at * 4 * UNITS;
  vector total[SUMS][ROW];
  UNROLL for (int n = 0; n < ROW; n++) {
    total[0][n] = bias[n];
    UNROLL for (int s = 1; s < SUMS; s++) total[s][n] = (vector){0};
  }
  w = add_rows(total, INPUT, x, w);
#ifdef GRU
  /* The state's part of the new value is multiplied by the reset gate: a sum of its own. */
  vector of_input[UNITS];
  UNROLL for (int u = 0; u < UNITS; u++) {
    of_input[u] = total[0][2 * UNITS + u];
    total[0][2 * UNITS + u] = bias[3 * UNITS + u];
    UNROLL for (int s = 1; s < SUMS; s++) {
      of_input[u] += total[s][2 * UNITS + u];
      total[s][2 * UNITS + u] = (vector){0};
    }
  }
#endif
  add_rows(total, HIDDEN, h, w);
  UNROLL for (int s = 1; s < SUMS; s++)
    UNROLL for (int n = 0; n < ROW; n++) total[0][n] += total[s][n];
  UNROLL for (int u = 0; u < UNITS; u++) {
    const vector *gate = total[0] + u;
    const int unit = at * UNITS + u;
#ifdef GRU
    ((vector *)next)[unit] =
        gru(gate[0], gate[UNITS], of_input[u], gate[2 * UNITS], ((const vector *)h)[unit]);
#else
    ((vector *)next)[unit] = lstm(gate[0], gate[UNITS], gate[2 * UNITS], gate[3 * UNITS], (vector *)own->c + unit);
#endif
  }
}

__attribute__((visibility("default"))) unsigned long limit_size(void) { return sizeof(layer); }
__attribute__((visibility("default"))) int limit_lanes(void) { return LANES; }

/* x (INPUT,), y (HIDDEN,): where a step reads and writes. */
__attribute__((visibility("default"))) void limit_init(layer *own, const float *weights, const float *bias,
    const float *x, float *y) {
  *own = (layer){.weights = weights, .bias = bias, .x = x, .y = y};
}

__attribute__((visibility("default"))) void limit_step(layer *own) {
  const long turn = own->turn ^= 1;
  const float *h = own->h[turn ^ 1];
  float *next = own->h[turn], *y = own->y;
  for (int n = 0; n < BLOCKS; n++) block(own, SWEEPS == 2 && turn ? BLOCKS - 1 - n : n, own->x, h, next);
  for (int n = 0; n < HIDDEN; n++) y[n] = next[n];
}

/* As many steps as that, each from the same x. */
__attribute__((visibility("default"))) void limit_steps(layer *own, long count) {
  for (long n = 0; n < count; n++) limit_step(own);
}
