/* Numbers for tests at random: the same everywhere for the same seed. */
#ifndef DBMOUNT_TESTS_RANDOM_H
#define DBMOUNT_TESTS_RANDOM_H

#include <stdint.h>

static uint64_t rng_state = 1;

static inline void rng_seed(unsigned seed)
{
	rng_state = seed + UINT64_C(0x9e3779b97f4a7c15);
}

/* 0 to 2^31 - 1 (xorshift64*). */
static inline int rng(void)
{
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return (int)((rng_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33);
}

#endif
