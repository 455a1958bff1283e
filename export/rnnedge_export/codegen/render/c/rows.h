/* Rows of a table (rows, width) by number, negative ones from its end. Returns whether a number names no row; the
   nearest one is taken then. */
INLINE int gather_rows(int count, const int64_t *numbers, const float *table, int64_t rows, int width, float *y) {
  int refused = 0;
  for (int i = 0; i < count; i++) {
    int64_t row = numbers[i];
    row = row < 0 ? row + rows : row;
    if (row < 0 || row >= rows) {
      refused = 1;
      row = row < 0 ? 0 : rows - 1;
    }
    memcpy(y + i * width, table + row * width, 4 * width);
  }
  return refused;
}
