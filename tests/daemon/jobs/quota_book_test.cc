// Quotas that an admin sets, alone and in the queue that they are for.
#include "daemon/jobs/quota_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <thread>

#include "common/files.h"
#include "tests/daemon/jobs/fake_executor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kMib = 1 << 20;

class QuotaBookTest : public testing::Test {
 protected:
  static v1::Quotas Defaults() {
    v1::Quotas quotas;
    quotas.set_records_bytes(100 * kMib);
    quotas.set_objects_bytes(200 * kMib);
    quotas.set_jobs_per_client(64);
    quotas.set_watch_rate_hz(10);
    return quotas;
  }
  QuotaBook Open() { return QuotaBook(path_, Defaults()); }

  const TempFolder folder_;
  const std::string path_ = folder_.File("quotas.pb");
};

TEST_F(QuotaBookTest, WithoutAnAdminTheDefaultsHold) {
  const QuotaBook book = Open();
  EXPECT_EQ(book.limits().SerializeAsString(), Defaults().SerializeAsString());
  EXPECT_EQ(book.Describe().set().ByteSizeLong(), 0u);
}

TEST_F(QuotaBookTest, WhatAnAdminSetsHoldsOverTheDefaultsAndARestartUntilItIsReset) {
  v1::SetQuotasRequest request;
  request.mutable_set()->set_jobs_per_client(3);
  request.mutable_set()->set_watch_rate_hz(0);
  QuotaBook first = Open();
  ASSERT_TRUE(first.SetUntrusted(request).ok());
  EXPECT_EQ(first.limits().jobs_per_client(), 3u);
  QuotaBook second = Open();
  EXPECT_EQ(second.limits().jobs_per_client(), 3u);
  EXPECT_EQ(second.limits().watch_rate_hz(), 0);
  EXPECT_EQ(second.limits().records_bytes(), 100 * kMib);
  EXPECT_EQ(second.Describe().defaults().jobs_per_client(), 64u);
  EXPECT_FALSE(second.Describe().set().has_records_bytes());
  request.Clear();
  request.set_reset(true);
  request.mutable_set()->set_records_bytes(2 * kMib);
  ASSERT_TRUE(second.SetUntrusted(request).ok());
  const QuotaBook third = Open();
  EXPECT_EQ(third.limits().jobs_per_client(), 64u);
  EXPECT_EQ(third.limits().records_bytes(), 2 * kMib);
}

