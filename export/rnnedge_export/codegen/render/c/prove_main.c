/* Steps a compiled network through the frames of in.bin, and writes what it gives to out.bin. */
#include <stdio.h>
#include "${name}.h"

/* A board counts what a step costs. */
#if !defined(STEP_BEGINS)
#define STEP_BEGINS()
#define STEP_ENDS()
#endif

static ${name} stream;
${ports}
${weights}
int main(void) {
  FILE *in = fopen("in.bin", "rb");
  FILE *out = fopen("out.bin", "wb");
  if (!in || !out) return 1;
${begin}  for (;;) {
${reads}    STEP_BEGINS();
    ${name}_step(&stream${arguments});
    STEP_ENDS();
${writes}  }
  return fclose(out) != 0;
}
