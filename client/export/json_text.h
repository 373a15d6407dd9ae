// Pieces of JSON texts that are written as they come. Pure; locales change nothing.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "fmt/format.h"

namespace synergy {

// With its quotes; what is no UTF-8 becomes U+FFFD.
inline std::string JsonString(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The shortest text that is this number again; null for what is none.
inline std::string JsonNumber(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

}  // namespace synergy
