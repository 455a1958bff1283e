/* Types, and functions of one number. All are free of branches, so that loops over them become vectors. */
#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("GCC unroll 16")
#if defined(NO_VECTORS)
#define INDEPENDENT
#elif defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define INFINITE __builtin_inff()
#define NOT_A_NUMBER __builtin_nanf("")
#define square_root __builtin_sqrtf

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4 * LANES), may_alias));
typedef float loose_vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE float smaller(float x, float y) { return y < x || y != y ? y : x; }
INLINE float larger(float x, float y) { return y > x || y != y ? y : x; }
INLINE float magnitude(float x) { return __builtin_fabsf(x); }
INLINE float squared(float x) { return x * x; }
INLINE float cubed(float x) { return x * x * x; }
/* x^0.5, which is infinite of -infinity: no number is the square root of that. */
INLINE float half_power(float x) { return x == -INFINITE ? INFINITE : square_root(x); }
INLINE float rectified(float x) { return x < 0.0f ? 0.0f : x; }
INLINE float leaky(float x, float slope) { return x < 0.0f ? slope * x : x; }
INLINE float hard_sigmoid(float x, float alpha, float beta) { return larger(0.0f, smaller(1.0f, alpha * x + beta)); }
INLINE float hard_swish(float x) { return x * larger(0.0f, smaller(1.0f, x / 6.0f + 0.5f)); }
INLINE float floor_of(float x) {
  const int small = magnitude(x) < 8388608.0f;
  const float n = (float)(int32_t)(small ? x : 0.0f);
  return small ? n - (n > x) : x;
}

