// What OpenSSL says of a call that failed.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace synergy {

// The first reason in this thread's queue, which is empty afterwards; `otherwise`: there is none.
std::string OpenSslReason(std::string_view otherwise);
// Internal: `what` failed for that reason.
absl::Status FailedInOpenSsl(std::string_view what, std::string_view otherwise);

}  // namespace synergy
