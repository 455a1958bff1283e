/* The one matrix kernel: y[p][n] = start[p][n] + sum over k of x[p][k] w[k][n], for one panel of VECTORS * LANES columns.

   The numbers of a row stand apart as its taps say, so that convolutions read their input where it is. */
typedef struct { const float *from; long row; int count[3]; long step[3]; } taps;
#define NO_TAPS (taps){0, 0, {0, 0, 0}, {0, 0, 0}}

/* How weights stand in memory, and bytes of a row of a panel. HALVES: the upper 16 bits of floats, those of a panel's
   second vector in the upper half of a word, those of its first one in the lower. WHOLES: int8, times `scale`. */
enum { FLOATS, HALVES, WHOLES };
/* x times whole numbers may be infinite where the product is not, so x is made less by this, which `scale` makes up for.
   It is a power of two: but for numbers below 1e-30 nothing is rounded. */
#define LESS(kind, x) ((kind) == WHOLES ? (x) * 0x1p-24f : (x))
#define ROW(kind) (VECTORS * LANES * ((kind) == FLOATS ? 4 : (kind) == HALVES ? 2 : 1))

#if defined(NO_VECTORS)

/* For processors without vectors: small, and not inlined. */
INLINE float weight(int kind, const char *w, int n) {
  if (kind == FLOATS) return ((const float *)w)[n];
  if (kind == WHOLES) return ((const int8_t *)w)[n];
  uint32_t word;
  memcpy(&word, w + 4 * (n % LANES), 4);
  word = n < LANES ? word << 16 : word & 0xffff0000u;
  float value;
  memcpy(&value, &word, 4);
  return value;
}

/* The sums of a whole panel stay in registers, whatever is written of it. */
INLINE const char *add_taps(int kind, float *sums, taps t, int p, const char *w) {
  for (int a = 0; a < t.count[0]; a++)
    for (int b = 0; b < t.count[1]; b++) {
      const float *x = t.from + p * t.row + a * t.step[0] + b * t.step[1];
      for (int k = 0; k < t.count[2]; k++, x += t.step[2], w += ROW(kind)) {
        const float f = LESS(kind, *x);
        UNROLL for (int n = 0; n < VECTORS * LANES; n++) sums[n] += f * weight(kind, w, n);
      }
    }
  return w;
}

static __attribute__((noinline, unused)) const char *add_floats(float *to, taps t, int p, const char *w) {
  float sums[VECTORS * LANES];
  UNROLL for (int n = 0; n < VECTORS * LANES; n++) sums[n] = to[n];
  w = add_taps(FLOATS, sums, t, p, w);
  UNROLL for (int n = 0; n < VECTORS * LANES; n++) to[n] = sums[n];
  return w;
}

static __attribute__((noinline, unused)) const char *add_narrow(int kind, float *to, taps t, int p, const char *w) {
  float sums[VECTORS * LANES];
  UNROLL for (int n = 0; n < VECTORS * LANES; n++) sums[n] = to[n];
  w = kind == HALVES ? add_taps(HALVES, sums, t, p, w) : add_taps(WHOLES, sums, t, p, w);
  UNROLL for (int n = 0; n < VECTORS * LANES; n++) to[n] = sums[n];
  return w;
}

#if defined(NEIGHBOURS)
INLINE const char *add_neighbours(int kind, float *to, const float *x, int count, const char *w) {
  if (kind == FLOATS) return add_neighbours_of_floats(to, x, count, w);
  return kind == HALVES ? add_neighbours_of_halves(to, x, count, w) : add_neighbours_of_wholes(to, x, count, w);
}
#endif

INLINE const char *add_any(int kind, float *to, taps t, int p, const char *w) {
#if defined(NEIGHBOURS)
  if (t.step[2] == 1) {
    for (int a = 0; a < t.count[0]; a++)
      for (int b = 0; b < t.count[1]; b++)
        w = add_neighbours(kind, to, t.from + p * t.row + a * t.step[0] + b * t.step[1], t.count[2], w);
    return w;
  }
#endif
  return kind == FLOATS ? add_floats(to, t, p, w) : add_narrow(kind, to, t, p, w);
}

