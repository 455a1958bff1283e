/* A library of several levels of x86-64: the highest that this processor and its system can run. */
#include <cpuid.h>
#include <stdint.h>

#define LEVEL(name) extern const void *rnnedge_library_v1_of_##name(void);
LEVEL(x86_64_v2)
LEVEL(x86_64_v3)
LEVEL(x86_64_v4)
#ifdef WITH_VNNI
LEVEL(x86_64_vnni)
#endif

/* Registers that the system saves (XCR0); 0 where it cannot be asked. */
static uint32_t saved(uint32_t features) {
  uint32_t low = 0, high = 0;
  if (features & bit_OSXSAVE) __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

__attribute__((visibility("default"))) const void *rnnedge_library_v1(void) {
  uint32_t a, b, c, d, more = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) {
    const uint32_t one = bit_FMA | bit_F16C | bit_MOVBE, seven = bit_AVX2 | bit_BMI | bit_BMI2;
    const uint32_t kept = saved(c), first = (c & one) == one;
    const uint32_t counts = __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & bit_LZCNT);
    if (__get_cpuid_count(7, 0, &a, &more, &c, &d) && (kept & 0x6) == 0x6 && first && counts && (more & seven) == seven) {
      const uint32_t wide = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
      if ((kept & 0xe6) != 0xe6 || (more & wide) != wide) return rnnedge_library_v1_of_x86_64_v3();
#ifdef WITH_VNNI
      if (c & bit_AVX512VNNI) return rnnedge_library_v1_of_x86_64_vnni();
#endif
      return rnnedge_library_v1_of_x86_64_v4();
    }
  }
  return rnnedge_library_v1_of_x86_64_v2();
}
