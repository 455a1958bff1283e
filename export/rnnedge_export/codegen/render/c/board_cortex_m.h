/* A Cortex-M: semihosting by a breakpoint, time by SysTick, which counts down at 25 MHz of virtual time. */
#define WORD(address) (*(volatile unsigned *)(address))
#define SYSTICK_CONTROL WORD(0xE000E010u)
#define SYSTICK_RELOAD WORD(0xE000E014u)
#define SYSTICK_NOW WORD(0xE000E018u)
#define COPROCESSORS WORD(0xE000ED88u)
#define LARGEST 0xFFFFFFu

extern char stack_top[];

static unsigned host(unsigned what, const void *given) {
  register unsigned r0 __asm__("r0") = what;
  register const void *r1 __asm__("r1") = given;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static unsigned stack_pointer(void) {
  unsigned here;
  __asm__ volatile("mov %0, sp" : "=r"(here));
  return here;
}

static volatile unsigned wraps;

static unsigned long long now(void) {
  unsigned high, low;
  do {
    high = wraps;
    low = LARGEST - SYSTICK_NOW;
  } while (high != wraps);
  return (unsigned long long)high * (LARGEST + 1ull) + low;
}

static void begin(void);
static void fault(void);

static void reset(void) {
  COPROCESSORS |= 0xFu << 20;
  __asm__ volatile("dsb\n isb");
  SYSTICK_RELOAD = LARGEST;
  SYSTICK_NOW = 0;
  SYSTICK_CONTROL = 7;
  begin();
}

static void tick(void) { wraps++; }

__attribute__((used, section(".vectors"))) static void (*const vectors[16])(void) = {
    (void (*)(void))stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, tick};
