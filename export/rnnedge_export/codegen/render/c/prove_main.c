/* Steps a compiled network through the frames of in.bin, and writes what it gives to out.bin. */
#include <stdio.h>
#include "${name}.h"

static ${name} stream;
${ports}
${weights}
int main(void) {
  FILE *in = fopen("in.bin", "rb");
  FILE *out = fopen("out.bin", "wb");
  if (!in || !out) return 1;
${begin}  for (;;) {
${reads}    ${name}_step(&stream${arguments});
${writes}  }
  return fclose(out) != 0;
}
