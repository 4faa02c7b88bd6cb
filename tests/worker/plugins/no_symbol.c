/* Somebody's shared object, but no plugin. */
extern int something;
int something = 3;
