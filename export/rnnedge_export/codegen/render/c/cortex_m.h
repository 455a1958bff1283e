/* Cortex-M with a float unit: eight columns of a panel in registers, and instructions that compilers do not think of: one
   that reads eight floats, one that moves two words to the float unit. FUSED: a multiplication with addition is as fast
   as either (Cortex-M7); on Cortex-M4 it takes three cycles, the two of them one each (its technical reference manual,
   section 7.2.3). */
#if defined(NO_VECTORS) && defined(__arm__) && defined(__ARM_FP) && VECTORS * LANES == 8
#if defined(FUSED)
#define ADD(sum, x, w, free) "vfma.f32 " sum ", " x ", " w "\n"
#else
#define ADD(sum, x, w, free) "vmul.f32 " free ", " x ", " w "\nvadd.f32 " sum ", " sum ", " free "\n"
#endif
#define ADD_ALL(x) \
  ADD("s0", x, "s16", "s24") ADD("s1", x, "s17", "s25") ADD("s2", x, "s18", "s26") ADD("s3", x, "s19", "s27") \
  ADD("s4", x, "s20", "s28") ADD("s5", x, "s21", "s29") ADD("s6", x, "s22", "s30") ADD("s7", x, "s23", "s31")

/* The next row of a panel, to s16 ... s23. */
#define ROW_OF_FLOATS "vldmia %[w]!, {s16-s23}\n"
#define TWO_WORDS(low, high) \
  "ldrd %[a], %[b], [%[w]], #8\nlsl %[c], %[a], #16\nlsl %[d], %[b], #16\nvmov " low ", %[c], %[d]\n" \
  "bfc %[a], #0, #16\nbfc %[b], #0, #16\nvmov " high ", %[a], %[b]\n"
#define ROW_OF_HALVES TWO_WORDS("s16, s17", "s20, s21") TWO_WORDS("s18, s19", "s22, s23")
#define CONVERTED(s) "vcvt.f32.s32 " s ", " s "\n"
#define FOUR_BYTES(first, second) \
  "ldr %[a], [%[w]], #4\nsxtb %[b], %[a]\nsxtb %[c], %[a], ror #8\nvmov " first ", %[b], %[c]\n" \
  "sxtb %[b], %[a], ror #16\nasr %[c], %[a], #24\nvmov " second ", %[b], %[c]\n"
#define ROW_OF_WHOLES \
  FOUR_BYTES("s16, s17", "s18, s19") FOUR_BYTES("s20, s21", "s22, s23") CONVERTED("s16") CONVERTED("s17") \
  CONVERTED("s18") CONVERTED("s19") CONVERTED("s20") CONVERTED("s21") CONVERTED("s22") CONVERTED("s23")

/* A function of `count` numbers next to each other, from 1 on, times as many rows; LESS_OF makes the numbers of x less. */
#define NEIGHBOURS(name, ROW_OF, LESS_OF) \
  static __attribute__((noinline, unused)) const char *name(float *to, const float *x, int count, const char *w) { \
    int a, b, c, d; \
    __asm__ volatile( \
        "vldmia %[to], {s0-s7}\n" \
        "subs %[count], #4\n" \
        "blt 2f\n" \
        "1:\n" \
        "vldmia %[x]!, {s8-s11}\n" \
        LESS_OF("s8") LESS_OF("s9") LESS_OF("s10") LESS_OF("s11") \
        ROW_OF ADD_ALL("s8") ROW_OF ADD_ALL("s9") ROW_OF ADD_ALL("s10") ROW_OF ADD_ALL("s11") \
        "subs %[count], #4\n" \
        "bge 1b\n" \
        "2:\n" \
        "adds %[count], #4\n" \
        "beq 4f\n" \
        "3:\n" \
        "vldmia %[x]!, {s8}\n" \
        LESS_OF("s8") ROW_OF ADD_ALL("s8") \
        "subs %[count], #1\n" \
        "bne 3b\n" \
        "4:\n" \
        "vstmia %[to], {s0-s7}\n" \
        : [x] "+r"(x), [count] "+r"(count), [w] "+r"(w), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d) \
        : [to] "r"(to), [less] "t"(0x1p-24f) \
        : "cc", "memory", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s16", "s17", \
          "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31"); \
    return w; \
  }
#define AS_IT_IS(x)
#define TIMES_LESS(x) "vmul.f32 " x ", " x ", %[less]\n"

NEIGHBOURS(add_neighbours_of_floats, ROW_OF_FLOATS, AS_IT_IS)
NEIGHBOURS(add_neighbours_of_halves, ROW_OF_HALVES, AS_IT_IS)
NEIGHBOURS(add_neighbours_of_wholes, ROW_OF_WHOLES, TIMES_LESS)
#endif
