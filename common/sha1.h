// SHA-1 (FIPS 180-4): for formats that ask for it. It tells accidents, not forgeries.
#pragma once

#include <cstddef>

#include "common/evp_digest.h"

namespace synergy {

inline constexpr size_t kSha1Bytes = 20;

class Sha1 : public EvpDigest {
 public:
  Sha1() : EvpDigest(Algorithm::kSha1) {}
};

}  // namespace synergy
