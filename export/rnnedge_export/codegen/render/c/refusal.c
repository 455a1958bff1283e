int32_t ${name}_refused(const ${name} *stream) {
  return stream->refused;
}
