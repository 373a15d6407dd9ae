#include "common/pairing_code.h"

#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

// The first `letters` of the bytes' base32; there are bytes enough.
std::string Base32(std::string_view bytes, size_t letters) {
  std::string text;
  uint32_t bits = 0;
  int held = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(byte);
    held += 8;
    while (held >= 5 && text.size() < letters) {
      held -= 5;
      text += kLetters[(bits >> held) & 31];
    }
  }
  return text;
}

}  // namespace

std::string PairingKeyLetters(std::string_view key_sha256) {
  return Base32(key_sha256, kPairingKeyLetters);
}

std::string MakePairingSecret() {
  char random[8];
  // It blocks until there is randomness, and never fails for so few bytes.
  if (getrandom(random, sizeof(random), 0) != sizeof(random)) std::abort();
  return Base32(std::string_view(random, sizeof(random)), kPairingSecretLetters);
}

absl::StatusOr<PairingCode> ParsePairingCode(std::string_view text) {
  std::string code;
  for (const char c : text) {
    code += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  if (code.size() != kPairingCodeLetters || code.find_first_not_of(kLetters) != std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no pairing code: it has {} letters and digits 2 to 7, as `synergyd "
                    "pair` prints them on the board",
                    text.substr(0, 64), kPairingCodeLetters));
  }
  return PairingCode{.key = code.substr(0, kPairingKeyLetters),
                     .secret = code.substr(kPairingKeyLetters)};
}

}  // namespace synergy
