/* Whether a step since the last reset met a number of a row that its table does not have; the stream means nothing until
   it is reset then. */
int32_t ${name}_refused(const ${name} *stream);
