/* Random numbers from a seed: xorshift64*, Marsaglia and Vigna. */
#ifndef RANDOM_H
#define RANDOM_H
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

static uint64_t random_state;

static inline void random_seed(const char *seed) { random_state = strtoull(seed, NULL, 10) * 0x9E3779B97F4A7C15ULL + 1; }

static inline uint64_t random_next(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545F4914F6CDD1DULL;
}

/* From 0 to `limit` - 1; 0 if there is no such number. */
static inline off_t below(off_t limit) { return limit <= 0 ? 0 : (off_t)((random_next() >> 16) % (uint64_t)limit); }

static inline int one_in(int n) { return below(n) == 0; }

#endif
