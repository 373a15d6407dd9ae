// The folder that says who may come, without a network. Pairing over one is in tests/daemon/front.
#include "daemon/access/access_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/synchronization/notification.h"
#include "common/files.h"
#include "common/pairing_code.h"
#include "daemon/access/access_watch.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

class AccessFolderTest : public testing::Test {
 protected:
  std::unique_ptr<AccessFolder> Open() { return AccessFolder::Open(state_.path()).value(); }
  static absl::StatusOr<v1::PairResponse> Pair(AccessFolder& folder,
                                               const std::string& replaces = "") {
    v1::PairRequest request;
    const std::string code = folder.OpenPairing(v1::ROLE_RUN, replaces).value();
    request.set_secret(ParsePairingCode(code).value().secret);
    request.set_certificate_request_pem(MakeCertificateRequest().value().request);
    request.set_client_name("ann@laptop\n");
    return folder.PairUntrusted(request);
  }

  const TempFolder state_;
};

TEST_F(AccessFolderTest, CertificatesAreMadeOnceAndArePrivate) {
  const auto folder = Open();
  EXPECT_EQ(OpenBoardCredentials(folder->path(), "b1").status().code(),
            absl::StatusCode::kNotFound);
  const BoardCredentials made = MakeBoardCredentials(folder->path(), "b1").value();
  EXPECT_EQ(OpenBoardCredentials(folder->path(), "b1").value().board.certificate,
            made.board.certificate);
  EXPECT_FALSE(folder->MakeCredentials("b1").value());
  EXPECT_EQ(MakeBoardCredentials(folder->path(), "b1").value().board.certificate,
            made.board.certificate);
  for (const auto& file : std::filesystem::directory_iterator(folder->path())) {
    EXPECT_EQ(file.status().permissions(), std::filesystem::perms(0600)) << file.path();
  }
  EXPECT_EQ(IdOfCertificate(made.board.certificate, kBoardUri).value(), "b1");
}

TEST_F(AccessFolderTest, CertificatesOfAnotherBoardAndDamagedOnesAreNotUsed) {
  const auto folder = Open();
  ASSERT_TRUE(MakeBoardCredentials(folder->path(), "b1").ok());
  EXPECT_THAT(MakeBoardCredentials(folder->path(), "b2").status().ToString(),
              HasSubstr("of the board b1"));
  const std::string key = MakeAuthority("b1").value().key;
  ASSERT_TRUE(ReplaceFile(folder->path() + "/board.key", key, Sync::kNo).ok());
  EXPECT_EQ(MakeBoardCredentials(folder->path(), "b1").status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(AccessFolderTest, AMissingKeyIsSaidOnce) {
  const auto folder = Open();
  ASSERT_TRUE(MakeBoardCredentials(folder->path(), "b1").ok());
  ASSERT_EQ(unlink((folder->path() + "/authority.key").c_str()), 0);
  const absl::Status status = MakeBoardCredentials(folder->path(), "b1").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  const std::string text = status.ToString();
  EXPECT_THAT(text, HasSubstr("authority.key"));
  EXPECT_EQ(text.find("cannot be used"), text.rfind("cannot be used"));
}

TEST_F(AccessFolderTest, NoCodeIsGivenOutBeforeThereIsACertificate) {
  EXPECT_THAT(Open()->OpenPairing(v1::ROLE_RUN).status().ToString(),
              HasSubstr("`synergyd credentials`"));
  EXPECT_TRUE(Open()->MakeCredentials("b1").value());
  EXPECT_TRUE(Open()->OpenPairing(v1::ROLE_RUN).ok());
}

TEST_F(AccessFolderTest, ClientsStayAcrossRestartsUntilTheyAreRevoked) {
  ASSERT_TRUE(MakeBoardCredentials(Open()->path(), "b1").ok());
  const std::string id = Pair(*Open()).value().client_id();
  const v1::ClientBook book = Open()->clients();
  ASSERT_EQ(book.clients_size(), 1);
  EXPECT_EQ(book.clients(0).id(), id);
  EXPECT_EQ(book.clients(0).name(), "ann@laptop ");
  EXPECT_EQ(Open()->Revoke("").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Open()->Revoke(id.substr(0, 8)).ok());
  EXPECT_TRUE(Open()->clients().clients(0).revoked());
  EXPECT_EQ(Open()->Revoke(id).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(AccessFolderTest, WhoReplacesAClientIsItsHeirAndOneHostAtATimeIs) {
  ASSERT_TRUE(MakeBoardCredentials(Open()->path(), "b1").ok());
  const std::string first = Pair(*Open())->client_id(), other = Pair(*Open())->client_id();
  const std::string second = Pair(*Open(), first)->client_id();
  EXPECT_TRUE(Open()->Find(first)->revoked());
  EXPECT_EQ(OwnerIdOf(*Open()->Find(second)), first);
  EXPECT_FALSE(Open()->Find(second)->revoked());
  // The heir's heir, and one of a client that has an heir already.
  const std::string third = Pair(*Open(), second)->client_id();
  const std::string fourth = Pair(*Open(), first)->client_id();
  EXPECT_EQ(OwnerIdOf(*Open()->Find(third)), first);
  EXPECT_EQ(OwnerIdOf(*Open()->Find(fourth)), first);
  for (const std::string& gone : {second, third}) EXPECT_TRUE(Open()->Find(gone)->revoked());
  EXPECT_FALSE(Open()->Find(fourth)->revoked());
  EXPECT_FALSE(Open()->Find(other)->revoked());
  EXPECT_EQ(OwnerIdOf(*Open()->Find(other)), other);
  EXPECT_TRUE(IsOwned(Open()->clients(), first));
  ASSERT_TRUE(Open()->Revoke(fourth).ok());
  EXPECT_FALSE(IsOwned(Open()->clients(), first));
  EXPECT_TRUE(IsOwned(Open()->clients(), other));
  EXPECT_EQ(Open()->Find("nobody").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(AccessFolderTest, ARequestThatIsNoneGetsNoCertificateAndNoRecord) {
  const auto folder = Open();
  ASSERT_TRUE(MakeBoardCredentials(folder->path(), "b1").ok());
  v1::PairRequest request;
  request.set_secret(ParsePairingCode(folder->OpenPairing(v1::ROLE_RUN).value()).value().secret);
  request.set_certificate_request_pem("no request");
  EXPECT_EQ(folder->PairUntrusted(request).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open()->clients().clients_size(), 0);
}

TEST_F(AccessFolderTest, AnotherProcessesRevocationIsNoticed) {
  const auto folder = Open(), other = Open();
  ASSERT_TRUE(MakeBoardCredentials(folder->path(), "b1").ok());
  const std::string id = Pair(*folder).value().client_id();
  absl::Notification revoked;
  const auto watch = AccessWatch::Start(*folder, [&] {
    if (folder->clients().clients(0).revoked() && !revoked.HasBeenNotified()) revoked.Notify();
  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  ASSERT_TRUE(other->Revoke(id).ok());
  revoked.WaitForNotification();
}

TEST_F(AccessFolderTest, DamagedClientsLetNobodyIn) {
  const auto folder = Open();
  ASSERT_TRUE(MakeBoardCredentials(folder->path(), "b1").ok());
  ASSERT_TRUE(Pair(*folder).ok());
  ASSERT_TRUE(ReplaceFile(folder->path() + "/clients", "clients {", Sync::kNo).ok());
  EXPECT_EQ(folder->Refresh().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(folder->clients().clients_size(), 0);
}

}  // namespace
}  // namespace synergy
