@types float32=float int64=std::int64_t int32=std::int32_t bool=std::uint8_t
@limits float32=-3.402823466e+38F..3.402823466e+38F int64=INT64_MIN..INT64_MAX int32=INT32_MIN..INT32_MAX bool=0..1
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

@labels /// ${of_labels}
@labels inline constexpr std::array<const char *, ${count}> labels{${labels}};
@labels
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
@contexts   /// Throws std::out_of_range for ${other}; the value stays then.
@contexts   void set_${id}(const std::array<${type}, ${size}> &value) {
@contexts     check<${type}, ${size}>(value, ${low}, ${high}, "${name}: ${id}: ${other}");
@contexts     ${name}_set_${id}(stream_.get(), value.data());
@contexts   }
@contexts
  /// Take the frames of one call.
@inputs   /// Throws std::out_of_range for ${other} in `${id}`; the stream is as before then.
@refuses   /// Throws std::out_of_range if a number names no row of its table, and from then on until it is reset.
  Outputs push(const Inputs &inputs) {
@inputs     check<${type}, ${size}>(inputs.${id}, ${low}, ${high}, "${name}: ${id}: ${other}");
    Outputs found;
@masks     std::array<std::uint8_t, ${frames}> ${id}{};
@masks     for (std::int64_t k = 0; k < ${frames}; k++) ${id}[k] = calls_ * ${frames} - ${delay} + k >= 0;
@lasts     const std::array<std::int64_t, 1> ${id}{${frames} - 1};
    ${name}_step(stream_.get()
@inputs         , inputs.${id}.data()
@cursors         , ${id}.data()
@outputs         , found.${id}.data()
    );
@refuses     if (${name}_refused(stream_.get())) throw std::out_of_range("${name}: a number names no row of its table; reset");
    calls_++;
@frames     found.${id}_frames = valid(calls_ * ${frames} - ${delay}, ${frames});
    return found;
  }

 private:
  template <typename Number, std::size_t Size>
  static void check(const std::array<Number, Size> &numbers, Number low, Number high, const char *other) {
    // A NaN is neither.
    for (const Number number : numbers)
      if (!(number >= low && number <= high)) throw std::out_of_range(other);
  }

@anyframes   static std::size_t valid(std::int64_t since, std::int64_t frames) noexcept {
@anyframes     return static_cast<std::size_t>(since < 0 ? 0 : since < frames ? since : frames);
@anyframes   }

  std::unique_ptr<::${name}> stream_;
  std::int64_t calls_ = 0;
};

}  // namespace rnnedge::${name}
#endif
