#include "common/openssl_reason.h"

#include <openssl/err.h>

#include <array>

#include "fmt/format.h"

namespace synergy {

std::string OpenSslReason(std::string_view otherwise) {
  std::string reason(otherwise);
  if (const unsigned long error = ERR_get_error(); error != 0) {
    std::array<char, 256> text{};
    ERR_error_string_n(error, text.data(), text.size());
    reason = text.data();
  }
  ERR_clear_error();
  return reason;
}

absl::Status FailedInOpenSsl(std::string_view what, std::string_view otherwise) {
  return absl::InternalError(
      fmt::format("{} failed in OpenSSL: {}", what, OpenSslReason(otherwise)));
}

}  // namespace synergy
