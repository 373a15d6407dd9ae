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
  size_t first_operator = 0;  // of the list, that is shown
  std::set<size_t> rails;     // that are shown, counted from 0; none: all
};

// What there is of the chosen board.
struct ShownBoard {
  size_t rails = 0;
  size_t operators = 0;      // in the list
  size_t operator_rows = 0;  // that are on the screen
};

// As one key says, on so many boards.
void PressKey(char key, size_t devices, const ShownBoard& shown, WatchView* view);

// Of the list, as far down as it is full.
size_t FirstOperator(const WatchView& view, const ShownBoard& shown);

// Of so many rails of a device those that were chosen; all where none was, or another device is.
std::vector<size_t> ShownRails(const WatchView& view, size_t device, size_t rails);

}  // namespace synergy
