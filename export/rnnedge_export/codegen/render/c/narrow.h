/* Products of bytes with exact sums: a row of x against panels of PANEL columns of w.

   A panel holds four numbers of every column side by side, then the next four. `kind` says what x and w are:
   SMALL: x uint8, w int8, and no two products of neighbours leave 16 bits, which x86 without VNNI needs;
   GENERAL: x uint8, w int8 without -128; ANY: x uint8, every int8;
   BLOCKS8: x int8, w int8 without -128; BLOCKS4: x int8, w 0 ... 15, two in a byte. */
enum { PANEL = 32, SMALL, GENERAL, ANY, BLOCKS8, BLOCKS4 };

/* WIDE sums of a vector; a row has CHAINS partial sums, so that an addition need not wait for the one before. */
#if defined(NARROW_AVX512_VNNI)
#define WIDE 16
#define CHAINS 4
#elif defined(NARROW_AVX_VNNI)
#define WIDE 8
#define CHAINS 2
#elif defined(NARROW_DOTPROD)
#define WIDE 4
#define CHAINS 1
#else
#define WIDE 8
#define CHAINS 1
#endif
#define PARTS (PANEL / WIDE)
typedef int32_t sums __attribute__((vector_size(4 * WIDE), aligned(4 * WIDE), may_alias));
typedef float reals __attribute__((vector_size(4 * WIDE), aligned(4 * WIDE), may_alias));
typedef float loose_reals __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));
typedef uint8_t octets __attribute__((vector_size(4 * WIDE), may_alias));

/* What `dot` adds to every x of a kind, and to every w: its sums are of (x + MOVED_X) (w + MOVED_W). */
#if defined(NARROW_AVX2)
#define MOVED_X(kind) ((kind) == GENERAL ? -128 : 0)
#define MOVED_W(kind) ((kind) == BLOCKS4 ? 8 : 0)
#elif defined(NARROW_DOTPROD)
#define MOVED_X(kind) ((kind) == SMALL || (kind) == GENERAL ? -128 : 0)
#define MOVED_W(kind) ((kind) == BLOCKS4 ? 8 : 0)
#elif defined(NARROW_PLAIN)
#define MOVED_X(kind) 0
#define MOVED_W(kind) ((kind) == BLOCKS4 ? 8 : 0)
#else
#define MOVED_X(kind) 0
#define MOVED_W(kind) ((kind) == BLOCKS4 ? 8 : (kind) == BLOCKS8 ? 128 : 0)
#endif

INLINE sums every(int32_t x) { return (sums){0} + x; }

INLINE sums plain_dot(int kind, sums total, int32_t four, octets w) {
  uint8_t x[4];
  memcpy(x, &four, 4);
  int8_t q[4 * WIDE];
  memcpy(q, &w, sizeof q);
  UNROLL for (int k = 0; k < 4; k++) {
    const int32_t one = kind == BLOCKS8 || kind == BLOCKS4 ? (int8_t)x[k] : x[k];
    for (int n = 0; n < WIDE; n++) total[n] += one * q[4 * n + k];
  }
  return total;
}

INLINE sums dot(int kind, sums total, int32_t four, octets w) {
#if !defined(NARROW_PLAIN)
  if (kind == ANY) return plain_dot(kind, total, four, w);
#endif
#if defined(NARROW_AVX512_VNNI)
  const __m512i x = _mm512_set1_epi32(four);
  if (kind == BLOCKS8) return (sums)_mm512_dpbusd_epi32((__m512i)total, (__m512i)(w ^ 128), x);
  if (kind == BLOCKS4) return (sums)_mm512_dpbusd_epi32((__m512i)total, (__m512i)w, x);
  return (sums)_mm512_dpbusd_epi32((__m512i)total, x, (__m512i)w);
#elif defined(NARROW_AVX_VNNI)
  const __m256i x = _mm256_set1_epi32(four);
  if (kind == BLOCKS8) return (sums)_mm256_dpbusd_avx_epi32((__m256i)total, (__m256i)(w ^ 128), x);
  if (kind == BLOCKS4) return (sums)_mm256_dpbusd_avx_epi32((__m256i)total, (__m256i)w, x);
  return (sums)_mm256_dpbusd_avx_epi32((__m256i)total, x, (__m256i)w);
#elif defined(NARROW_AVX2)
  __m256i x = _mm256_set1_epi32(four), pairs;
  if (kind == GENERAL) x = _mm256_xor_si256(x, _mm256_set1_epi8(-128));
  if (kind == SMALL) pairs = _mm256_maddubs_epi16(x, (__m256i)w);
  else if (kind == BLOCKS4) pairs = _mm256_maddubs_epi16((__m256i)w, x);
  else pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8((__m256i)w, x));
  return total + (sums)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif defined(NARROW_DOTPROD)
  int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(four));
  if (kind == SMALL || kind == GENERAL) x = veorq_s8(x, vdupq_n_s8(-128));
  return (sums)vdotq_s32((int32x4_t)total, (int8x16_t)w, x);
#else
  return plain_dot(kind, total, four, w);
#endif
}

INLINE int32_t four_at(const uint8_t *x) {
  int32_t four;
  memcpy(&four, x, 4);
  return four;
}

INLINE void write_reals(float *y, reals value, int columns) {
  if (columns >= WIDE) *(loose_reals *)y = value;
  else if (columns > 0) memcpy(y, &value, 4 * columns);
}

