/* Loads a library of the native engine as the runtime does, from memory, and steps through frames: in.bin -> out.bin. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

TYPES

int main(void) {
  static char bytes[1 << 22];
  FILE *file = fopen("net.so", "rb");
  const size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  const int sealed = memfd_create("net", 0);
  if (!size || sealed < 0 || write(sealed, bytes, size) != (ssize_t)size) return 1;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", sealed);
  void *opened = dlopen(path, RTLD_NOW);
  if (!opened) return fprintf(stderr, "%s\n", dlerror()), 2;
  const rnnedge_library *(*entry)(void) = (const rnnedge_library *(*)(void))dlsym(opened, "rnnedge_library_v1");
  if (!entry) return 3;
  const rnnedge_library *library = entry();
  const rnnedge_program *program = library->programs;
  while (program->batch != 1) program++;
  void *stream = aligned_alloc(64, (program->stream_bytes + 63) / 64 * 64);
  program->init(stream, NULL);
  FILE *in = fopen("in.bin", "rb"), *out = fopen("out.bin", "wb");
  const uint64_t takes = library->input_bytes[0], gives = library->output_bytes[0];
  char *frame = malloc(takes), *result = malloc(gives);
  const void *inputs[] = {frame};
  void *outputs[] = {result};
  rnnedge_done done = {0, 0};
  rnnedge_call call = {program, stream, inputs, outputs, &takes, &gives, 1, NULL, NULL, 0, 0, NULL, &done};
  while (fread(frame, 1, takes, in) == takes) {
    if (library->run(&call)) return 4;
    fwrite(result, 1, gives, out);
  }
  return fclose(out) ? 5 : 0;
}
