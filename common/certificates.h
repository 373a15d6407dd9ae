// Keys and certificates of boards and their clients: P-256, made and signed by OpenSSL's library.
//
// A board is its own authority (CA). Names are in URIs: synergy:board:ID in the certificate of a
// board, synergy:client:ID in a client's. All are valid from 1970 to 9999: boards without a battery
// boot in 1970, and what ends a client's access is the board's book (daemon/access/client_book.h).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace synergy {

// Both in PEM.
struct CertifiedKey {
  std::string key;
  std::string certificate;
};
struct RequestedKey {
  std::string key;
  std::string request;  // PKCS #10
};

// GeneralizedTime (RFC 5280, 4.1.2.5): the past of every clock, and "no well-defined end".
inline constexpr char kAlwaysValid[] = "19700101000000Z";
inline constexpr char kNoEnd[] = "99991231235959Z";

inline constexpr std::string_view kBoardUri = "synergy:board:";
inline constexpr std::string_view kClientUri = "synergy:client:";
// What TLS libraries compare with a host's name: "<id>.board.synergy", in the board's certificate.
std::string BoardDnsName(std::string_view board_id);

absl::StatusOr<CertifiedKey> MakeAuthority(const std::string& board_id);
// For the board's TLS server.
absl::StatusOr<CertifiedKey> MakeBoardCertificate(const CertifiedKey& authority,
                                                  const std::string& board_id);
absl::StatusOr<RequestedKey> MakeCertificateRequest();
// Of the request nothing but its key counts. InvalidArgument: it is none, is not signed by its key,
// or its key is not of P-256.
absl::StatusOr<std::string> SignClientUntrusted(const CertifiedKey& authority,
                                                const std::string& request,
                                                const std::string& client_id,
                                                const char* not_after = kNoEnd);

// SHA-256 of the certificate's public key (SubjectPublicKeyInfo): 32 bytes.
absl::StatusOr<std::string> PublicKeySha256(const std::string& certificate);
// The rest of the certificate's first URI that begins with `prefix`; NotFound: it has none.
absl::StatusOr<std::string> IdOfCertificate(const std::string& certificate,
                                            std::string_view prefix);
// OK: it is signed by `authority`, a certificate.
absl::Status CheckSignature(const std::string& certificate, const std::string& authority);
// OK: `key` is the certificate's, and it is signed by `authority`, a certificate.
absl::Status CheckCertificate(const std::string& certificate, const std::string& key,
                              const std::string& authority);

}  // namespace synergy
