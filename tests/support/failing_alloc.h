/* failing_alloc: makes the n-th allocation of the code under test fail.
 *
 * Link with FAILING_ALLOC_LINK (the linker's --wrap), so that calls from the
 * program's own objects come here.  Those of Check may do too: arm it right before the
 * call that is meant. */
#ifndef SLUICE_TESTS_FAILING_ALLOC_H
#define SLUICE_TESTS_FAILING_ALLOC_H

/* The n-th allocation from now on fails (1: the next), and only that one; 0: none. */
void failing_alloc_at(unsigned n);

#endif
