#include "common/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <utility>
#include <vector>

#include "common/openssl_reason.h"
#include "common/sha256.h"
#include "fmt/format.h"

namespace synergy {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

constexpr int kSerialBytes = 16;
constexpr std::string_view kOtherwise = "no reason given";

std::string Reason() { return OpenSslReason(kOtherwise); }

absl::Status Failed(std::string_view what) { return FailedInOpenSsl(what, kOtherwise); }

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("This is no {}: {}", what, Reason()));
}

Memory Reading(const std::string& text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string Written(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

// No key of ours has a password: the empty one keeps OpenSSL from asking the terminal for it.
int NoPassword(char*, int, int, void*) { return 0; }

absl::StatusOr<Key> ParseKey(const std::string& pem) {
  Key key(PEM_read_bio_PrivateKey(Reading(pem).get(), nullptr, NoPassword, nullptr));
  if (!key) return Malformed("private key");
  return key;
}

absl::StatusOr<Certificate> ParseCertificate(const std::string& pem) {
  Certificate certificate(PEM_read_bio_X509(Reading(pem).get(), nullptr, NoPassword, nullptr));
  if (!certificate) return Malformed("certificate");
  return certificate;
}

absl::StatusOr<Key> MakeKey() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return Failed("Making a key");
  return key;
}

absl::StatusOr<std::string> KeyPem(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
      1) {
    return Failed("Writing a key");
  }
  return Written(memory.get());
}

absl::StatusOr<std::string> CertificatePem(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(memory.get(), certificate) != 1) return Failed("Writing a certificate");
  return Written(memory.get());
}

bool SetName(X509_NAME* name, const std::string& text) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

bool SetSerial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  if (RAND_bytes(bytes, kSerialBytes) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, of full length
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(BN_bin2bn(bytes, kSerialBytes, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

struct ExtensionText {
  int nid = 0;
  std::string value;
};

// `issuer`: null where it signs itself.
absl::StatusOr<Certificate> Sign(EVP_PKEY* subject_key, const std::string& name, X509* issuer,
                                 EVP_PKEY* issuer_key, const std::vector<ExtensionText>& extensions,
                                 const char* not_after) {
  Certificate certificate(X509_new());
  X509* const x = certificate.get();
  if (x == nullptr || X509_set_version(x, X509_VERSION_3) != 1 || !SetSerial(x) ||
      ASN1_TIME_set_string_X509(X509_getm_notBefore(x), kAlwaysValid) != 1 ||
      ASN1_TIME_set_string_X509(X509_getm_notAfter(x), not_after) != 1 ||
      X509_set_pubkey(x, subject_key) != 1 || !SetName(X509_get_subject_name(x), name) ||
      X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer : x)) != 1) {
    return Failed("Making a certificate");
  }
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer != nullptr ? issuer : x, x, nullptr, nullptr, 0);
  for (const ExtensionText& text : extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, text.nid, text.value.c_str()));
    if (!extension || X509_add_ext(x, extension.get(), -1) != 1) {
      return Failed("Making a certificate's extension");
    }
  }
  if (X509_sign(x, issuer_key, EVP_sha256()) == 0) return Failed("Signing a certificate");
  return certificate;
}

absl::StatusOr<CertifiedKey> Write(EVP_PKEY* key, X509* certificate) {
  absl::StatusOr<std::string> key_pem = KeyPem(key);
  if (!key_pem.ok()) return key_pem.status();
  absl::StatusOr<std::string> pem = CertificatePem(certificate);
  if (!pem.ok()) return pem.status();
  return CertifiedKey{.key = *std::move(key_pem), .certificate = *std::move(pem)};
}

struct Authority {
  Key key;
  Certificate certificate;
};

absl::StatusOr<Authority> Parse(const CertifiedKey& pem) {
  absl::StatusOr<Key> key = ParseKey(pem.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<Certificate> certificate = ParseCertificate(pem.certificate);
  if (!certificate.ok()) return certificate.status();
  return Authority{.key = *std::move(key), .certificate = *std::move(certificate)};
}

std::vector<ExtensionText> LeafExtensions(const std::string& purpose, const std::string& names) {
  return {{NID_basic_constraints, "critical,CA:FALSE"},
          {NID_key_usage, "critical,digitalSignature"},
          {NID_ext_key_usage, purpose},
          {NID_subject_alt_name, names},
          {NID_authority_key_identifier, "keyid"}};
}

bool IsP256(EVP_PKEY* key) {
  char group[32] = "";
  size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
         std::string_view(group) == "prime256v1";
}

}  // namespace

std::string BoardDnsName(std::string_view board_id) {
  return fmt::format("{}.board.synergy", board_id);
}

absl::StatusOr<CertifiedKey> MakeAuthority(const std::string& board_id) {
  absl::StatusOr<Key> key = MakeKey();
  if (!key.ok()) return key.status();
  const absl::StatusOr<Certificate> certificate =
      Sign(key->get(), fmt::format("synergy board {}", board_id), nullptr, key->get(),
           {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
            {NID_key_usage, "critical,keyCertSign"},
            {NID_subject_key_identifier, "hash"}},
           kNoEnd);
  if (!certificate.ok()) return certificate.status();
  return Write(key->get(), certificate->get());
}

