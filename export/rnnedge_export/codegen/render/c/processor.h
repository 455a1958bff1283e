/* The one place that asks for the processor's integer instructions; NARROW_SCALAR turns them all off. */
/* What these headers would include for an allocation is not there where there is no C library. */
#define __MM_MALLOC_H
#define _MM_MALLOC_H_INCLUDED
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

/* int8 as a vector of floats, where gcc has to be told. */
#if !defined(NARROW_PLAIN) && LANES == 16 && defined(__AVX512F__)
#define WIDENED(from) _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(from))))
#elif !defined(NARROW_PLAIN) && LANES == 8 && defined(__AVX2__)
#define WIDENED(from) _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(from))))
#endif
