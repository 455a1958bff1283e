/* The place of a number among `count` of them, negative ones from the end. One that names no place sets `refused`; the
   nearest one is taken then. */
INLINE int64_t place_of(int64_t number, int64_t count, int *refused) {
  int64_t place = number < 0 ? number + count : number;
  if (place >= 0 && place < count) return place;
  *refused = 1;
  return place < 0 ? 0 : count - 1;
}

/* Rows of a table (rows, width) by number. Returns whether a number names no row. */
INLINE int gather_rows(int count, const int64_t *numbers, const float *table, int64_t rows, int width, float *y) {
  int refused = 0;
  for (int i = 0; i < count; i++) memcpy(y + i * width, table + place_of(numbers[i], rows, &refused) * width, 4 * width);
  return refused;
}
