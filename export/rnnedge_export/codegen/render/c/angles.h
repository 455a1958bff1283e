/* Angles, hyperbolic functions and their inverses. Errors are of the result, or of 1 where it is less. */

INLINE float cosine(float x) {
  const double y = magnitude(x) < 8388608.0f ? (double)x : without_turns(x);
  return sine_of_double(y + 1.5707963267948966);
}

INLINE float tangent_of_angle(float x) { return sine(x) / cosine(x); }

/* atan x, error below 2e-7: Cephes atanf, with |x| taken to tan(pi / 8) and below. */
INLINE float arctangent(float x) {
  const float a = magnitude(x);
  const int far = a > 2.41421356f;
  const int middle = a > 0.414213562f;
  const float t = far ? -1.0f / a : middle ? (a - 1.0f) / (a + 1.0f) : a;
  const float s = t * t;
  float p = 8.05374449538e-2f;
  p = p * s - 1.38776856032e-1f;
  p = p * s + 1.99777106478e-1f;
  p = p * s - 3.33329491539e-1f;
  const float y = (far ? 1.57079633f : middle ? 0.785398163f : 0.0f) + (p * s * t + t);
  return x < 0.0f ? -y : y;
}

/* asin of s, s^2 = z up to 1/4: Cephes asinf. */
INLINE float small_arcsine(float s, float z) {
  float p = 4.2163199048e-2f;
  p = p * z + 2.4181311049e-2f;
  p = p * z + 4.5470025998e-2f;
  p = p * z + 7.4953002686e-2f;
  p = p * z + 1.6666752422e-1f;
  return p * z * s + s;
}

/* asin x, error below 3e-7; NaN beyond -1 ... 1. Near the ends through the half angle. */
INLINE float arcsine(float x) {
  const float a = magnitude(x);
  const int far = a > 0.5f;
  const float z = far ? 0.5f * (1.0f - a) : a * a;
  const float p = small_arcsine(far ? square_root(z) : a, z);
  const float y = far ? 1.57079633f - 2.0f * p : p;
  return x < 0.0f ? -y : y;
}

/* acos x, error below 3e-7 of the result; NaN beyond -1 ... 1. */
INLINE float arccosine(float x) {
  const float a = magnitude(x);
  const int far = a > 0.5f;
  const float z = far ? 0.5f * (1.0f - a) : a * a;
  const float p = small_arcsine(far ? square_root(z) : a, z);
  const float near_one = x < 0.0f ? 3.14159265f - 2.0f * p : 2.0f * p;
  const float near_zero = x < 0.0f ? 1.57079633f + p : 1.57079633f - p;
  return far ? near_one : near_zero;
}

/* Half of e^x, which is finite a little longer than e^x. */
INLINE float half_exponential(float x) {
  const float root = exponential(0.5f * x);
  return 0.5f * root * root;
}

INLINE float hyperbolic_cosine(float x) {
  const float half = half_exponential(magnitude(x));
  return half + 0.25f / half;
}

/* sinh x: odd series below 1. */
INLINE float hyperbolic_sine(float x) {
  const float a = magnitude(x);
  const float s = a * a;
  const float half = half_exponential(a);
  float p = 1.0f / 362880.0f;
  p = p * s + 1.0f / 5040.0f;
  p = p * s + 1.0f / 120.0f;
  p = p * s + 1.0f / 6.0f;
  const float y = a < 1.0f ? p * s * a + a : half - 0.25f / half;
  return x < 0.0f ? -y : y;
}

/* ln(1 + x), good for small x: the rounding of 1 + x is taken out again. */
INLINE float logarithm_of_one_and(float x) {
  const float w = 1.0f + x;
  const float y = logarithm(w) * (x / (w - 1.0f));
  return w == 1.0f ? x : x > 1e9f ? logarithm(x) : y;
}

INLINE float inverse_hyperbolic_sine(float x) {
  const float a = magnitude(x);
  const float near = logarithm_of_one_and(a + a * a / (1.0f + square_root(1.0f + a * a)));
  const float y = a > 1e9f ? logarithm(a) + 0.693147181f : near;
  return x < 0.0f ? -y : y;
}

INLINE float inverse_hyperbolic_cosine(float x) {
  const float t = x - 1.0f;
  const float near = logarithm_of_one_and(t + square_root(2.0f * t + t * t));
  const float y = x > 1e9f ? logarithm(x) + 0.693147181f : near;
  return x < 1.0f ? NOT_A_NUMBER : y;
}

INLINE float inverse_hyperbolic_tangent(float x) {
  const float a = magnitude(x);
  const float y = 0.5f * logarithm_of_one_and(2.0f * a / (1.0f - a));
  return x < 0.0f ? -y : y;
}

INLINE float mish(float x) { return x * tangent(softplus(x)); }
INLINE float continuous_linear(float x, float alpha) {
  return x < 0.0f ? alpha * (exponential(x / alpha) - 1.0f) : x;
}
INLINE float scaled_linear(float x, float alpha, float gamma) {
  return gamma * (x < 0.0f ? alpha * (exponential(x) - 1.0f) : x);
}
