// CPU time that has been used, by clock_gettime(2).
#pragma once

#include "common/clock.h"

namespace synergy {

// Of this process since it began, all of its threads, without its children.
Nanoseconds ProcessCpuTime();
// Of the thread that calls.
Nanoseconds ThreadCpuTime();

}  // namespace synergy
