// Counts what a thread allocates with operator new, for tests of code that must not. A test that
// calls AllocationCount gets its operator new replaced (link synergy_allocation_count).
#pragma once

#include <cstdint>

namespace synergy {

// Of the calling thread, since it began.
int64_t AllocationCount();

}  // namespace synergy
