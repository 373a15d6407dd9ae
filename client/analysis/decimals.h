// How many decimals say a value as far as it is known. Pure.
#pragma once

namespace synergy {

// As many as two digits of the value's half-width need, from `least` to 9; `least` where it has no
// half-width but what the rounding of sums leaves.
int DecimalsOf(double value, double half_width, int least = 0);

}  // namespace synergy
