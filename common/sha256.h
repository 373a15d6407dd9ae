// SHA-256 (FIPS 180-4), computed by OpenSSL with what the CPU has for it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace synergy {

inline constexpr size_t kSha256Bytes = 32;

// The hash of bytes that come in parts. Movable; not thread-safe.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void Update(std::string_view bytes);
  // 32 bytes, once; nothing else may be called after it.
  std::string Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace synergy