/* One panel: y = (sum of (x - zero) w) scale + bias, `column_sums` those of w. */
INLINE void byte_product(int rows, int kind, const uint8_t *x, long row, int groups, const int8_t *restrict w,
    int zero, const int8_t *column_sums, const float *scale, const float *bias, float *y, long y_row, int columns) {
  sums total[2][CHAINS][PARTS];
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < PARTS; v++) {
      total[p][0][v] = ((const sums *)column_sums)[v] * (-zero - MOVED_X(kind));
      UNROLL for (int u = 1; u < CHAINS; u++) total[p][u][v] = (sums){0};
    }
  int g = 0;
  for (; g + CHAINS <= groups; g += CHAINS)
    UNROLL for (int u = 0; u < CHAINS; u++, w += 4 * PANEL)
      UNROLL for (int p = 0; p < rows; p++) {
        const int32_t four = four_at(x + p * row + 4 * (g + u));
        UNROLL for (int v = 0; v < PARTS; v++) total[p][u][v] = dot(kind, total[p][u][v], four, ((const octets *)w)[v]);
      }
  for (; CHAINS > 1 && g < groups; g++, w += 4 * PANEL)
    UNROLL for (int p = 0; p < rows; p++) {
      const int32_t four = four_at(x + p * row + 4 * g);
      UNROLL for (int v = 0; v < PARTS; v++) total[p][0][v] = dot(kind, total[p][0][v], four, ((const octets *)w)[v]);
    }
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < PARTS; v++) {
      UNROLL for (int u = 1; u < CHAINS; u++) total[p][0][v] += total[p][u][v];
      reals value = __builtin_convertvector(total[p][0][v], reals);
      value = value * ((const reals *)scale)[v] + ((const reals *)bias)[v];
      write_reals(y + p * y_row + v * WIDE, value, columns - v * WIDE);
    }
}

/* A number as uint8: the nearest of zero + x / scale, ties to even. NaN becomes 0. */
INLINE int32_t rounded_byte(float x, float scale, int32_t zero) {
  float t = x / scale;
  t = t > (float)-zero ? t : (float)-zero;
  t = t < (float)(255 - zero) ? t : (float)(255 - zero);
  t += 12582912.0f;
  int32_t bits;
  memcpy(&bits, &t, 4);
  return bits - 0x4b400000 + zero;
}

/* A row of `depth` floats `step` apart as blocks of int8, filled up with zeros; `facts` gets the scale and the sum of
   every block. As in onnxruntime, NaN becomes 0, and the products of a block with an infinity are NaN, from zeros and
   a scale of infinity. */
static __attribute__((noinline, unused)) void round_blocks(const float *x, long step, int depth, int block,
    uint8_t *rounded, float *facts) {
  for (int k = 0; k < depth; k += block, rounded += block, facts += 2) {
    const int size = depth - k < block ? depth - k : block;
    float most = 0.0f;
    int32_t sum = 0;
    for (int i = 0; i < size; i++) {
      const float one = magnitude(x[(k + i) * step]);
      most = one > most ? one : most;
    }
    const float inverse = most > 0.0f ? 127.0f / most : 0.0f;
    for (int i = 0; i < size; i++) {
      float t = x[(k + i) * step] * inverse;
      t = (magnitude(t) < 128.0f ? t : 0.0f) + 12582912.0f;
      int32_t bits;
      memcpy(&bits, &t, 4);
      bits -= 0x4b400000;
      rounded[i] = (uint8_t)bits;
      sum += bits;
    }
    for (int i = size; i < block; i++) rounded[i] = 0;
    facts[0] = most / 127.0f;
    facts[1] = (float)sum;
  }
}

/* One panel, every block of a row and of a column with a scale of its own. */
INLINE void block_product(int rows, int kind, const uint8_t *x, const float *facts, int blocks, int block,
    const int8_t *restrict w, const float *scale, const float *bias, float *y, long y_row, int columns) {
  reals result[2][PARTS];
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < PARTS; v++) result[p][v] = ((const reals *)bias)[v];
  for (int b = 0; b < blocks; b++, scale += PANEL) {
    sums total[2][PARTS];
    UNROLL for (int p = 0; p < rows; p++) {
      const sums start = every(-MOVED_W(kind) * (int32_t)facts[2 * (p * blocks + b) + 1]);
      UNROLL for (int v = 0; v < PARTS; v++) total[p][v] = start;
    }
    for (int g = 0; g < block; g += kind == BLOCKS4 ? 8 : 4, w += 4 * PANEL)
      UNROLL for (int p = 0; p < rows; p++) {
        const uint8_t *here = x + (p * blocks + b) * (long)block + g;
        const int32_t four = four_at(here);
        UNROLL for (int v = 0; v < PARTS; v++) {
          const octets q = ((const octets *)w)[v];
          if (kind == BLOCKS4) {
            total[p][v] = dot(kind, total[p][v], four, q & 15);
            total[p][v] = dot(kind, total[p][v], four_at(here + 4), (q >> 4) & 15);
          } else total[p][v] = dot(kind, total[p][v], four, q);
        }
      }
    UNROLL for (int p = 0; p < rows; p++) {
      const float one = facts[2 * (p * blocks + b)];
      UNROLL for (int v = 0; v < PARTS; v++)
        result[p][v] += __builtin_convertvector(total[p][v], reals) * (((const reals *)scale)[v] * one);
    }
  }
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < PARTS; v++)
      write_reals(y + p * y_row + v * WIDE, result[p][v], columns - v * WIDE);
}
