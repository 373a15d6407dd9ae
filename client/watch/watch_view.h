// What of the boards is shown, as the keys choose it. Pure.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace synergy {

enum class OperatorOrder { kEnergy, kNetwork };

struct WatchView {
  size_t device = 0;
  double span_s = 60;
  bool paused = false;
  bool help = false;
  bool cores = false;
  bool quit = false;
  OperatorOrder order = OperatorOrder::kEnergy;
  size_t rails = 0;  // 0: all; n: the n-th alone
};

// As one key says, on so many boards, of which the one that is shown has so many rails.
void PressKey(char key, size_t devices, size_t rails, WatchView* view);

}  // namespace synergy
