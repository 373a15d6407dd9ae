// What a viewer shows beside each execution of an operator. Pure.
#pragma once

#include <optional>
#include <string>

#include "client/analysis/run_report.h"
#include "client/export/track_writer.h"

namespace synergy {

// "1x64x8x8, 64" of a list of shapes.
template <typename Shapes>
std::string ShapesText(const Shapes& shapes) {
  std::string text;
  for (const v1::TensorShape& shape : shapes) {
    if (!text.empty()) text += ", ";
    std::string dims;
    for (const int64_t dim : shape.dims()) {
      if (!dims.empty()) dims += 'x';
      dims += std::to_string(dim);
    }
    text += dims.empty() ? "scalar" : dims;
  }
  return text;
}

// Type, shapes, costs, and of each rail what one execution costs on average, with its interval, or
// the group that is known alone. `op`: in `report.ops`; absent: it was never measured.
TrackArguments OperatorArguments(const RunReport& report, const v1::OperatorInfo& info,
                                 const OpReport* op);

}  // namespace synergy
