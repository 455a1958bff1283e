/* One place of a convolution of every channel by itself: a kernel (rows, columns, channels) at x, whose numbers stand
   row_step, column_step and channel_step apart. */
INLINE void depthwise(int rows, int columns, int channels, const float *x, int row_step, int column_step,
    int channel_step, const float *w, const float *start, float *y) {
  memcpy(y, start, 4 * channels);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) {
      const float *const from = x + i * row_step + j * column_step;
      const float *const k = w + (i * columns + j) * channels;
      INDEPENDENT
      for (int c = 0; c < channels; c++) y[c] += from[c * channel_step] * k[c];
    }
}

/* Add a kernel (rows, columns, channels) of a transposed convolution to its place. */
INLINE void overlap_add(int rows, int columns, int channels, const float *x, float *y, int row_step, int column_step) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) {
      float *const to = y + i * row_step + j * column_step;
      const float *const k = x + (i * columns + j) * channels;
      INDEPENDENT
      for (int c = 0; c < channels; c++) to[c] += k[c];
    }
}
