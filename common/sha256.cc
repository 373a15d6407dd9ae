#include "common/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace synergy {

struct Sha256::Context {
  Context() : md(EVP_MD_CTX_new()) {
    // Fails for want of memory alone.
    if (md == nullptr || EVP_DigestInit_ex(md, EVP_sha256(), nullptr) != 1) std::abort();
  }
  ~Context() { EVP_MD_CTX_free(md); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  EVP_MD_CTX* const md;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  EVP_DigestUpdate(context_->md, bytes.data(), bytes.size());
}

std::string Sha256::Finish() {
  std::string hash(kSha256Bytes, '\0');
  EVP_DigestFinal_ex(context_->md, reinterpret_cast<unsigned char*>(hash.data()), nullptr);
  return hash;
}

}  // namespace synergy
