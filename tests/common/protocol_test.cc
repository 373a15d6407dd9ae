#include "common/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace synergy {
namespace {

using testing::HasSubstr;

absl::StatusOr<uint32_t> Negotiate(ProtocolRange client, ProtocolRange daemon) {
  return NegotiateProtocol(client, "1.2.3", daemon, "4.5.6");
}

TEST(Protocol, ThisReleaseSpeaksWithItself) {
  EXPECT_EQ(Negotiate(kProtocols, kProtocols).value(), kProtocols.newest);
}

TEST(Protocol, ThisReleaseUnderstandsAtMostOneVersionBack) {
  EXPECT_GE(kProtocols.oldest, 1u);
  EXPECT_LE(kProtocols.newest - kProtocols.oldest, 1u);
}

TEST(Protocol, TheNewestThatBothSpeakIsChosen) {
  EXPECT_EQ(Negotiate({.oldest = 1, .newest = 2}, {.oldest = 2, .newest = 3}).value(), 2u);
  EXPECT_EQ(Negotiate({.oldest = 2, .newest = 3}, {.oldest = 1, .newest = 2}).value(), 2u);
  EXPECT_EQ(Negotiate({.oldest = 2, .newest = 3}, {.oldest = 2, .newest = 3}).value(), 3u);
}

TEST(Protocol, OneVersionBackIsUnderstoodAndTwoAreNot) {
  EXPECT_EQ(Negotiate({.oldest = 3, .newest = 4}, {.oldest = 2, .newest = 3}).value(), 3u);
  EXPECT_FALSE(Negotiate({.oldest = 4, .newest = 5}, {.oldest = 2, .newest = 3}).ok());
}

TEST(Protocol, AClientThatIsTooOldIsToldToUpgradeItself) {
  const absl::Status status =
      Negotiate({.oldest = 1, .newest = 1}, {.oldest = 2, .newest = 3}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("upgrade synergyctl on the host"));
  EXPECT_THAT(status.ToString(), HasSubstr("1.2.3"));
  EXPECT_THAT(status.ToString(), HasSubstr("4.5.6"));
}

TEST(Protocol, AClientThatIsTooNewIsToldToUpgradeTheBoard) {
  const absl::Status status =
      Negotiate({.oldest = 4, .newest = 5}, {.oldest = 2, .newest = 3}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("upgrade synergyd on the board"));
}

TEST(Protocol, NoRangeIsInvalid) {
  EXPECT_EQ(Negotiate({}, kProtocols).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Negotiate({.oldest = 3, .newest = 2}, kProtocols).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace synergy
