/* The first ${number} of a row in their order, each with its place: of equal ones that with the lower place, NaN as if
   above all. They stand in a heap, whose root comes last in that order: n log n steps at most. */
INLINE int ${prefix}goes_before(${number} x, int64_t i, ${number} y, int64_t j, int largest) {
  const int x_none = ${is_none}(x), y_none = ${is_none}(y);
  if (x_none != y_none) return x_none == largest;
  if (!x_none && x != y) return (x > y) == largest;
  return i < j;
}

INLINE void ${prefix}sift_down(int at, int count, ${number} *y, int64_t *places, int largest) {
  const ${number} value = y[at];
  const int64_t place = places[at];
  for (int next = 2 * at + 1; next < count; next = 2 * at + 1) {
    const int other = next + 1;
    if (other < count && ${prefix}goes_before(y[next], places[next], y[other], places[other], largest)) next = other;
    if (!${prefix}goes_before(value, place, y[next], places[next], largest)) break;
    y[at] = y[next];
    places[at] = places[next];
    at = next;
  }
  y[at] = value;
  places[at] = place;
}

INLINE void ${prefix}choose_first(int length, const ${number} *x, int count, ${number} *y, int64_t *places, int largest) {
  for (int i = 0; i < count; i++) {
    y[i] = x[i];
    places[i] = i;
  }
  for (int i = count / 2; i > 0; i--) ${prefix}sift_down(i - 1, count, y, places, largest);
  for (int i = count; i < length; i++) {
    if (!${prefix}goes_before(x[i], i, y[0], places[0], largest)) continue;
    y[0] = x[i];
    places[0] = i;
    ${prefix}sift_down(0, count, y, places, largest);
  }
  for (int last = count - 1; last > 0; last--) {
    const ${number} value = y[last];
    const int64_t place = places[last];
    y[last] = y[0];
    places[last] = places[0];
    y[0] = value;
    places[0] = place;
    ${prefix}sift_down(0, last, y, places, largest);
  }
}
