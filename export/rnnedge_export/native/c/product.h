/* The one matrix kernel: y[p][n] = start[p][n] + sum over k of x[p][k] w[k][n], for one panel of VECTORS * LANES columns.

   The numbers of a row stand apart as its taps say, so that convolutions read their input where it is. */
typedef struct { const float *from; long row; int count[3]; long step[3]; } taps;
#define NO_TAPS (taps){0, 0, {0, 0, 0}, {0, 0, 0}}

#if defined(NO_VECTORS)

/* For processors without vectors: small, and not inlined. */
static __attribute__((noinline, unused)) const float *add_taps(float *sums, int columns, taps t, int p, const float *w) {
  for (int a = 0; a < t.count[0]; a++)
    for (int b = 0; b < t.count[1]; b++) {
      const float *x = t.from + p * t.row + a * t.step[0] + b * t.step[1];
      for (int k = 0; k < t.count[2]; k++, x += t.step[2], w += VECTORS * LANES) {
        const float f = *x;
        for (int n = 0; n < columns; n++) sums[n] += f * w[n];
      }
    }
  return w;
}

static __attribute__((noinline, unused)) void product(int rows, int sums, taps one, taps two, const float *w,
    const float *start, long start_row, float *y, long y_row, int columns) {
  (void)sums;
  for (int p = 0; p < rows; p++) {
    float total[VECTORS * LANES];
    for (int n = 0; n < columns; n++) total[n] = start[p * start_row + n];
    add_taps(total, columns, two, p, add_taps(total, columns, one, p, w));
    for (int n = 0; n < columns; n++) y[p * y_row + n] = total[n];
  }
}

#else

#define MOST_SUMS 16

INLINE const float *add_taps(vector total[][VECTORS], int rows, int sums, taps t, const float *w) {
  for (int a = 0; a < t.count[0]; a++)
    for (int b = 0; b < t.count[1]; b++) {
      const float *x = t.from + a * t.step[0] + b * t.step[1];
      int k = 0;
      for (; k + sums <= t.count[2]; k += sums)
        UNROLL for (int u = 0; u < sums; u++, w += VECTORS * LANES)
          UNROLL for (int p = 0; p < rows; p++) {
            const float f = x[p * t.row + (k + u) * t.step[2]];
            UNROLL for (int v = 0; v < VECTORS; v++) total[p * sums + u][v] += f * ((const vector *)w)[v];
          }
      if (sums > 1)
        for (; k < t.count[2]; k++, w += VECTORS * LANES)
          UNROLL for (int p = 0; p < rows; p++) {
            const float f = x[p * t.row + k * t.step[2]];
            UNROLL for (int v = 0; v < VECTORS; v++) total[p * sums][v] += f * ((const vector *)w)[v];
          }
    }
  return w;
}

/* `rows` rows at once, each in `sums` partial sums; `columns` of the panel are written, and all of it is read from
   `start`. */
INLINE void product(int rows, int sums, taps one, taps two, const float *restrict w,
    const float *start, long start_row, float *y, long y_row, int columns) {
  vector total[MOST_SUMS][VECTORS];
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < VECTORS; v++) {
      UNROLL for (int u = 1; u < sums; u++) total[p * sums + u][v] = (vector){0};
      total[p * sums][v] = *(const loose_vector *)(start + p * start_row + v * LANES);
    }
  w = add_taps(total, rows, sums, one, w);
  if (two.count[0]) w = add_taps(total, rows, sums, two, w);
  UNROLL for (int p = 0; p < rows; p++)
    UNROLL for (int v = 0; v < VECTORS; v++) {
      vector sum = total[p * sums][v];
      UNROLL for (int u = 1; u < sums; u++) sum += total[p * sums + u][v];
      const int left = columns - v * LANES;
      if (left >= LANES) *(loose_vector *)(y + p * y_row + v * LANES) = sum;
      else if (left > 0) memcpy(y + p * y_row + v * LANES, &sum, 4 * left);
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
