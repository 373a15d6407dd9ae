// Virtual time for tests.
#pragma once

#include "common/virtual_clock.h"

namespace synergy {

using FakeClock = VirtualClock;

}  // namespace synergy
