/* interposed_alloc: see interposed_alloc.c. */
#ifndef SLUICE_TESTS_INTERPOSED_ALLOC_H
#define SLUICE_TESTS_INTERPOSED_ALLOC_H

long interposed_alloc_live(void); /* blocks that are allocated now */

#endif