absl::StatusOr<CertifiedKey> MakeBoardCertificate(const CertifiedKey& authority,
                                                  const std::string& board_id) {
  const absl::StatusOr<Authority> issuer = Parse(authority);
  if (!issuer.ok()) return issuer.status();
  absl::StatusOr<Key> key = MakeKey();
  if (!key.ok()) return key.status();
  const absl::StatusOr<Certificate> certificate = Sign(
      key->get(), "synergyd", issuer->certificate.get(), issuer->key.get(),
      LeafExtensions("serverAuth",
                     fmt::format("URI:{}{},DNS:{}", kBoardUri, board_id, BoardDnsName(board_id))),
      kNoEnd);
  if (!certificate.ok()) return certificate.status();
  return Write(key->get(), certificate->get());
}

absl::StatusOr<RequestedKey> MakeCertificateRequest() {
  const absl::StatusOr<Key> key = MakeKey();
  if (!key.ok()) return key.status();
  const Request request(X509_REQ_new());
  if (!request || !SetName(X509_REQ_get_subject_name(request.get()), "synergyctl") ||
      X509_REQ_set_pubkey(request.get(), key->get()) != 1 ||
      X509_REQ_sign(request.get(), key->get(), EVP_sha256()) == 0) {
    return Failed("Making a certificate request");
  }
  const Memory memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509_REQ(memory.get(), request.get()) != 1) {
    return Failed("Writing a certificate request");
  }
  absl::StatusOr<std::string> key_pem = KeyPem(key->get());
  if (!key_pem.ok()) return key_pem.status();
  return RequestedKey{.key = *std::move(key_pem), .request = Written(memory.get())};
}

absl::StatusOr<std::string> SignClientUntrusted(const CertifiedKey& authority,
                                                const std::string& request,
                                                const std::string& client_id,
                                                const char* not_after) {
  const absl::StatusOr<Authority> issuer = Parse(authority);
  if (!issuer.ok()) return issuer.status();
  const Request parsed(PEM_read_bio_X509_REQ(Reading(request).get(), nullptr, NoPassword, nullptr));
  if (!parsed) return Malformed("certificate request");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(parsed.get());
  if (key == nullptr || !IsP256(key)) return Malformed("certificate request of a P-256 key");
  if (X509_REQ_verify(parsed.get(), key) != 1) {
    return Malformed("certificate request that its own key has signed");
  }
  const absl::StatusOr<Certificate> certificate =
      Sign(key, "synergyctl", issuer->certificate.get(), issuer->key.get(),
           LeafExtensions("clientAuth", fmt::format("URI:{}{}", kClientUri, client_id)), not_after);
  if (!certificate.ok()) return certificate.status();
  return CertificatePem(certificate->get());
}

absl::StatusOr<std::string> PublicKeySha256(const std::string& certificate) {
  const absl::StatusOr<Certificate> parsed = ParseCertificate(certificate);
  if (!parsed.ok()) return parsed.status();
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(parsed->get()), &der);
  if (size <= 0) return Failed("Writing a public key");
  Sha256 hash;
  hash.Update(std::string_view(reinterpret_cast<char*>(der), static_cast<size_t>(size)));
  OPENSSL_free(der);
  return hash.Finish();
}

absl::StatusOr<std::string> IdOfCertificate(const std::string& certificate,
                                            std::string_view prefix) {
  const absl::StatusOr<Certificate> parsed = ParseCertificate(certificate);
  if (!parsed.ok()) return parsed.status();
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(parsed->get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                static_cast<size_t>(ASN1_STRING_length(uri)));
    if (text.starts_with(prefix)) return std::string(text.substr(prefix.size()));
  }
  return absl::NotFoundError(fmt::format("The certificate has no URI {}...", prefix));
}

absl::Status CheckSignature(const std::string& certificate, const std::string& authority) {
  const absl::StatusOr<Certificate> subject = ParseCertificate(certificate);
  if (!subject.ok()) return subject.status();
  const absl::StatusOr<Certificate> issuer = ParseCertificate(authority);
  if (!issuer.ok()) return issuer.status();
  if (X509_verify(subject->get(), X509_get0_pubkey(issuer->get())) != 1) {
    return Malformed("certificate of this authority");
  }
  return absl::OkStatus();
}

absl::Status CheckCertificate(const std::string& certificate, const std::string& key,
                              const std::string& authority) {
  const absl::StatusOr<Authority> subject = Parse({.key = key, .certificate = certificate});
  if (!subject.ok()) return subject.status();
  if (X509_check_private_key(subject->certificate.get(), subject->key.get()) != 1) {
    return Malformed("certificate of this key");
  }
  return CheckSignature(certificate, authority);
}

}  // namespace synergy
