// Where on a screen boards are shown. Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace synergy {

inline constexpr size_t kLeastColumns = 80, kLeastRows = 23;  // of a pane

// Where a board is shown.
struct Pane {
  size_t device = 0;
  size_t column = 0, row = 0;
  size_t columns = kLeastColumns, rows = kLeastRows;
};

// The panes on a screen of this size, whose last row is that of the keys: as many boards as there
// is room for, beside each other first, with a column between them; of more boards those among
// which `chosen` is.
std::vector<Pane> LayOut(size_t columns, size_t rows, size_t devices, size_t chosen);

}  // namespace synergy
