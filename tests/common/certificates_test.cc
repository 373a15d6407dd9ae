#include "common/certificates.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

TEST(Certificates, ABoardsIsSignedByItsAuthorityAndByNoOther) {
  const CertifiedKey authority = MakeAuthority("b1").value();
  const CertifiedKey board = MakeBoardCertificate(authority, "b1").value();
  EXPECT_TRUE(CheckCertificate(board.certificate, board.key, authority.certificate).ok());
  EXPECT_EQ(IdOfCertificate(board.certificate, kBoardUri).value(), "b1");
  const CertifiedKey other = MakeAuthority("b1").value();
  EXPECT_FALSE(CheckSignature(board.certificate, other.certificate).ok());
  EXPECT_FALSE(CheckCertificate(board.certificate, other.key, authority.certificate).ok());
}

TEST(Certificates, AClientsNamesItByTheIdThatTheBoardChose) {
  const CertifiedKey authority = MakeAuthority("b1").value();
  const RequestedKey own = MakeCertificateRequest().value();
  const std::string certificate = SignClientUntrusted(authority, own.request, "c1").value();
  EXPECT_TRUE(CheckCertificate(certificate, own.key, authority.certificate).ok());
  EXPECT_EQ(IdOfCertificate(certificate, kClientUri).value(), "c1");
  EXPECT_EQ(IdOfCertificate(certificate, kBoardUri).status().code(), absl::StatusCode::kNotFound);
}

TEST(Certificates, ARequestThatIsNoneIsNotSigned) {
  const CertifiedKey authority = MakeAuthority("b1").value();
  std::string changed = MakeCertificateRequest().value().request;
  const size_t middle = changed.size() / 2;
  changed[middle] = changed[middle] == 'A' ? 'B' : 'A';
  for (const std::string& text : {std::string(), std::string("no request"), changed}) {
    EXPECT_EQ(SignClientUntrusted(authority, text, "c1").status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Certificates, TheHashIsOfTheKeyAndNotOfTheCertificate) {
  const CertifiedKey authority = MakeAuthority("b1").value();
  const RequestedKey own = MakeCertificateRequest().value();
  const std::string one = SignClientUntrusted(authority, own.request, "c1").value();
  const std::string two = SignClientUntrusted(authority, own.request, "c2").value();
  EXPECT_EQ(PublicKeySha256(one).value(), PublicKeySha256(two).value());
  EXPECT_EQ(PublicKeySha256(one)->size(), 32u);
  EXPECT_NE(PublicKeySha256(one).value(), PublicKeySha256(authority.certificate).value());
}

}  // namespace
}  // namespace synergy
