/* The part of the standard library that a proof on a bare board needs. */
typedef struct file FILE;
FILE *fopen(const char *name, const char *mode);
unsigned fread(void *to, unsigned size, unsigned count, FILE *file);
unsigned fwrite(const void *from, unsigned size, unsigned count, FILE *file);
int fclose(FILE *file);

void step_begins(void);
void step_ends(void);
#define STEP_BEGINS step_begins
#define STEP_ENDS step_ends