INLINE void product(int kind, int rows, int sums, taps one, taps two,
    const void *w, const float *scale, const float *start, long start_row, float *y, long y_row, int columns) {
  (void)sums;
  for (int p = 0; p < rows; p++) {
    float total[VECTORS * LANES] = {0};
    if (kind != WHOLES)
      for (int n = 0; n < columns; n++) total[n] = start[p * start_row + n];
    const char *next = add_any(kind, total, one, p, (const char *)w);
    if (two.count[0]) add_any(kind, total, two, p, next);
    if (kind == WHOLES)
      for (int n = 0; n < columns; n++) total[n] = total[n] * scale[n] + start[p * start_row + n];
    for (int n = 0; n < columns; n++) y[p * y_row + n] = total[n];
  }
}

INLINE void product_of_two(int kind, taps one, taps two, const char *w, long apart, const float *scale,
    const float *start, float *y) {
  const int width = VECTORS * LANES;
  product(kind, 1, 1, one, two, w, scale, start, 0, y, 0, width);
  product(kind, 1, 1, one, two, w + apart, scale ? scale + width : scale, start + width, 0, y + width, 0, width);
}

#else

#define MOST_SUMS 16

typedef uint32_t word_vector __attribute__((vector_size(4 * LANES), may_alias));
typedef int32_t int_vector __attribute__((vector_size(4 * LANES), may_alias));
typedef int8_t small_vector __attribute__((vector_size(LANES), aligned(LANES), may_alias));

INLINE vector widened(int kind, const char *w, int v) {
  if (kind == HALVES) {
    const word_vector both = *(const word_vector *)w;
    return v ? (vector)(both & 0xffff0000u) : (vector)(both << 16);
  }
#ifdef WIDENED
  if (kind == WHOLES) return (vector)WIDENED(w + v * LANES);
#else
  if (kind == WHOLES) {
    const int_vector whole = __builtin_convertvector(((const small_vector *)w)[v], int_vector);
    return __builtin_convertvector(whole, vector);
  }
#endif
  return ((const vector *)w)[v];
}

/* A vector that several sums need stays in a register, where there is one of its size: gcc would read it from memory for
   each of them. */
#if !defined(__GNUC__) || defined(__clang__)
#define HELD(x) (void)0
#elif (LANES == 16 && defined(__AVX512F__)) || (LANES == 8 && defined(__AVX__)) || (LANES == 4 && defined(__SSE__))
#define HELD(x) __asm__("" : "+v"(x))
#elif LANES == 4 && defined(__aarch64__)
#define HELD(x) __asm__("" : "+w"(x))
#else
#define HELD(x) (void)0
#endif

/* One number of every row times a row of the panel, added to every `apart`th sum. */
INLINE void add_row(int kind, vector (*total)[VECTORS], int rows, int apart, const float *x, long row, const char *w) {
  vector weights[VECTORS];
  UNROLL for (int v = 0; v < VECTORS; v++) {
    weights[v] = widened(kind, w, v);
    if (rows > 1) HELD(weights[v]);
  }
  UNROLL for (int p = 0; p < rows; p++) {
    const float f = LESS(kind, x[p * row]);
    UNROLL for (int v = 0; v < VECTORS; v++) total[p * apart][v] += f * weights[v];
  }
}

INLINE const char *add_taps(int kind, vector total[][VECTORS], int rows, int sums, taps t, const char *w) {
  for (int a = 0; a < t.count[0]; a++)
    for (int b = 0; b < t.count[1]; b++) {
      const float *x = t.from + a * t.step[0] + b * t.step[1];
      int k = 0;
      for (; k + sums <= t.count[2]; k += sums)
        UNROLL for (int u = 0; u < sums; u++, w += ROW(kind))
          add_row(kind, total + u, rows, sums, x + (k + u) * t.step[2], t.row, w);
      if (sums > 1)
        for (; k < t.count[2]; k++, w += ROW(kind)) add_row(kind, total, rows, sums, x + k * t.step[2], t.row, w);
    }
  return w;
}

/* `rows` rows at once, each in `sums` partial sums; `columns` of the panel are written, and all of it is read from
   `start`. */
