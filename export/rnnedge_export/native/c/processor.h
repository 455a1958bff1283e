/* The one place that asks for the processor's integer instructions; NARROW_SCALAR turns them all off. */
#if defined(NARROW_SCALAR) || defined(NO_VECTORS)
#define NARROW_PLAIN
#elif defined(__AVX512VNNI__) && defined(__AVX512F__) && defined(__AVX512BW__)
#define NARROW_AVX512_VNNI
#include <immintrin.h>
#elif defined(__AVXVNNI__)
#define NARROW_AVX_VNNI
#include <immintrin.h>
#elif defined(__AVX2__)
#define NARROW_AVX2
#include <immintrin.h>
#elif defined(__ARM_FEATURE_DOTPROD)
#define NARROW_DOTPROD
#include <arm_neon.h>
#else
#define NARROW_PLAIN
#endif
