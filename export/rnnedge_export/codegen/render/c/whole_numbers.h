/* Whole numbers, which wrap around as those of onnxruntime do. */
INLINE int64_t whole_sum(int64_t x, int64_t y) { return (int64_t)((uint64_t)x + (uint64_t)y); }
INLINE int64_t whole_difference(int64_t x, int64_t y) { return (int64_t)((uint64_t)x - (uint64_t)y); }
INLINE int64_t whole_product(int64_t x, int64_t y) { return (int64_t)((uint64_t)x * (uint64_t)y); }
INLINE int64_t whole_sign(int64_t x) { return (x > 0) - (x < 0); }
INLINE int64_t bitwise_and(int64_t x, int64_t y) { return x & y; }
INLINE int64_t bitwise_or(int64_t x, int64_t y) { return x | y; }
INLINE int64_t bitwise_xor(int64_t x, int64_t y) { return x ^ y; }
INLINE int64_t bitwise_not(int64_t x) { return ~x; }
INLINE int64_t whole_negative(int64_t x) { return whole_difference(0, x); }
INLINE int64_t whole_smaller(int64_t x, int64_t y) { return x < y ? x : y; }
INLINE int64_t whole_larger(int64_t x, int64_t y) { return x > y ? x : y; }
INLINE int64_t whole_rectified(int64_t x) { return x > 0 ? x : 0; }
INLINE int64_t whole_magnitude(int64_t x) { return x < 0 ? whole_difference(0, x) : x; }

/* Towards 0; what is divided by 0, which onnxruntime does not survive, is 0. */
INLINE int64_t whole_quotient(int64_t x, int64_t y) {
  return y == 0 ? 0 : y == -1 ? whole_negative(x) : x / y;
}
INLINE int64_t whole_rest(int64_t x, int64_t y) { return y == 0 || y == -1 ? 0 : x % y; }
/* With the sign of y. */
INLINE int64_t whole_modulo(int64_t x, int64_t y) {
  const int64_t rest = whole_rest(x, y);
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

/* Bits of an unsigned number. */
INLINE int64_t shifted_left(int64_t x, int64_t by) { return (uint64_t)by > 63 ? 0 : (int64_t)((uint64_t)x << by); }
INLINE int64_t shifted_right(int64_t x, int64_t by) { return (uint64_t)by > 63 ? 0 : (int64_t)((uint64_t)x >> by); }

/* A float as a whole number of 64 or 32 bits; one that is none of them is the least one, as on x86. */
INLINE int64_t whole_of(float x) {
  return x >= -9223372036854775808.0f && x < 9223372036854775808.0f ? (int64_t)x : INT64_MIN;
}
INLINE int64_t short_of(float x) { return x >= -2147483648.0f && x < 2147483648.0f ? (int64_t)x : INT32_MIN; }
