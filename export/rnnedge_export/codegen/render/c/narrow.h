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

INLINE int32_t four_at(const uint8_t *x) {
  int32_t four;
  memcpy(&four, x, 4);
  return four;
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
