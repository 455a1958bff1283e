/* Products of bytes without vectors: a few columns at once, whose sums stay in registers; small, and not inlined. */
#if defined(NO_VECTORS)
#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

enum { COLUMNS = 4 };
/* Four numbers of x: where an instruction has two products of 16 bits, first and third in one word, the others in the
   next. */
typedef struct { int32_t part[4]; } four_numbers;

INLINE uint32_t turned(uint32_t word) { return word >> 8 | word << 24; }

INLINE four_numbers numbers_at(int kind, const uint8_t *x) {
  const int whole = kind == BLOCKS8 || kind == BLOCKS4;
  four_numbers found;
#if defined(__ARM_FEATURE_SIMD32)
  const uint32_t word = (uint32_t)four_at(x);
  found.part[0] = whole ? (int32_t)__sxtb16(word) : (int32_t)__uxtb16(word);
  found.part[1] = whole ? (int32_t)__sxtb16(turned(word)) : (int32_t)__uxtb16(turned(word));
#else
  UNROLL for (int k = 0; k < 4; k++) found.part[k] = whole ? (int8_t)x[k] : x[k];
#endif
  return found;
}

INLINE int32_t with_products(int32_t total, four_numbers x, uint32_t word) {
#if defined(__ARM_FEATURE_SIMD32)
  return __smlad(x.part[1], __sxtb16(turned(word)), __smlad(x.part[0], __sxtb16(word), total));
#else
  UNROLL for (int k = 0; k < 4; k++) total += x.part[k] * (int8_t)(word >> 8 * k);
  return total;
#endif
}

INLINE int32_t with_bytes(int32_t total, four_numbers x, const int8_t *w) {
#if defined(__ARM_FEATURE_SIMD32)
  return with_products(total, x, (uint32_t)four_at((const uint8_t *)w));
#else
  UNROLL for (int k = 0; k < 4; k++) total += x.part[k] * w[k];
  return total;
#endif
}

/* The sums of some columns over `groups` of four numbers, or of eight where two stand in a byte. */
INLINE const int8_t *add_groups(int kind, int32_t *total, const uint8_t *x, int groups, const int8_t *w) {
  _Pragma("GCC unroll 1") for (; groups > 0; groups--, w += 4 * PANEL) {
    const four_numbers first = numbers_at(kind, x);
    x += 4;
    if (kind != BLOCKS4) {
      UNROLL for (int u = 0; u < COLUMNS; u++) total[u] = with_bytes(total[u], first, w + 4 * u);
      continue;
    }
    const four_numbers second = numbers_at(kind, x);
    x += 4;
    UNROLL for (int u = 0; u < COLUMNS; u++) {
      const uint32_t both = (uint32_t)four_at((const uint8_t *)w + 4 * u);
      total[u] = with_products(total[u], first, both & 0x0f0f0f0fu);
      total[u] = with_products(total[u], second, both >> 4 & 0x0f0f0f0fu);
    }
  }
  return w;
}

static __attribute__((noinline, unused)) void byte_product(int rows, int kind, const uint8_t *x, long row, int groups,
    const int8_t *restrict w, int zero, const int8_t *column_sums, const float *scale, const float *bias, float *y,
    long y_row, int columns) {
  (void)kind;
  for (int p = 0; p < rows; p++)
    for (int n = 0; n < columns; n += COLUMNS) {
      int32_t total[COLUMNS];
      UNROLL for (int u = 0; u < COLUMNS; u++) total[u] = ((const int32_t *)(const void *)column_sums)[n + u] * -zero;
      add_groups(ANY, total, x + p * row, groups, w + 4 * n);
      UNROLL for (int u = 0; u < COLUMNS; u++)
        if (n + u < columns) y[p * y_row + n + u] = (float)total[u] * scale[n + u] + bias[n + u];
    }
}

INLINE void small_blocks(int rows, int kind, const uint8_t *x, const float *facts, int blocks, int block,
    const int8_t *restrict w, const float *scale, const float *bias, float *y, long y_row, int columns) {
  const int groups = block / (kind == BLOCKS4 ? 8 : 4);
  for (int p = 0; p < rows; p++)
    for (int n = 0; n < columns; n += COLUMNS) {
      float result[COLUMNS];
      UNROLL for (int u = 0; u < COLUMNS; u++) result[u] = bias[n + u];
      const int8_t *next = w + 4 * n;
      for (int b = 0; b < blocks; b++) {
        const float *fact = facts + 2 * (p * blocks + b);
        int32_t total[COLUMNS];
        UNROLL for (int u = 0; u < COLUMNS; u++) total[u] = -MOVED_W(kind) * (int32_t)fact[1];
        next = add_groups(kind, total, x + (p * blocks + b) * (long)block, groups, next);
        UNROLL for (int u = 0; u < COLUMNS; u++) result[u] += (float)total[u] * (scale[b * PANEL + n + u] * fact[0]);
      }
      UNROLL for (int u = 0; u < COLUMNS; u++)
        if (n + u < columns) y[p * y_row + n + u] = result[u];
    }
}

static __attribute__((noinline, unused)) void block_product(int rows, int kind, const uint8_t *x, const float *facts,
    int blocks, int block, const int8_t *restrict w, const float *scale, const float *bias, float *y, long y_row,
    int columns) {
  if (kind == BLOCKS4) small_blocks(rows, BLOCKS4, x, facts, blocks, block, w, scale, bias, y, y_row, columns);
  else small_blocks(rows, BLOCKS8, x, facts, blocks, block, w, scale, bias, y, y_row, columns);
}

#endif
