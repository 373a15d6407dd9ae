// The operators of the job that runs with what is known of their energy so far. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/watch/board_state.h"
#include "client/watch/watch_view.h"

namespace synergy {

struct OperatorRow {
  std::string name;   // of a group, that of its first and how many more it has
  Estimate energy_j;  // of one execution; of a group, of all of its operators
};
struct OperatorRows {
  std::string title;  // what they are and of how many iterations, or why there are none
  std::optional<Estimate> inference_j;  // all of them; absent where there are none
  std::vector<OperatorRow> rows;
};

OperatorRows RowsOf(const BoardState& state, size_t rail, OperatorOrder order);

}  // namespace synergy
