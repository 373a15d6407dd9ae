#include "daemon/front/job_book.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

v1::JobStatus Job(const std::string& run_id, v1::JobState state) {
  v1::JobStatus job;
  job.set_run_id(run_id);
  job.set_state(state);
  return job;
}

TEST(JobBook, ListsJobsInTheOrderInWhichTheyCame) {
  JobBook book;
  book.Update(Job("b", v1::JOB_STATE_RUNNING));
  book.Update(Job("a", v1::JOB_STATE_QUEUED));
  book.Update(Job("b", v1::JOB_STATE_DONE));
  ASSERT_EQ(book.List().size(), 2u);
  EXPECT_EQ(book.List()[0].run_id(), "b");
  EXPECT_EQ(book.List()[0].state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(book.List()[1].run_id(), "a");
}

TEST(JobBook, ATrackedJobShowsLaterNewsAndOutlivesItsRemoval) {
  JobBook book;
  book.Update(Job("a", v1::JOB_STATE_RUNNING));
  const auto job = book.Find("a");
  ASSERT_NE(job, nullptr);
  book.Update(Job("a", v1::JOB_STATE_DONE));
  book.Remove("a");
  EXPECT_EQ(job->status().state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(book.Find("a"), nullptr);
  EXPECT_TRUE(book.List().empty());
}

TEST(JobBook, AnAnswerDoesNotOverwriteNewsThatCameFirst) {
  JobBook book;
  book.Update(Job("a", v1::JOB_STATE_RUNNING));
  book.AddIfUnknown(Job("a", v1::JOB_STATE_QUEUED));
  EXPECT_EQ(book.Find("a")->status().state(), v1::JOB_STATE_RUNNING);
  book.AddIfUnknown(Job("b", v1::JOB_STATE_QUEUED));
  EXPECT_EQ(book.Find("b")->status().state(), v1::JOB_STATE_QUEUED);
}

TEST(JobBook, OnlyDoneFailedAndCancelledAreEnds) {
  EXPECT_FALSE(HasEnded(Job("a", v1::JOB_STATE_QUEUED)));
  EXPECT_FALSE(HasEnded(Job("a", v1::JOB_STATE_RUNNING)));
  EXPECT_TRUE(HasEnded(Job("a", v1::JOB_STATE_DONE)));
  EXPECT_TRUE(HasEnded(Job("a", v1::JOB_STATE_FAILED)));
  EXPECT_TRUE(HasEnded(Job("a", v1::JOB_STATE_CANCELLED)));
}

}  // namespace
}  // namespace synergy
