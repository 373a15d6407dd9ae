#include "client/net/host_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

HostAddress Tcp(std::string name, uint16_t port) {
  return TcpAddress{.name = std::move(name), .port = port};
}

TEST(ParseHost, ReadsUnixSockets) {
  EXPECT_EQ(ParseHost("unix:/run/synergy/synergyd.sock").value(),
            HostAddress(UnixAddress{.path = "/run/synergy/synergyd.sock"}));
  EXPECT_EQ(ParseHost("unix:relative.sock").value(),
            HostAddress(UnixAddress{.path = "relative.sock"}));
}

TEST(ParseHost, ReadsNamesAndAddressesWithAndWithoutPort) {
  EXPECT_EQ(ParseHost("tx1.local").value(), Tcp("tx1.local", 7741));
  EXPECT_EQ(ParseHost("tx1.local:99").value(), Tcp("tx1.local", 99));
  EXPECT_EQ(ParseHost("127.0.0.1:65535").value(), Tcp("127.0.0.1", 65535));
  EXPECT_EQ(ParseHost("::1").value(), Tcp("::1", 7741));
  EXPECT_EQ(ParseHost("[::1]").value(), Tcp("::1", 7741));
  EXPECT_EQ(ParseHost("[fe80::1%eth0]:8000").value(), Tcp("fe80::1%eth0", 8000));
}

TEST(ParseHost, RefusesAnythingElseAndSaysWhatThereIs) {
  for (const char* host : {"", "unix:", "tx1:", "tx1:0", "tx1:65536", "tx1:77x", "tx1:-1", ":7741",
                           "[::1", "[tx1]:1", "[::1]7741", "a:b:c", "/run/synergyd.sock", "a/b"}) {
    const absl::Status status = ParseHost(host).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << host;
    EXPECT_THAT(status.ToString(), HasSubstr("unix:PATH or NAME[:PORT]")) << host;
  }
}

TEST(ParseHost, NamesTheRightFormOfABarePath) {
  EXPECT_THAT(ParseHost("/run/x.sock").status().ToString(), HasSubstr("write unix:/run/x.sock"));
}

TEST(ParseHost, RefusesAPathThatDoesNotFitIntoASocketsName) {
  EXPECT_TRUE(ParseHost("unix:/" + std::string(106, 'x')).ok());
  EXPECT_FALSE(ParseHost("unix:/" + std::string(107, 'x')).ok());
}

// Puts a variable of the environment back when it goes.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    value != nullptr ? setenv(name, value, 1) : unsetenv(name);
  }
  ~ScopedVariable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }

 private:
  const char* const name_;
  std::optional<std::string> before_;
};

TEST(DefaultHost, IsTheEnvironmentsFirst) {
  const ScopedVariable host("SYNERGY_HOST", "tx1.local");
  EXPECT_EQ(DefaultHost(), "tx1.local");
}

TEST(DefaultHost, IsASocketThatExistsAndElseTheSystems) {
  if (std::filesystem::exists("/run/synergy/synergyd.sock")) {
    GTEST_SKIP() << "a synergyd runs on this machine";
  }
  const TempFolder folder;
  const ScopedVariable host("SYNERGY_HOST", nullptr);
  const ScopedVariable runtime("XDG_RUNTIME_DIR", folder.path().c_str());
  EXPECT_EQ(DefaultHost(), "unix:/run/synergy/synergyd.sock");
  const std::string own = folder.path() + "/synergy/synergyd.sock";
  std::filesystem::create_directory(folder.path() + "/synergy");
  std::ofstream(own) << "";
  EXPECT_EQ(DefaultHost(), "unix:" + own);
}

}  // namespace
}  // namespace synergy