TEST_F(QuotaBookTest, AValueThatIsNoneIsRefusedAndNothingOfTheRequestHolds) {
  struct Case {
    std::function<void(v1::Quotas&)> set;
    const char* says;
  };
  const Case cases[] = {
      {[](v1::Quotas& q) { q.set_records_bytes(2); }, "records: 2 bytes given; 1 MiB to 1 PiB"},
      {[](v1::Quotas& q) { q.set_objects_bytes(UINT64_MAX); }, "quota of objects"},
      {[](v1::Quotas& q) { q.set_jobs_per_client(0); }, "0 given; 1 to 256"},
      {[](v1::Quotas& q) { q.set_jobs_per_client(257); }, "257 given; 1 to 256"},
      {[](v1::Quotas& q) { q.set_watch_rate_hz(101); }, "101 given; 0 to 100"},
      {[](v1::Quotas& q) { q.set_watch_rate_hz(-1); }, "-1 given"},
      {[](v1::Quotas& q) { q.set_watch_rate_hz(std::nan("")); }, "nan given"},
      {[](v1::Quotas&) {}, "none is given"},
  };
  QuotaBook book = Open();
  for (const Case& each : cases) {
    v1::SetQuotasRequest request;
    each.set(*request.mutable_set());
    if (request.set().ByteSizeLong() > 0 && !request.set().has_jobs_per_client()) {
      request.mutable_set()->set_jobs_per_client(5);
    }
    const absl::Status status = book.SetUntrusted(request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << each.says;
    EXPECT_THAT(status.ToString(), HasSubstr(each.says));
  }
  EXPECT_EQ(book.limits().jobs_per_client(), 64u);
  EXPECT_FALSE(ReadFile(path_, 100).ok());
}

TEST_F(QuotaBookTest, WhatCannotBeWrittenDoesNotHold) {
  QuotaBook book = Open();
  v1::SetQuotasRequest request;
  request.mutable_set()->set_jobs_per_client(3);
  {
    const FileSizeLimit full(0);
    EXPECT_FALSE(book.SetUntrusted(request).ok());
  }
  EXPECT_EQ(book.limits().jobs_per_client(), 64u);
  EXPECT_EQ(Open().limits().jobs_per_client(), 64u);
  EXPECT_TRUE(book.SetUntrusted(request).ok());
  EXPECT_EQ(book.limits().jobs_per_client(), 3u);
}

TEST_F(QuotaBookTest, ADamagedFileIsAsIfNothingWereSet) {
  ASSERT_TRUE(ReplaceFile(path_, "\xff\xff garbage", Sync::kNo).ok());
  EXPECT_EQ(Open().limits().jobs_per_client(), 64u);
}

class QueueQuotasTest : public testing::Test {
 protected:
  QueueQuotasTest() {
    options_.state_dir = folder_.path();
    options_.limits.engines = {{.name = "fake"}};
    options_.limits.can_measure = true;
    options_.limits.cpus = 1;
    options_.space.min_free_bytes = 0;
    options_.objects.quota_bytes = 100 * kMib;
    Restart();
  }
  void Restart() {
    queue_.reset();
    queue_ = JobQueue::Open(options_, executor_, clock_).value();
    queue_->SetListener(&news_);
  }
  absl::StatusOr<v1::JobStatus> Submit() {
    v1::JobSpec spec;
    spec.set_net_name("net");
    spec.set_engine("fake");
    spec.set_iterations(1);
    spec.set_warmup(1);
    spec.set_threads(1);
    spec.set_batch(1);
    return queue_->Submit(spec, MemoryFile(net_), MemoryFile(""), nullptr,
                          {"uid:1", "user ann", v1::ROLE_RUN});
  }

  TempFolder folder_;
  FakeClock clock_;
  FakeExecutor executor_;
  NewsLog news_;
  std::string net_ = "net";
  JobQueueOptions options_;
  std::unique_ptr<JobQueue> queue_;
};

TEST_F(QueueQuotasTest, TheNumberOfJobsThatAClientHasWaitingIsTheAdminsAlsoAfterARestart) {
  v1::SetQuotasRequest request;
  request.mutable_set()->set_jobs_per_client(1);
  ASSERT_TRUE(queue_->SetQuotas(request).ok());
  ASSERT_TRUE(Submit().ok());
  EXPECT_THAT(Submit().status().ToString(), HasSubstr("synergyctl quota"));
  Restart();
  EXPECT_EQ(Submit().status().code(), absl::StatusCode::kResourceExhausted);
  const v1::QuotaState state = queue_->DescribeQuotas({"uid:1", "user ann", v1::ROLE_RUN});
  EXPECT_EQ(state.jobs_waiting(), 1u);
  EXPECT_EQ(state.defaults().jobs_per_client(), 64u);
  request.Clear();
  request.set_reset(true);
  ASSERT_TRUE(queue_->SetQuotas(request).ok());
  EXPECT_TRUE(Submit().ok());
}

TEST_F(QueueQuotasTest, RecordsBeyondALowerQuotaGoAtOnceTheOldestFirst) {
  net_.assign(2 * kMib, 'x');  // it stays beside the records
  const std::string first = Submit()->run_id(), second = Submit()->run_id();
  executor_.Finish(v1::JOB_STATE_DONE);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  news_.WaitFor(second, v1::JOB_STATE_DONE);
  EXPECT_EQ(queue_->List().size(), 2u);
  EXPECT_GT(queue_->DescribeQuotas({}).records_bytes(), 4 * kMib);
  v1::SetQuotasRequest request;
  request.mutable_set()->set_records_bytes(3 * kMib);
  ASSERT_TRUE(queue_->SetQuotas(request).ok());
  EXPECT_EQ(queue_->Describe().records_quota_bytes(), 3 * kMib);
  while (queue_->List().size() > 1) std::this_thread::yield();
  queue_->Stop();
  EXPECT_THAT(news_.removed(), ElementsAre(first));
}

TEST_F(QueueQuotasTest, TheObjectsQuotaIsTheAdminsAlsoAfterARestart) {
  v1::SetQuotasRequest request;
  request.mutable_set()->set_objects_bytes(kMib);
  ASSERT_TRUE(queue_->SetQuotas(request).ok());
  const auto send = [this] {
    v1::ObjectRef object;
    object.set_sha256(std::string(32, 'h'));
    object.set_bytes(2 * kMib);
    return queue_->AppendObject(object, 0, MemoryFile(std::string(kMib, 'x'))).status();
  };
  EXPECT_EQ(send().code(), absl::StatusCode::kResourceExhausted);
  Restart();
  EXPECT_EQ(send().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(queue_->QueryObject({})->store_quota_bytes, kMib);
  EXPECT_EQ(queue_->DescribeQuotas({}).defaults().objects_bytes(), 100 * kMib);
  request.Clear();
  request.set_reset(true);
  ASSERT_TRUE(queue_->SetQuotas(request).ok());
  EXPECT_TRUE(send().ok());
  EXPECT_GE(queue_->DescribeQuotas({}).objects_bytes(), kMib);
}

}  // namespace
}  // namespace synergy
