@types float32=float int64=std::int64_t int32=std::int32_t bool=std::uint8_t
@keywords Inputs Outputs Stream push reset cursors_ stream_ calls_
// A stream of ${name} for C++17, over ${name}.h; written by rnnedge.
//
// Model ${digest}.
// A call takes ${call}${rate}. Compile with ${name}.c, as C.
#ifndef ${NAME}_HPP
#define ${NAME}_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "${name}.h"

namespace rnnedge::${name} {

/// Frames of one call.
struct Inputs {
@inputs   /// ${said}
@inputs   std::array<${type}, ${size}> ${id}{};
};

/// What one call gives.
struct Outputs {
@outputs   /// ${said}
@outputs   std::array<${type}, ${size}> ${id}{};
@frames   /// How many frames of `${id}`, counted from its end, belong to the sequence: ${frames} after the first calls.
@frames   std::size_t ${id}_frames = 0;
};

/// One sequence in progress. It owns its state; several may run, each in its own thread.
class Stream {
 public:
@static   Stream() : stream_(std::make_unique<::${name}>()) { ${name}_init(stream_.get()); }
@blob   /// `weights`: the bytes of ${name}.weights, aligned to 64 bytes, which outlive the stream.
@blob   explicit Stream(const void *weights) : stream_(std::make_unique<::${name}>()) {
@blob     ${name}_init(stream_.get(), weights);
@blob   }

  /// Begin another sequence.
  void reset() noexcept {
    ${name}_reset(stream_.get());
    calls_ = 0;
  }

@contexts   /// Change ${said}, a value per sequence, which `reset` keeps.
@contexts   void set_${id}(const std::array<${type}, ${size}> &value) noexcept {
@contexts     ${name}_set_${id}(stream_.get(), value.data());
@contexts   }
@contexts
  /// Take the frames of one call.
@refuses   /// Throws std::out_of_range if a number names no row of its table; reset the stream then.
  Outputs push(const Inputs &inputs) {
    Outputs found;
@masks     std::array<std::uint8_t, ${frames}> ${id}{};
@masks     for (std::int64_t k = 0; k < ${frames}; k++) ${id}[k] = calls_ * ${frames} - ${delay} + k >= 0;
@lasts     const std::array<std::int64_t, 1> ${id}{${frames} - 1};
    ${name}_step(stream_.get()
@inputs         , inputs.${id}.data()
@cursors         , ${id}.data()
@outputs         , found.${id}.data()
    );
@refuses     if (${name}_refused(stream_.get())) throw std::out_of_range("${name}: a number names no row of its table");
    calls_++;
@frames     found.${id}_frames = valid(calls_ * ${frames} - ${delay}, ${frames});
    return found;
  }

 private:
@anyframes   static std::size_t valid(std::int64_t since, std::int64_t frames) noexcept {
@anyframes     return static_cast<std::size_t>(since < 0 ? 0 : since < frames ? since : frames);
@anyframes   }

  std::unique_ptr<::${name}> stream_;
  std::int64_t calls_ = 0;
};

}  // namespace rnnedge::${name}
#endif
