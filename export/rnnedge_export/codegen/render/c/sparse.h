/* The matrix kernel for weights most of whose groups are zeros: panels of one vector of columns, of which only those rows
   are kept that have a number there.

   In memory, each part aligned to 64 bytes: for every panel the number of its first kept row and of the first one that
   the second taps read, and the number of all; then the numbers of the rows within their taps; then the rows. */
typedef int32_t kept_count __attribute__((may_alias));
typedef uint16_t kept_row __attribute__((may_alias));
#define WHOLE_LINES(bytes) (((long)(bytes) + 63) / 64 * 64)

#if defined(NO_VECTORS)

typedef float kept_number __attribute__((may_alias));

INLINE void add_kept(float *total, int rows, int sums, taps t, const kept_row *row, const char *w, int from, int to) {
  (void)rows, (void)sums;
  for (int n = from; n < to; n++) {
    const float f = t.from[row[n] * t.step[2]];
    for (int c = 0; c < LANES; c++) total[c] += f * ((const kept_number *)w)[(long)n * LANES + c];
  }
}

#else

INLINE void add_kept(vector *total, int rows, int sums, taps t, const kept_row *row, const char *w, int from, int to) {
  int n = from;
  for (; n + sums <= to; n += sums)
    UNROLL for (int u = 0; u < sums; u++) {
      vector weights = ((const vector *)w)[n + u];
      if (rows > 1) HELD(weights);
      const float *x = t.from + row[n + u] * t.step[2];
      UNROLL for (int p = 0; p < rows; p++) total[p * sums + u] += x[p * t.row] * weights;
    }
  for (; sums > 1 && n < to; n++) {
    const float *x = t.from + row[n] * t.step[2];
    UNROLL for (int p = 0; p < rows; p++) total[p * sums] += x[p * t.row] * ((const vector *)w)[n];
  }
}

#endif

/* As `product`, for panel number `panel` of `panels`. */
INLINE void sparse_product(int rows, int sums, taps one, taps two, const void *packed, int panels, int panel,
    const float *start, long start_row, float *y, long y_row, int columns) {
  const kept_count *heads = (const kept_count *)packed + 2 * panel;
  const char *after = (const char *)packed + WHOLE_LINES(4 * (2 * panels + 1));
  const kept_row *row = (const kept_row *)after;
  const char *w = after + WHOLE_LINES(2 * ((const kept_count *)packed)[2 * panels]);
#if defined(NO_VECTORS)
  for (int p = 0; p < rows; p++) {
    float total[LANES] = {0};
    for (int n = 0; n < columns; n++) total[n] = start[p * start_row + n];
    one.from += p ? one.row : 0, two.from += p ? two.row : 0;
    add_kept(total, 1, sums, one, row, w, heads[0], heads[1]);
    add_kept(total, 1, sums, two, row, w, heads[1], heads[2]);
    for (int n = 0; n < columns; n++) y[p * y_row + n] = total[n];
  }
#else
  vector total[MOST_SUMS];
  UNROLL for (int p = 0; p < rows; p++) {
    UNROLL for (int u = 1; u < sums; u++) total[p * sums + u] = (vector){0};
    total[p * sums] = *(const loose_vector *)(start + p * start_row);
  }
  add_kept(total, rows, sums, one, row, w, heads[0], heads[1]);
  if (two.count[0]) add_kept(total, rows, sums, two, row, w, heads[1], heads[2]);
  UNROLL for (int p = 0; p < rows; p++) {
    vector sum = total[p * sums];
    UNROLL for (int u = 1; u < sums; u++) sum += total[p * sums + u];
    if (columns >= LANES) *(loose_vector *)(y + p * y_row) = sum;
    else memcpy(y + p * y_row, &sum, 4 * columns);
  }
#endif
}
