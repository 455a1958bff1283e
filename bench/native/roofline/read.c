/* A sum of `count` floats: the least time in which weights can be read. Backwards in every second call, so that what the
   call before left in the caches is met first. */
#include "functions.h"

#define CHAINS 4

float sum(const float *from, long count) {
  static int turn;
  vector total[CHAINS] = {{0}};
  const vector *all = (const vector *)from;
  const long blocks = count / (CHAINS * LANES);
  turn ^= 1;
  for (long k = 0; k < blocks; k++) {
    const vector *w = all + (turn ? blocks - 1 - k : k) * CHAINS;
    UNROLL for (int n = 0; n < CHAINS; n++) total[n] += w[n];
  }
  for (int n = 1; n < CHAINS; n++) total[0] += total[n];
  return total[0][0];
}
