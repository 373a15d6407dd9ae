#include "daemon/control/listening_socket.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "common/files.h"
#include "common/protocol.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

ListenAddress Tcp(const std::string& host, uint16_t port) {
  return {.unix_path = "", .make_folder = false, .host = host, .port = port};
}

TEST(ListenAddress, ParsesWhatTheHelpSays) {
  EXPECT_EQ(ParseListenAddress("unix:/run/x.sock")->unix_path, "/run/x.sock");
  EXPECT_EQ(*ParseListenAddress("127.0.0.1:80"), Tcp("127.0.0.1", 80));
  EXPECT_EQ(*ParseListenAddress("127.1.2.3"), Tcp("127.1.2.3", kDefaultPort));
  EXPECT_EQ(*ParseListenAddress("localhost:0"), Tcp("127.0.0.1", 0));
  EXPECT_EQ(*ParseListenAddress("::1"), Tcp("::1", kDefaultPort));
  EXPECT_EQ(*ParseListenAddress("[::1]:99"), Tcp("::1", 99));
}

TEST(ListenAddress, TakesEveryNumericAddressAndNoName) {
  EXPECT_EQ(*ParseListenAddress("0.0.0.0"), Tcp("0.0.0.0", kDefaultPort));
  EXPECT_EQ(*ParseListenAddress("[::]:7742"), Tcp("::", 7742));
  EXPECT_EQ(*ParseListenAddress("192.168.1.2:1"), Tcp("192.168.1.2", 1));
  for (const char* text : {"tx1.local", "example.org:80", "1.2.3"}) {
    const absl::Status status = ParseListenAddress(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(status.ToString(), AllOf(HasSubstr(text), HasSubstr("give a numeric one")));
  }
}

TEST(ListenAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "unix:", ":80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                           "127.0.0.1:-1", "[::1", "[::1]80", "[::1]:"}) {
    EXPECT_EQ(ParseListenAddress(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(ParseListenAddress("unix:/" + std::string(200, 'x')).status().ToString(),
              HasSubstr("choose a shorter one"));
}

class ListeningSocketTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ListeningSocket>> Open() {
    return ListeningSocket::Open({.unix_path = path_, .make_folder = true, .host = "", .port = 0});
  }
  // A socket that nobody listens on any more.
  void LeaveStaleSocket() {
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("run/d.sock");
};

TEST_F(ListeningSocketTest, MakesItsFolderAndGoesWithItsFile) {
  {
    const auto listener = Open();
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ((*listener)->address(), "unix:" + path_);
    struct stat info = {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    const bool shared = geteuid() == 0 && getgrnam("synergy") != nullptr;
    EXPECT_EQ(info.st_mode & 0777u, shared ? 0660u : 0600u);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListeningSocketTest, MakesNoFolderThatWasNotAskedFor) {
  const auto listener =
      ListeningSocket::Open({.unix_path = path_, .make_folder = false, .host = "", .port = 0});
  EXPECT_TRUE(absl::IsNotFound(listener.status()));
  EXPECT_THAT(listener.status().ToString(), testing::HasSubstr("no folder " + folder_.File("run")));
  EXPECT_FALSE(std::filesystem::exists(folder_.File("run")));
}

TEST_F(ListeningSocketTest, ReplacesASocketThatNobodyListensOn) {
  ASSERT_TRUE(MakeFolder(folder_.File("run"), 0755).ok());
  LeaveStaleSocket();
  EXPECT_TRUE(Open().ok());
}

TEST_F(ListeningSocketTest, LeavesALivingDaemonsSocketAlone) {
  const auto first = Open();
  ASSERT_TRUE(first.ok());
  const auto second = Open();
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().ToString(), HasSubstr("another synergyd listens there"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ListeningSocketTest, LeavesAFileThatIsNoSocketAlone) {
  ASSERT_TRUE(MakeFolder(folder_.File("run"), 0755).ok());
  ASSERT_TRUE(ReplaceFile(path_, "precious", Sync::kNo).ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReadFile(path_, 100).value(), "precious");
}

TEST_F(ListeningSocketTest, LeavesWhatHasTakenItsPlaceAlone) {
  {
    const auto listener = Open();
    ASSERT_TRUE(listener.ok());
    std::filesystem::remove(path_);
    ASSERT_TRUE(ReplaceFile(path_, "precious", Sync::kNo).ok());
  }
  EXPECT_EQ(ReadFile(path_, 100).value(), "precious");
}

TEST_F(ListeningSocketTest, FollowsNoSymbolicLink) {
  ASSERT_TRUE(MakeFolder(folder_.File("run"), 0755).ok());
  std::filesystem::create_symlink(folder_.File("elsewhere"), path_);
  EXPECT_FALSE(Open().ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.File("elsewhere")));
}

TEST_F(ListeningSocketTest, SaysWhichPortItGot) {
  const auto v4 = ListeningSocket::Open(Tcp("127.0.0.1", 0));
  ASSERT_TRUE(v4.ok()) << v4.status();
  EXPECT_THAT((*v4)->address(), MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  const auto port = static_cast<uint16_t>(std::stoi((*v4)->address().substr(10)));
  const auto taken = ListeningSocket::Open(Tcp("127.0.0.1", port));
  EXPECT_EQ(taken.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(taken.status().ToString(), HasSubstr("the port is taken"));
}

}  // namespace
}  // namespace synergy
