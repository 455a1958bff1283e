/* x^y for every x and y, as powf of C99; relative error below 6e-7 for |y| up to 16.

   x = 2^n m with m in 2^-1/2 ... 2^1/2, so x^y = 2^(n y) m^y. The product n y, up to 2^8 times y, would lose as many
   bits: y is taken in two parts, of which the product of the upper one is exact. */
INLINE float power(float x, float y) {
  const float a = magnitude(x);
  const int small = a < 1.17549435e-38f, half = 0x3f3504f3;
  const float scaled = small ? a * 8388608.0f : a;
  int32_t bits;
  memcpy(&bits, &scaled, 4);
  int32_t n = (int32_t)((uint32_t)bits - (uint32_t)half) >> 23;
  const int32_t rest = (int32_t)((uint32_t)bits - ((uint32_t)n << 23));
  float m;
  memcpy(&m, &rest, 4);
  n = small ? n - 23 : n;
  /* log2 m: the series of 2 artanh(q), over ln 2. */
  const float q = (m - 1.0f) / (m + 1.0f), s = q * q;
  float p = 0.262308189f;
  p = p * s + 0.320598898f;
  p = p * s + 0.412198583f;
  p = p * s + 0.577078016f;
  p = p * s + 0.961796694f;
  const float logarithm_of_m = p * s * q + 2.88539008f * q;
  /* Beyond 2^8 every x but those next to 1 overflows or vanishes. */
  const float exponent = y > 1e9f ? 1e9f : y < -1e9f ? -1e9f : y;
  int32_t upper_bits;
  memcpy(&upper_bits, &exponent, 4);
  upper_bits &= (int32_t)0xffff8000;
  float upper;
  memcpy(&upper, &upper_bits, 4);
  const float product = upper * (float)n;
  const float bounded = product > 1e6f ? 1e6f : product < -1e6f ? -1e6f : product;
  const float whole = nearest_of(bounded);
  const float other = (bounded - whole) + ((exponent - upper) * (float)n + exponent * logarithm_of_m);
  const float more = nearest_of(other > 1e6f ? 1e6f : other < -1e6f ? -1e6f : other);
  const float sum = whole + more;
  const int32_t k = (int32_t)(sum > 254.0f ? 254.0f : sum < -252.0f ? -252.0f : sum);
  const float of_rest = bounded_exponential((other - more) * 0.693147181f);
  const float found = of_rest * power_of_two(k / 2) * power_of_two(k - k / 2);
  /* The ends, in an order in which later ones win. */
  const float end = (a > 1.0f) == (y > 0.0f) ? INFINITE : 0.0f;
  float result = a == 0.0f || a == INFINITE || magnitude(y) == INFINITE ? end : found;
  result = a == 1.0f ? 1.0f : result;
  const int is_whole = floor_of(y) == y;
  const int is_odd = is_whole && magnitude(y) < 16777216.0f && floor_of(0.5f * y) != 0.5f * y;
  int32_t sign;
  memcpy(&sign, &x, 4);
  result = sign < 0 && is_odd ? -result : result;
  result = x < 0.0f && x != -INFINITE && !is_whole ? NOT_A_NUMBER : result;
  result = x != x || y != y ? NOT_A_NUMBER : result;
  return x == 1.0f || y == 0.0f ? 1.0f : result;
}
