// The addresses of all benches: bench/addresses.ts has the same formula.

#include <stdint.h>

// Spreads numbers over 128.0.0.0/2, and none twice, since the multiplier is odd. That quarter has neither loopback nor
// multicast, which the kernel refuses as sources before any firewall sees them.
static inline uint32_t address_of(uint32_t index) { return 0x80000000u | (index * 0x9e3779b1u & 0x3fffffffu); }
