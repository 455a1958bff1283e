/* Vectors of the host's width, and e^x for the gates. */
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#define SMALLER _mm512_min_ps
#define LARGER _mm512_max_ps
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 8
#define SMALLER _mm256_min_ps
#define LARGER _mm256_max_ps
#elif defined(__SSE2__)
#include <immintrin.h>
#define LANES 4
#define SMALLER _mm_min_ps
#define LARGER _mm_max_ps
#else
#include <arm_neon.h>
#define LANES 4
#define SMALLER vminq_f32
#define LARGER vmaxq_f32
#endif

typedef float vector __attribute__((vector_size(4 * LANES), may_alias));
typedef int32_t integers __attribute__((vector_size(4 * LANES)));

/* e^x: x = n ln 2 + r, and a polynomial of e^r. x is held to -28 ... 28, so that a product of three of them plus 1 stays
   finite; a sigmoid is off by 7e-13 there. */
INLINE vector exponential(vector x) {
  const vector most = (vector){0} + 28.0f;
  x = (vector)LARGER(-most, (vector)SMALLER(most, x));
  const vector t = x * 1.44269504f + 12582912.0f, n = t - 12582912.0f;
  const vector r = x - n * 0.693145752f - n * 1.42860677e-6f;
  vector p = r * (1.0f / 720.0f) + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return (vector)((integers)p + ((integers)t << 23));
}
