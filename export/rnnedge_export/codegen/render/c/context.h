
/* From the next step on, a value per sequence: ${said}, ${ctype}[${size}], shape ${shape}. Until then that of the
   example. */
void ${name}_set_${context}(${name} *stream, const ${ctype} *value);