/* 2^n for n in -126 ... 127. */
INLINE float power_of_two(int32_t n) {
  const int32_t bits = (n + 127) << 23;
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

/* x - n y for the whole number n towards 0, exactly, with the sign of x: long division of the mantissas, 8 bits at a
   time. NaN where y is 0 or x is infinite. */
INLINE float rest_of(float x, float y) {
  uint32_t a, b;
  memcpy(&a, &x, 4);
  memcpy(&b, &y, 4);
  const uint32_t sign = a & 0x80000000u;
  a &= 0x7fffffffu;
  b &= 0x7fffffffu;
  if (a >= 0x7f800000u || b > 0x7f800000u || b == 0) return NOT_A_NUMBER;
  if (a < b) return x;
  int32_t high = (int32_t)(a >> 23), low = (int32_t)(b >> 23);
  uint32_t rest = (a & 0x7fffffu) | (high ? 0x800000u : 0), divisor = (b & 0x7fffffu) | (low ? 0x800000u : 0);
  high = high ? high : 1;
  low = low ? low : 1;
  rest %= divisor;
  for (int32_t left = high - low; left > 0; left -= 8) rest = (rest << (left < 8 ? left : 8)) % divisor;
  /* Times 2^(low - 150), in steps: the smallest of these is no float. */
  float result = (float)rest * power_of_two(low > 24 ? low - 150 : -126);
  for (int32_t k = low; k < 24; k++) result *= 0.5f;
  return sign ? -result : result;
}

INLINE float ceiling_of(float x) { return -floor_of(-x); }
INLINE float sign_of(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }
INLINE int is_nan(float x) { return x != x; }
INLINE int never(int64_t x) { return (void)x, 0; }
INLINE int is_infinite(float x, int negative, int positive) {
  return (x == -INFINITE && negative) || (x == INFINITE && positive);
}
INLINE float finite_or_zero(float x) { return magnitude(x) < INFINITE ? x : 0.0f; }
INLINE float over_norm(float x, float norm) { return norm == 0.0f ? 0.0f : x / norm; }
INLINE float shrunk(float x, float edge, float bias) { return x < -edge ? x + bias : x > edge ? x - bias : 0.0f; }
INLINE float softsign(float x) { return x / (1.0f + magnitude(x)); }
INLINE float above(float x, float edge) { return x > edge ? x : 0.0f; }

/* The nearest whole number, ties to even, by an addition that must not be reassociated. */
INLINE float nearest_of(float x) {
  const float a = magnitude(x);
  const float n = (a + 8388608.0f) - 8388608.0f;
  const float signed_n = x < 0.0f ? -n : n;
  return a < 8388608.0f ? signed_n : x;
}

/* e^x for x in -87.3 ... 88, relative error below 3e-7: x = n ln 2 + r, and the series of e^r up to r^6. Beyond it the
   ends; NaN stays NaN. n is rounded by an addition that must not be reassociated. */
INLINE float bounded_exponential(float x) {
  x = x > 88.0f ? 88.0f : x;
  x = x < -87.3f ? -87.3f : x;
  float t = x * 1.44269504f + 12582912.0f, n = t - 12582912.0f;
  float r = x - n * 0.693145752f - n * 1.42860677e-6f;
  float p = 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t bits;
  memcpy(&bits, &t, 4);
  bits = (int32_t)((uint32_t)bits << 23) + (127 << 23);
  float scale;
  memcpy(&scale, &bits, 4);
  return p * scale;
}

/* e^x for every x, with 0 below -87.3 and infinity above 88.72. */
INLINE float exponential(float x) {
  float half = bounded_exponential(0.5f * x), y = half * half;
  y = x > 88.7228394f ? INFINITE : y;
  return x < -87.3f ? 0.0f : y;
}

/* 1 / (1 + e^-x), relative error below 6e-7 above -86; and what it divides by, at most 2^127. */
INLINE float sigmoid_divisor(float x) { return 1.0f + bounded_exponential(-x); }
INLINE float sigmoid(float x) { return 1.0f / sigmoid_divisor(x); }

/* tanh x, relative error below 5e-7 and never beyond 1: x P(x^2) / Q(x^2), a minimax fit of the relative error on
   -9 ... 9 (iterated weighted least squares), beyond it the ends; NaN stays NaN. */
typedef struct { float above, below; } fraction;

INLINE fraction tangent_fraction(float x) {
  x = x > 9.0f ? 9.0f : x;
  x = x < -9.0f ? -9.0f : x;
  const float s = x * x;
  float p = 1.82537816e-11f;
  p = p * s - 1.27799743e-08f;
  p = p * s + 9.26731179e-06f;
  p = p * s + 0.00292075458f;
  p = p * s + 0.129192238f;
  p = p * s + 0.999999941f;
  float q = 0.000228098899f;
  q = q * s + 0.0237631451f;
  q = q * s + 0.462525078f;
  q = q * s + 1.0f;
  p *= x;
  p = p > q ? q : p;
  p = p < -q ? -q : p;
  return (fraction){p, q};
}

INLINE float tangent(float x) {
  const fraction found = tangent_fraction(x);
  return found.above / found.below;
}

/* tanh x / by, for `by` of at least 1: a division takes as long as all the rest, so two are made one. */
INLINE float tangent_over(float x, float by) {
  const fraction found = tangent_fraction(x);
  return found.above / (found.below * by);
}

/* ln x for x > 0, denormal or not, error below 2e-7 of the result or 1e-7: x = 2^n m with m in 2^-1/2 ... 2^1/2, and the series of
   2 artanh((m - 1) / (m + 1)). -infinity at 0, NaN below. */
INLINE float logarithm(float x) {
  int32_t bits, half = 0x3f3504f3;
  const int small = x < 1.17549435e-38f;
  float scaled = small ? x * 8388608.0f : x;
  memcpy(&bits, &scaled, 4);
  int32_t n = (int32_t)((uint32_t)bits - (uint32_t)half) >> 23;
  int32_t rest = (int32_t)((uint32_t)bits - ((uint32_t)n << 23));
  float m;
  memcpy(&m, &rest, 4);
  float q = (m - 1.0f) / (m + 1.0f), s = q * q;
  float p = 2.0f / 11.0f;
  p = p * s + 2.0f / 9.0f;
  p = p * s + 2.0f / 7.0f;
  p = p * s + 2.0f / 5.0f;
  p = p * s + 2.0f / 3.0f;
  n = small ? n - 23 : n;
  float y = (float)n * 0.693147182f + (p * s * q + 2.0f * q);
  y = x == INFINITE ? x : y;
  y = x == 0.0f ? -INFINITE : y;
  return x >= 0.0f ? y : NOT_A_NUMBER;
}

/* sin x, |x| up to 1e8: x = n pi + r, pi in two parts, and the series of sin r up to r^11. */
INLINE float sine_of_double(double x) {
  double t = x * 0.3183098861837907 + 6755399441055744.0, n = t - 6755399441055744.0;
  float r = (float)((x - n * 3.141592653589793) - n * 1.2246467991473532e-16);
  float s = r * r;
  float p = -2.50521084e-8f;
  p = p * s + 2.75573192e-6f;
  p = p * s - 1.98412698e-4f;
  p = p * s + 8.33333333e-3f;
  p = p * s - 0.166666667f;
  p = r + r * s * p;
  int64_t count;
  memcpy(&count, &t, 8);
  return count & 1 ? -p : p;
}

/* A number of the same sine, below 1.1e8, for |x| from 2^23 on: x is a whole number of 24 bits times 2^e, and turns[e] is 2^e
   modulo 2 pi, over 2^e. */
INLINE double without_turns(float x) {
  static const double turns[] = {
      1.0, 1.0, 1.0, 0.2146018366025517, 0.2146018366025517,
      0.018252295753189613, 0.018252295753189613, 0.018252295753189613, 0.018252295753189613, 0.005980449450104483,
      0.005980449450104483, 0.0029124878743332005, 0.0013785070864475594, 0.0006115166925047389, 0.00022802149553332853,
      3.627389704762338e-05, 3.627389704762338e-05, 3.627389704762338e-05, 1.2305447236910234e-05, 3.212223315536612e-07,
      3.212223315536612e-07, 3.212223315536612e-07, 3.212223315536612e-07, 3.212223315536612e-07, 3.212223315536612e-07,
      1.3396881740746477e-07, 4.0342060334366545e-08, 4.0342060334366545e-08, 1.6935371066091987e-08, 5.232026431954709e-09,
      5.232026431954709e-09, 2.30619027342039e-09, 8.4327219415323e-10, 1.1181315451965015e-10, 1.1181315451965015e-10,
      1.1181315451965015e-10, 2.0380774565452666e-11, 2.0380774565452666e-11, 2.0380774565452666e-11, 8.95172707117798e-12,
      3.2372033240406368e-12, 3.7994145047196533e-13, 3.7994145047196533e-13, 3.7994145047196533e-13, 2.2783716275881416e-14,
      2.2783716275881416e-14, 2.2783716275881416e-14, 2.2783716275881416e-14, 4.613578886261727e-16, 4.613578886261727e-16,
      4.613578886261727e-16, 4.613578886261727e-16, 4.613578886261727e-16, 4.613578886261727e-16, 1.1257103882530948e-16,
      1.1257103882530948e-16, 2.5374326375093677e-17, 2.5374326375093677e-17, 3.575148262539729e-18, 3.575148262539729e-18,
      3.575148262539729e-18, 8.502509984704855e-19, 8.502509984704855e-19, 1.6902668245317463e-19, 1.6902668245317463e-19,
      1.6902668245317463e-19, 8.387364295101077e-20, 4.129712319992884e-20, 2.000886332438787e-20, 9.364733386617386e-21,
      4.042668417732144e-21, 1.3816359332895233e-21, 5.111969106821283e-23, 5.111969106821283e-23, 5.111969106821283e-23,
      5.111969106821283e-23, 5.111969106821283e-23, 9.54105849879688e-24, 9.54105849879688e-24, 9.54105849879688e-24,
      4.343729427619885e-24, 1.7450648920313883e-24, 4.457326242371399e-25, 4.457326242371399e-25, 1.2089955728857776e-25,
      1.2089955728857776e-25, 3.9691290551437226e-26, 3.9691290551437226e-26, 1.9389223867152093e-26, 9.238190525009527e-27,
      4.1626738539382446e-27, 1.624915518402603e-27, 3.5603635063478227e-28, 3.5603635063478227e-28, 3.8816558692827074e-29,
      3.8816558692827074e-29, 3.8816558692827074e-29, 3.8816558692827074e-29, 1.8990321696454873e-29, 9.077203198268774e-30,
      4.120643949175725e-30, 1.6423643246291998e-30, 4.032245123559374e-31, 4.032245123559374e-31, 9.343955928762185e-32};
  int32_t bits;
  memcpy(&bits, &x, 4);
  const int e = (bits >> 23 & 255) - 150;
  return e > 104 ? (double)(x - x) : (double)x * turns[e];
}

/* sin x, error below 2e-7. Loads from a table by vectors are slower than a branch. */
INLINE float sine(float x) { return sine_of_double(magnitude(x) < 8388608.0f ? (double)x : without_turns(x)); }

INLINE float softplus(float x) { return (x > 0.0f ? x : 0.0f) + logarithm(1.0f + exponential(-magnitude(x))); }
INLINE float exponential_linear(float x, float alpha) { return x < 0.0f ? alpha * (exponential(x) - 1.0f) : x; }

/* erf x, error below 4e-7 (Abramowitz & Stegun 1964, 7.1.26 has 1.5e-7 in exact arithmetic); odd series near 0. */
INLINE float error_function(float x) {
  float a = magnitude(x), s = x * x;
  float t = 1.0f / (1.0f + 0.3275911f * a);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float far = 1.0f - p * t * bounded_exponential(-s);
  far = x < 0.0f ? -far : far;
  float q = -1.0f / 1320.0f;
  q = q * s + 1.0f / 216.0f;
  q = q * s - 1.0f / 42.0f;
  q = q * s + 1.0f / 10.0f;
  q = q * s - 1.0f / 3.0f;
  q = q * s + 1.0f;
  return a < 0.5f ? 1.12837917f * x * q : far;
}

INLINE float gelu(float x) { return 0.5f * x * (1.0f + error_function(0.707106781f * x)); }
INLINE float gelu_by_tangent(float x) { return 0.5f * x * (1.0f + tangent(0.797884561f * (x + 0.044715f * x * x * x))); }
