/* One step of a streaming network; written by rnnedge. */
#ifndef ${GUARD}
#define ${GUARD}

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${MODEL}_MODEL_SHA256 "${digest}"

${labels}enum {
${sizes}
};

${programs}#ifdef __cplusplus
}
#endif
#endif
