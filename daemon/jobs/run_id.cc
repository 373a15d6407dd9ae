#include "daemon/jobs/run_id.h"

#include <cctype>
#include <ctime>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxNameBytes = kMaxRunIdBytes - 16 - 5;  // "20261120-234512-" and "-7f3a"

std::string Slug(std::string_view name) {
  std::string slug;
  for (const char c : name.substr(0, kMaxNameBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool kept = byte < 0x80 && (std::isalnum(byte) || c == '.' || c == '_');
    slug.push_back(kept ? static_cast<char>(std::tolower(byte)) : '-');
  }
  return slug.empty() ? "net" : slug;
}

// An odd factor permutes the 16-bit numbers: neighbours look unlike each other, none coincide.
constexpr uint64_t kScatter = 0x9E37;  // 2^16 / golden ratio

}  // namespace

std::string MakeRunId(int64_t unix_seconds, std::string_view net_name, uint64_t number) {
  const time_t seconds = unix_seconds;
  tm utc = {};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}-{}-{:04x}", (utc.tm_year + 1900) % 10000,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     Slug(net_name), (number * kScatter) & 0xFFFF);
}

}  // namespace synergy
