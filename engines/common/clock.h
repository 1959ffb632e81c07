/* What time it is, in nanoseconds. */
#ifndef DBMOUNT_CLOCK_H
#define DBMOUNT_CLOCK_H

#include <stdint.h>

/* Only goes forward, from an unknown beginning: for how long something takes. */
int64_t clock_monotonic_ns(void);
/* Since 1970, as people have it; can be set back. */
int64_t clock_wall_ns(void);

#endif
