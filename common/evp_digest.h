// What the hash functions of OpenSSL have in common, computed with what the CPU has for them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace synergy {

// The hash of bytes that come in parts. Movable; not thread-safe.
class EvpDigest {
 public:
  EvpDigest(EvpDigest&&) noexcept;
  EvpDigest& operator=(EvpDigest&&) noexcept;
  ~EvpDigest();

  void Update(std::string_view bytes);
  // The hash's bytes, once; nothing else may be called after it.
  std::string Finish();

 protected:
  enum class Algorithm { kSha1, kSha256 };
  explicit EvpDigest(Algorithm algorithm);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace synergy
