// What a program that measures power prints: a line for each reading,
//
//   t_ns,rail,watts
//
// with t_ns the instant that the reading stands for, on the machine's CLOCK_MONOTONIC (power
// sources of a board) or a clock of the meter's own (meters on a host), never negative; the rail's
// name in printable ASCII without commas, 64 characters at most; the power as a decimal number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace synergy {

struct ExecLine {
  int64_t t_ns = 0;
  std::string rail;
  double watts = 0;
};

inline constexpr size_t kMaxExecLineBytes = 256;
inline constexpr double kMaxExecWatts = 1e6;

// Without the newline. DataLoss says what is wrong with the line and shows it.
absl::StatusOr<ExecLine> ParseExecLineUntrusted(std::string_view line);

// Bytes of a stream as lines. Thread-compatible.
class LineSplitter {
 public:
  // The lines that end within `bytes`, without their ends. One that is longer than
  // kMaxExecLineBytes comes cut to that length plus one, so that no parser takes it for whole.
  std::vector<std::string> Add(std::string_view bytes);

 private:
  std::string line_;
};

}  // namespace synergy
