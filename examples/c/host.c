/* Frames as text on standard input, one a line; what the network says of each on standard output. */
#include <stdio.h>

#include "net.h"

static net stream;

int main(void) {
  float x[NET_X_SIZE], y[NET_Y_SIZE];
  net_init(&stream);
  for (;;) {
    for (int i = 0; i < NET_X_SIZE; i++)
      if (scanf("%f", &x[i]) != 1) return i != 0;
    net_step(&stream, x, y);
    for (int i = 0; i < NET_Y_SIZE; i++) printf(i + 1 < NET_Y_SIZE ? "%.9g " : "%.9g\n", y[i]);
  }
}
