// The operators of the job that runs with what is known of their energy so far. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/watch/board_state.h"
#include "client/watch/watch_view.h"

namespace synergy {

struct OperatorRow {
  std::string name;   // of a group, that of its first and how many more it has
  Estimate energy_j;  // of one execution; of a group, of all of its operators
};
struct OperatorRows {
  std::string title;      // what they are, or why there are none
  std::string inference;  // the energy of all of them; "" where there are none
  std::vector<OperatorRow> rows;
};

// `sign`: what stands between a value and its interval, "±".
OperatorRows RowsOf(const BoardState& state, size_t rail, OperatorOrder order,
                    std::string_view sign);

}  // namespace synergy
