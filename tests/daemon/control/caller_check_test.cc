// What the root side lets whom ask, whatever a front says.
#include "daemon/control/caller_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"
#include "google/protobuf/descriptor.h"

namespace synergy {
namespace {

using testing::HasSubstr;

v1::ClientBook Book() {
  v1::ClientBook book;
  for (const v1::Role role : {v1::ROLE_WATCH, v1::ROLE_RUN}) {
    v1::ClientRecord& client = *book.add_clients();
    client.set_id(role == v1::ROLE_WATCH ? "watcher" : "runner");
    client.set_name("ann@laptop");
    client.set_role(role);
  }
  *book.add_clients() = book.clients(1);
  book.mutable_clients(2)->set_id("revoked");
  book.mutable_clients(2)->set_revoked(true);
  v1::ClientRecord& admin = *book.add_clients();
  admin.set_id("admin");
  admin.set_role(v1::ROLE_ADMIN);
  return book;
}

absl::Status Ask(v1::ControlRequest request, const std::string& client) {
  request.mutable_caller()->set_client_id(client);
  return CheckCallerUntrusted(request, Book());
}

std::string AuditLine(const v1::ControlRequest& request) {
  const AuditEntry entry = AuditOf(request, Book()).value();
  return fmt::format("{}: {} {}", entry.who, entry.what, entry.subject);
}

TEST(CallerCheck, EveryRequestButPairingAndPuttingBackNeedsACaller) {
  const google::protobuf::OneofDescriptor* requests =
      v1::ControlRequest::descriptor()->FindOneofByName("request");
  ASSERT_GE(requests->field_count(), 15);
  for (int i = 0; i < requests->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = requests->field(i);
    v1::ControlRequest request;
    request.GetReflection()->MutableMessage(&request, field);
    const bool free =
        field->name() == "pair" || field->name() == "release_clocks" || field->name() == "refused";
    EXPECT_EQ(CheckCallerUntrusted(request, Book()).ok(), free) << field->name();
    EXPECT_EQ(Ask(request, "revoked").ok(), free) << field->name();
    EXPECT_EQ(Ask(request, "unknown").ok(), free) << field->name();
    EXPECT_TRUE(Ask(request, "admin").ok()) << field->name();
    const bool admins = field->name() == "open_pairing" || field->name() == "set_quotas";
    EXPECT_EQ(Ask(request, "runner").ok(), !admins) << field->name();
  }
}

TEST(CallerCheck, TheBookSaysAClientsRoleAndNotTheFront) {
  v1::ControlRequest request;
  request.mutable_submit();
  request.mutable_caller()->set_unix_role(v1::ROLE_ADMIN);
  const absl::Status status = Ask(request, "watcher");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.ToString(), HasSubstr("the role run"));
  request.clear_submit();
  request.mutable_get_clocks();
  EXPECT_TRUE(Ask(request, "watcher").ok());
}

TEST(CallerCheck, AUserOfTheUnixSocketIsNotToldToPair) {
  v1::ControlRequest request;
  request.mutable_submit();
  request.mutable_caller()->set_unix_role(v1::ROLE_WATCH);
  const std::string text = CheckCallerUntrusted(request, Book()).ToString();
  EXPECT_THAT(text, HasSubstr("the group synergy has the role run"));
  EXPECT_THAT(text, testing::Not(HasSubstr("pair")));
  EXPECT_THAT(Ask(request, "watcher").ToString(), HasSubstr("synergyd pair --role run"));
}

TEST(CallerCheck, WhatAClientSubmitsIsItsOwnWhateverTheFrontSays) {
  v1::ControlRequest request;
  request.mutable_caller()->set_client_id("runner");
  request.mutable_caller()->set_unix_role(v1::ROLE_ADMIN);
  const JobOwner runner = OwnerOf(request, Book());
  EXPECT_EQ(runner.id, "runner");
  EXPECT_EQ(runner.name, "ann@laptop (runn)");  // another of that name has another id
  EXPECT_EQ(runner.role, v1::ROLE_RUN);
  v1::ClientBook book = Book();
  book.mutable_clients(1)->set_heir_of("lost laptop");
  EXPECT_EQ(OwnerOf(request, book).id, "lost laptop");
  request.mutable_caller()->set_client_id("revoked");
  EXPECT_EQ(OwnerOf(request, Book()).role, v1::ROLE_UNSPECIFIED);
  request.mutable_caller()->clear_client_id();
  const JobOwner user = OwnerOf(request, Book());
  EXPECT_EQ(user.id, "uid:0");
  EXPECT_EQ(user.name, "user root");
  EXPECT_EQ(user.role, v1::ROLE_ADMIN);
}

TEST(CallerCheck, TheAuditLogNamesWhoAndWhat) {
  v1::ControlRequest request;
  request.mutable_cancel()->set_run_id("r7");
  request.mutable_caller()->set_client_id("runner");
  EXPECT_EQ(AuditLine(request), "client runner (ann@laptop): cancelling a job r7");
  request.mutable_caller()->Clear();
  request.mutable_caller()->set_uid(1000);
  EXPECT_EQ(AuditLine(request), "user 1000: cancelling a job r7");
  request.mutable_open_pairing()->set_role(v1::ROLE_RUN);
  EXPECT_EQ(AuditLine(request), "user 1000: opening a pairing for the role run");
  request.mutable_set_quotas()->set_reset(true);
  EXPECT_EQ(AuditLine(request), "user 1000: setting quotas back");
  request.mutable_set_quotas()->mutable_set()->set_jobs_per_client(3);
  EXPECT_EQ(AuditLine(request), "user 1000: setting quotas back, then jobs_per_client: 3");
  request.mutable_get_clocks();
  EXPECT_FALSE(AuditOf(request, Book()).has_value());
  request.mutable_refused()->set_method("SubmitJob");
  request.mutable_refused()->set_why("not today");
  request.mutable_caller()->set_client_id("revoked");
  EXPECT_EQ(AuditLine(request), "client revoked (ann@laptop, revoked): calling SubmitJob");
  EXPECT_EQ(AuditOf(request, Book())->refused, "not today");
  request.mutable_caller()->set_client_id("made up");
  EXPECT_EQ(AuditLine(request), "a client that is not known: calling SubmitJob");
  request.mutable_caller()->Clear();
  request.mutable_refused()->set_from("10.0.0.7");
  EXPECT_EQ(AuditLine(request), "a stranger: connecting from 10.0.0.7");
}

}  // namespace
}  // namespace synergy
