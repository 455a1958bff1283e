#ifdef RNNEDGE_LIBRARY

#define RNNEDGE_INPUTS ${inputs}
#define RNNEDGE_OUTPUTS ${outputs}

${types}
${description}
#endif
