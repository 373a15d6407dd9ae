// How many decimals say a value as far as it is known. Pure.
#pragma once

namespace synergy {

// As many as two digits of the value's half-width need, at most 9; `unknown` where it has no
// half-width but what the rounding of sums leaves.
int DecimalsOf(double value, double half_width, int unknown = 0);

}  // namespace synergy
