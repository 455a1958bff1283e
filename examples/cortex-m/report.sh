#!/bin/sh
# Code, constants and the stack of a step for a Cortex-M4: report.sh NAME, after rnnedge compile --target cortex-m4 -o out
set -eu
size -A "out/$1.o" | awk '/^\.text/ {code += $2} /^\.rodata/ {data += $2}
  END {print "code " code " bytes, constants " data " bytes"}'
# The same flags once more, for what the compiler says of every function's frame.
python -m ziglang cc -target thumb-freestanding-eabihf -mcpu=cortex_m4+vfp4d16sp -std=gnu99 -O2 -ffreestanding \
  -DNO_VECTORS -ffunction-sections -fno-math-errno -fno-trapping-math -fno-signed-zeros -ffp-contract=fast \
  -Wframe-larger-than=0 -c "out/$1.c" -o frames.o 2> frames.txt || { cat frames.txt >&2; exit 1; }
sed -n 's/.*stack frame size (\([0-9]*\)).*/\1/p' frames.txt | awk '{bytes += $1}
  END {print "stack of all functions together, a bound of any call: " bytes " bytes"}'
