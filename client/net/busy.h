// Refusals that soon pass.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/protocol.h"

namespace synergy {

// Whether the daemon just has too many calls to answer.
inline bool IsBusy(const absl::Status& status) {
  const std::string_view text(status.message().data(), status.message().size());
  return absl::IsResourceExhausted(status) && text.starts_with(kTooManyCalls);
}

}  // namespace synergy
