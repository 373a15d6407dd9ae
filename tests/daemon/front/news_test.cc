#include "daemon/front/news.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

namespace synergy {
namespace {

constexpr Nanoseconds kForever = Seconds(100);  // longer than ctest lets the test run

TEST(News, AnEventfdThatIsAddedToIsNews) {
  const int ours = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  News news{UniqueFd(dup(ours))};
  for (uint64_t seen = 0; seen < 3;) {
    const uint64_t before = news.count();
    ASSERT_EQ(eventfd_write(ours, 1), 0);
    news.Wait(before, kForever);
    EXPECT_GT(news.count(), before);
    seen = news.count();
  }
  close(ours);
}

TEST(News, WhatWasPublishedBeforeTheWaitIsNotMissed) {
  News news;
  const uint64_t seen = news.count();
  news.Publish();
  news.Wait(seen, kForever);
  EXPECT_EQ(news.count(), seen + 1);
}

TEST(News, AWaitWithoutNewsEndsInTime) {
  News news;
  const uint64_t seen = news.count();
  news.Wait(seen, Milliseconds(5));
  EXPECT_EQ(news.count(), seen);
}

TEST(News, StopEndsEveryWait) {
  News news;
  std::jthread stopper([&news] { news.Stop(); });
  news.Wait(news.count(), kForever);
  news.WaitForStop(kForever);
  EXPECT_TRUE(news.stopped());
}

}  // namespace
}  // namespace synergy
