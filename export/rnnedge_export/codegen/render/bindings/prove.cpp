// Do what in.bin says with two streams, and write what they give to out.bin.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include "${name}.hpp"

namespace proven_network = rnnedge::${name};

static std::FILE *in, *out;

template <typename Array> static void read(Array &array) {
  if (std::fread(array.data(), sizeof array[0], array.size(), in) != array.size()) std::exit(2);
}

template <typename Array> static void write(const Array &array) {
  std::fwrite(array.data(), sizeof array[0], array.size(), out);
}

static void push(proven_network::Stream &stream) {
  proven_network::Inputs given;
@inputs   read(given.${id});
  const proven_network::Outputs found = stream.push(given);
  std::fputc(0, out);
@outputs   write(found.${id});
@frames   write(std::array<std::int64_t, 1>{static_cast<std::int64_t>(found.${id}_frames)});
}

static void set(proven_network::Stream &stream) {
@contexts   std::array<${type}, ${size}> value_${id};
@contexts   read(value_${id});
  (void)stream;
@contexts   stream.set_${id}(value_${id});
  std::fputc(0, out);
}

int main() {
  in = std::fopen("in.bin", "rb");
  out = std::fopen("out.bin", "wb");
@blob   std::FILE *file = std::fopen("weights.bin", "rb");
@blob   void *weights = std::aligned_alloc(64, 1 << 28);
@blob   if (!file || !weights || !std::fread(weights, 1, 1 << 28, file)) return 1;
@blob   proven_network::Stream one(weights), other(weights);
@static   proven_network::Stream one, other;
  for (int what; (what = std::fgetc(in)) != EOF;) {
    proven_network::Stream &stream = std::fgetc(in) ? other : one;
    try {
      if (what == 'r') stream.reset();
      if (what == 'c') set(stream);
      if (what == 'p') push(stream);
    } catch (const std::out_of_range &) {
      std::fputc(1, out);
    }
  }
  return std::fclose(out);
}
