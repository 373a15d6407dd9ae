// The rows of operators.csv (docs/traces.md): what the engine said of each operator. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// index,name,type[,engine][,inputs][,outputs][,macs][,flops][,bytes_read][,bytes_written][,params]
// [,cost_source]. In texts "\\" is a backslash and "\x0a" the character U+000A; shapes are
// "BLOB:1x64x8x8", with blanks between them. Empty costs: nobody knows them.
std::string OperatorHeaderLine();
void AppendOperatorLine(const v1::OperatorInfo& op, std::string* out);

// The whole file, in the order of its rows. InvalidArgument with file and line: a column or an
// index is there twice, a number is none.
absl::StatusOr<v1::OperatorTable> ParseOperators(std::string_view text, const std::string& file);

// `given` in the places of the operators that markers have, and behind them. InvalidArgument where
// they are not of one type, or the table would be too long for a run.
absl::StatusOr<v1::OperatorTable> MergedOperators(const v1::OperatorTable& of_markers,
                                                  const v1::OperatorTable& given,
                                                  const std::string& file);

}  // namespace synergy
