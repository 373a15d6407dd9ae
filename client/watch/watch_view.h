// What of the boards is shown, as the keys choose it. Pure.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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
  std::set<size_t> rails;  // that are shown, counted from 0; none: all
};

// As one key says, on so many boards, of which the one that is shown has so many rails.
void PressKey(char key, size_t devices, size_t rails, WatchView* view);

// Of so many rails of a device those that were chosen; all where none was, or another device is.
std::vector<size_t> ShownRails(const WatchView& view, size_t device, size_t rails);

}  // namespace synergy
