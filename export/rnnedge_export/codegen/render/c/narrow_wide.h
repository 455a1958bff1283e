/* Products of bytes by vectors. */
#if !defined(NO_VECTORS)

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

#endif
