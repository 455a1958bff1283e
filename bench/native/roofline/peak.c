/* Multiply-adds in registers, in so many chains that none waits: what no product can surpass. Returns their FLOP. */
#include "functions.h"

#define CHAINS 12

long peak(long count) {
  vector sums[CHAINS];
  for (int n = 0; n < CHAINS; n++) sums[n] = (vector){0} + (float)n;
  vector factor = (vector){0} + 0.999f;
  for (long k = 0; k < count; k++) {
    UNROLL for (int n = 0; n < CHAINS; n++) sums[n] = sums[n] * factor + factor;
#if defined(__x86_64__)
    __asm__ volatile("" : "+v"(factor));
#else
    __asm__ volatile("" : "+w"(factor));
#endif
  }
  static volatile float kept;
  for (int n = 0; n < CHAINS; n++) kept = sums[n][0];
  return count * CHAINS * LANES * 2;
}
