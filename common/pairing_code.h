// The code that pairs a client with a board: 26 characters of base32 (RFC 4648, section 6), the
// first 16 of which are 80 bits of the SHA-256 of the board's TLS key, the last 10 are 50 secret
// bits.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace synergy {

inline constexpr size_t kPairingCodeLetters = 26;
inline constexpr size_t kPairingKeyLetters = 16;
inline constexpr size_t kPairingSecretLetters = kPairingCodeLetters - kPairingKeyLetters;

// What a client sends before TLS to be paired, instead of being served. TLS begins with the
// byte 22.
inline constexpr std::string_view kPairingPreface = "synergy pair 1\n";

struct PairingCode {
  std::string key;     // kPairingKeyLetters
  std::string secret;  // kPairingSecretLetters
};

// The letters that stand for the key whose SHA-256 is `key_sha256` (32 bytes).
std::string PairingKeyLetters(std::string_view key_sha256);
// Random.
std::string MakePairingSecret();
// Takes small letters, too. InvalidArgument where it is no code.
absl::StatusOr<PairingCode> ParsePairingCode(std::string_view text);

}  // namespace synergy
