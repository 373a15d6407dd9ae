#include "common/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

namespace synergy {
namespace {

class DescriptorsTest : public testing::Test {
 protected:
  DescriptorsTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
    EXPECT_EQ(pipe(ends), 0);
    end_.reset(ends[0]);
    begin_.reset(ends[1]);
  }
  UniqueFd ours_, theirs_, begin_, end_;
};

TEST_F(DescriptorsTest, MoreThanOnePacketHoldsArriveInTheirOrder) {
  std::vector<int> fds(kMaxFdsAtOnce + 3, end_.get());
  fds.back() = begin_.get();
  std::jthread sender([&] { EXPECT_TRUE(SendFds(ours_.get(), fds).ok()); });
  const auto received = ReceiveFds(theirs_.get(), fds.size());
  ASSERT_TRUE(received.ok()) << received.status();
  ASSERT_EQ(received->size(), fds.size());
  ASSERT_EQ(write(received->back().get(), "x", 1), 1);
  char c = 0;
  EXPECT_EQ(read(received->front().get(), &c, 1), 1);
  EXPECT_EQ(c, 'x');
}

TEST_F(DescriptorsTest, WhatIsNoDescriptorIsRefused) {
  ASSERT_EQ(write(ours_.get(), "D", 1), 1);
  EXPECT_TRUE(absl::IsDataLoss(ReceiveFds(theirs_.get(), 1).status()));
}

TEST_F(DescriptorsTest, APeerThatIsGoneIsSaid) {
  theirs_.reset();
  EXPECT_TRUE(absl::IsUnavailable(SendFds(ours_.get(), std::vector<int>{end_.get()})));
  EXPECT_TRUE(absl::IsUnavailable(ReceiveFds(ours_.get(), 1).status()));
}

TEST_F(DescriptorsTest, WhereAProcessMayHaveNoMoreItSaysSo) {
  ASSERT_TRUE(SendFds(ours_.get(), std::vector<int>(8, end_.get())).ok());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd next(dup(0));
  const rlimit few{.rlim_cur = static_cast<rlim_t>(next.get()) + 2, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const absl::Status status = ReceiveFds(theirs_.get(), 8).status();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

}  // namespace
}  // namespace synergy
