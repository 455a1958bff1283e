/* A network in an audio callback: what runs there allocates nothing, waits for nothing and asks the system nothing. */
#include <stdio.h>
#include <time.h>

#include "net.h"

static net stream;
static float frame[NET_X_SIZE], result[NET_Y_SIZE];

/* What an audio thread calls for every block: here, one step for as many blocks as make a frame. */
static void callback(const float *samples, int count) {
  static int filled;
  for (int i = 0; i < count; i++) {
    frame[filled++] = samples[i];
    if (filled == NET_X_SIZE) {
      net_step(&stream, frame, result);
      filled = 0;
    }
  }
}

int main(void) {
  float block[64] = {0};
  struct timespec before, after;
  double worst = 0;
  net_init(&stream);
  fputs("begin\n", stderr);
  for (int k = 0; k < 2000; k++) {
    clock_gettime(CLOCK_MONOTONIC, &before);
    callback(block, 64);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double us = (after.tv_sec - before.tv_sec) * 1e6 + (after.tv_nsec - before.tv_nsec) / 1e3;
    worst = us > worst ? us : worst;
  }
  fputs("end\n", stderr);
  printf("longest block: %.1f us\n", worst);
  return 0;
}
