#include "client/watch/pane_layout.h"

#include <algorithm>

namespace synergy {

std::vector<Pane> LayOut(size_t columns, size_t rows, size_t devices, size_t chosen) {
  const size_t room = rows > 0 ? rows - 1 : 0;
  const size_t wide = std::clamp<size_t>((columns + 1) / (kLeastColumns + 1), 1, devices);
  const size_t high = std::clamp<size_t>(room / kLeastRows, 1, (devices + wide - 1) / wide);
  const size_t first = chosen / (wide * high) * (wide * high);
  const size_t pane_columns = (columns + 1) / wide - 1, pane_rows = room / high;
  std::vector<Pane> panes;
  for (size_t i = 0; i < wide * high && first + i < devices; ++i) {
    panes.push_back(
        {first + i, i % wide * (pane_columns + 1), i / wide * pane_rows, pane_columns, pane_rows});
  }
  return panes;
}

}  // namespace synergy
