// A file's text in blocks of whole lines.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/csv.h"

namespace synergy {

struct TextBlock {
  uint64_t first_line = 0;       // its number in the file, from 1
  int64_t earliest = INT64_MAX;  // At() of its earliest row; INT64_MAX: it has none
};

// "samples.csv:12: what".
inline absl::Status AtLine(const std::string& file, uint64_t line, const absl::Status& status) {
  return absl::Status(status.code(),
                      fmt::format("{}:{}: {}", file, line, std::string(status.message())));
}
inline absl::Status AtLine(const std::string& file, uint64_t line, const std::string& what) {
  return AtLine(file, line, absl::InvalidArgumentError(what));
}

// Calls visit(line, number) for every line that is not empty, until it returns an error. The number
// of lines goes to `lines`.
template <typename Visit>
absl::Status ForEachLine(std::string_view text, uint64_t first_line, uint64_t* lines,
                         const Visit& visit) {
  *lines = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = TrimmedLine(text.substr(0, end));
    if (line.find_first_not_of(" \t") != std::string_view::npos) {
      if (absl::Status status = visit(line, first_line + *lines); !status.ok()) return status;
    }
    ++*lines;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

// The text of a block of one of the files, once more.
using BlockText = std::function<absl::StatusOr<std::string>(size_t block)>;

}  // namespace synergy
