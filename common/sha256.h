// SHA-256 (FIPS 180-4).
#pragma once

#include <cstddef>

#include "common/evp_digest.h"

namespace synergy {

inline constexpr size_t kSha256Bytes = 32;

class Sha256 : public EvpDigest {
 public:
  Sha256() : EvpDigest(Algorithm::kSha256) {}
};

}  // namespace synergy