INLINE void product(int kind, int rows, int sums, taps one, taps two, const void *restrict panel, const float *scale,
    const float *start, long start_row, float *y, long y_row, int columns) {
  vector total[MOST_SUMS][VECTORS];
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < VECTORS; v++) {
      UNROLL for (int u = 1; u < sums; u++) total[p * sums + u][v] = (vector){0};
      const vector begin = *(const loose_vector *)(start + p * start_row + v * LANES);
      total[p * sums][v] = kind == WHOLES ? (vector){0} : begin;
    }
  const char *w = add_taps(kind, total, rows, sums, one, (const char *)panel);
  if (two.count[0]) add_taps(kind, total, rows, sums, two, w);
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < VECTORS; v++) {
      vector sum = total[p * sums][v];
      UNROLL for (int u = 1; u < sums; u++) sum += total[p * sums + u][v];
      if (kind == WHOLES)
        sum = sum * *(const loose_vector *)(scale + v * LANES)
            + *(const loose_vector *)(start + p * start_row + v * LANES);
      const int left = columns - v * LANES;
      if (left >= LANES) *(loose_vector *)(y + p * y_row + v * LANES) = sum;
      else if (left > 0) memcpy(y + p * y_row + v * LANES, &sum, 4 * left);
    }
}

#define PAIR_SUMS 2

/* A number of the row times a row of both panels. */
INLINE void add_to_two(int kind, vector *total, float x, const char *w, long apart) {
  const float f = LESS(kind, x);
  UNROLL for (int v = 0; v < 2 * VECTORS; v++)
    total[v] += f * widened(kind, w + v / VECTORS * apart, v % VECTORS);
}

INLINE const char *add_taps_to_two(int kind, vector total[][2 * VECTORS], taps t, const char *w, long apart) {
  for (int a = 0; a < t.count[0]; a++)
    for (int b = 0; b < t.count[1]; b++) {
      const float *x = t.from + a * t.step[0] + b * t.step[1];
      int k = 0;
      for (; k + PAIR_SUMS <= t.count[2]; k += PAIR_SUMS)
        UNROLL for (int u = 0; u < PAIR_SUMS; u++, w += ROW(kind))
          add_to_two(kind, total[u], x[(k + u) * t.step[2]], w, apart);
      for (; k < t.count[2]; k++, w += ROW(kind)) add_to_two(kind, total[0], x[k * t.step[2]], w, apart);
    }
  return w;
}

/* One row times two full panels, the second one `apart` bytes after the first: a number of the row, of whose product
   with one panel a third of all reads is, is read once for both. */
INLINE void product_of_two(int kind, taps one, taps two, const char *restrict panel, long apart, const float *scale,
    const float *start, float *y) {
  vector total[PAIR_SUMS][2 * VECTORS];
  UNROLL for (int v = 0; v < 2 * VECTORS; v++) {
    UNROLL for (int u = 1; u < PAIR_SUMS; u++) total[u][v] = (vector){0};
    total[0][v] = kind == WHOLES ? (vector){0} : (vector)*(const loose_vector *)(start + v * LANES);
  }
  const char *w = add_taps_to_two(kind, total, one, panel, apart);
  if (two.count[0]) add_taps_to_two(kind, total, two, w, apart);
  UNROLL for (int v = 0; v < 2 * VECTORS; v++) {
    vector sum = total[0][v];
    UNROLL for (int u = 1; u < PAIR_SUMS; u++) sum += total[u][v];
    if (kind == WHOLES)
      sum = sum * *(const loose_vector *)(scale + v * LANES) + *(const loose_vector *)(start + v * LANES);
    *(loose_vector *)(y + v * LANES) = sum;
  }
}

#endif

/* Two computed matrices: y (m, n) = a (m, depth) b (depth, n), strides of their axes given. */
static __attribute__((noinline, unused)) void between(int m, int depth, int n, const float *a, long a_row, long a_step,
    const float *b, long b_row, long b_step, float *restrict y) {
  for (int i = 0; i < m; i++, a += a_row, y += n) {
    for (int j = 0; j < n; j++) y[j] = 0.0f;
    if (b_step == 1)
      for (int k = 0; k < depth; k++) {
        const float f = a[k * a_step];
        for (int j = 0; j < n; j++) y[j] += f * b[k * b_row + j];
      }
    else
      for (int j = 0; j < n; j++) {
        float sum = 0.0f;
        for (int k = 0; k < depth; k++) sum += a[k * a_step] * b[k * b_row + j * b_step];
        y[j] = sum;
      }
  }
}
