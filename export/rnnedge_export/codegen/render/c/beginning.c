/* ${name}: ${origin}, SHA-256 ${digest}; written by rnnedge. */
#include "${name}.h"

#define LANES ${lanes}
#define VECTORS ${vectors}

