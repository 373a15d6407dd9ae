// Limits that a user may move, by their names: "other_cpu=10%".
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace synergy {

struct NamedLimit {
  std::string_view name;
  double* value;       // outlives what is done with it
  bool share = false;  // of 1; given as "10%" or "0.1"
  double highest = 1;
};

// Sets one of `limits`. InvalidArgument, with what there is, for a name that is none of theirs and
// for what is no number from 0 to `highest`.
absl::Status SetLimit(const std::string& text, std::span<const NamedLimit> limits);

// "other_cpu=10%".
std::string LimitText(const NamedLimit& limit);

}  // namespace synergy
