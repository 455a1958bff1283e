/* Whether the last step met a number of a row that its table does not have, for callers in other languages. */
int32_t ${name}_refused(const ${name} *stream);
