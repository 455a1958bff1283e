#ifdef RNNEDGE_LIBRARY

#define RNNEDGE_INPUTS ${inputs}
#define RNNEDGE_OUTPUTS ${outputs}
#define RNNEDGE_STRETCH ${stretch} /* steps that one call can make */

${types}
${description}
#endif
