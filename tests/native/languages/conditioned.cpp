// Set the values per sequence, fail to set others, push the frames of in.bin, reset and do so again, and write the outputs that belong to the sequence to out.bin.
#include <cmath>
#include <cstdio>

#include "net.hpp"

template <typename Call>
static void refused(Call call) {
  try {
    call();
    std::puts("nothing");
  } catch (const std::out_of_range &error) {
    std::puts(error.what());
  }
}

int main() {
  rnnedge::net::Stream stream;
  rnnedge::net::Inputs given;
  stream.set_speaker({1, 2, 3});
  stream.set_language({2});
  refused([&] { stream.set_speaker({1, NAN, 3}); });
  refused([&] { stream.set_language({-1}); });
  refused([&] { stream.set_language({4}); });
  std::FILE *out = std::fopen("out.bin", "wb");
  for (int round = 0; round < 2; round++) {
    std::FILE *in = std::fopen("in.bin", "rb");
    while (std::fread(given.x.data(), sizeof given.x[0], given.x.size(), in) == given.x.size()) {
      try {
        const auto found = stream.push(given);
        if (found.y_frames) std::fwrite(found.y.data(), sizeof found.y[0], found.y.size(), out);
      } catch (const std::out_of_range &error) {
        std::puts(error.what());
      }
    }
    std::fclose(in);
    stream.reset();
  }
  return std::fclose(out);
}
