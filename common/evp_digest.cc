#include "common/evp_digest.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace synergy {

struct EvpDigest::Context {
  explicit Context(const EVP_MD* algorithm) : md(EVP_MD_CTX_new()) {
    // Fails for want of memory alone.
    if (md == nullptr || EVP_DigestInit_ex(md, algorithm, nullptr) != 1) std::abort();
  }
  ~Context() { EVP_MD_CTX_free(md); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  EVP_MD_CTX* const md;
};

EvpDigest::EvpDigest(Algorithm algorithm)
    : context_(
          std::make_unique<Context>(algorithm == Algorithm::kSha1 ? EVP_sha1() : EVP_sha256())) {}
EvpDigest::EvpDigest(EvpDigest&&) noexcept = default;
EvpDigest& EvpDigest::operator=(EvpDigest&&) noexcept = default;
EvpDigest::~EvpDigest() = default;

void EvpDigest::Update(std::string_view bytes) {
  EVP_DigestUpdate(context_->md, bytes.data(), bytes.size());
}

std::string EvpDigest::Finish() {
  std::string hash(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->md, reinterpret_cast<unsigned char*>(hash.data()), &size);
  hash.resize(size);
  return hash;
}

}  // namespace synergy
