// Objects on their way to the device and outputs on their way back: the front and the client
// together, over a real Unix socket and over TCP, with a real object store behind a fake root side.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "client/net/device_client.h"
#include "common/sha256.h"
#include "daemon/front/front_server.h"
#include "daemon/front/object_upload.h"
#include "synergy/v1/device.grpc.pb.h"
#include "tests/daemon/front/front_fixture.h"

namespace synergy {
namespace {

using testing::HasSubstr;

v1::ObjectRef RefOf(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  v1::ObjectRef object;
  object.set_sha256(hash.Finish());
  object.set_bytes(bytes.size());
  return object;
}

// Bytes of which no part is like another.
std::string Noise(size_t size) {
  std::mt19937_64 random(size);
  std::string bytes(size, '\0');
  for (size_t i = 0; i + 8 <= size; i += 8) {
    const uint64_t word = random();
    memcpy(bytes.data() + i, &word, sizeof(word));
  }
  return bytes;
}

DeviceClient::ObjectReader ReaderOf(const std::string& bytes) {
  return [&bytes](uint64_t offset, char* into, size_t size) {
    EXPECT_LE(offset + size, bytes.size());
    memcpy(into, bytes.data() + offset, size);
    return absl::OkStatus();
  };
}

TEST(ObjectsUnderWay, OneClientLeavesUploadsToOthers) {
  ObjectsUnderWay all;
  std::vector<std::unique_ptr<ObjectsUnderWay::Claim>> claims;
  for (const char* object : {"a", "b", "c", "d"}) claims.push_back(all.Take(object, "me").value());
  EXPECT_EQ(all.Take("e", "me").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(all.Take("a", "you").status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(all.Take("e", "you").ok());
  claims.pop_back();
  EXPECT_TRUE(all.Take("e", "me").ok());
}

class ObjectTransferTest : public FrontTest {
 protected:
  grpc::Status SendRaw(const std::vector<v1::UploadObjectRequest>& messages) const {
    grpc::ClientContext context;
    v1::ObjectStatus response;
    const auto stub = RawStub();
    const auto writer = stub->UploadObject(&context, &response);
    for (const v1::UploadObjectRequest& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }
  std::string PartPath(const v1::ObjectRef& object) const {
    return root_.objects_folder() + "/" + ObjectName(object) + ".part";
  }
};

INSTANTIATE_TEST_SUITE_P(Over, ObjectTransferTest,
                         testing::Values(Transport::kUnix, Transport::kTcp), TransportName);

v1::UploadObjectRequest Begin(const v1::ObjectRef& object, uint64_t offset) {
  v1::UploadObjectRequest request;
  *request.mutable_begin()->mutable_object() = object;
  request.mutable_begin()->set_offset(offset);
  return request;
}

v1::UploadObjectRequest Data(std::string bytes) {
  v1::UploadObjectRequest request;
  request.set_data(std::move(bytes));
  return request;
}

TEST_P(ObjectTransferTest, AnObjectOfManyBlocksIsSentOnce) {
  const std::string bytes = Noise(2 * kObjectBlockBytes + 12345);
  const v1::ObjectRef object = RefOf(bytes);
  EXPECT_EQ(client_->QueryObject(object)->bytes(), 0u);
  std::vector<uint64_t> progress;
  const auto sent =
      client_->Upload(object, ReaderOf(bytes), [&](uint64_t there) { progress.push_back(there); });
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->sent, bytes.size());
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(progress.back(), bytes.size());
  EXPECT_TRUE(client_->QueryObject(object)->complete());
  EXPECT_EQ(client_->Upload(object, ReaderOf(bytes))->sent, 0u);
}

TEST_P(ObjectTransferTest, AnObjectOfWholeBlocksOrOfOneByteIsComplete) {
  for (const size_t size : {size_t{1}, size_t{kObjectBlockBytes}}) {
    const std::string bytes = Noise(size);
    EXPECT_EQ(client_->Upload(RefOf(bytes), ReaderOf(bytes))->sent, size);
    EXPECT_TRUE(client_->QueryObject(RefOf(bytes))->complete());
  }
}

TEST_P(ObjectTransferTest, AnUploadThatWasStoppedGoesOnWhereItWas) {
  const std::string bytes = Noise(3 * kObjectBlockBytes);
  const v1::ObjectRef object = RefOf(bytes);
  std::stop_source stop;
  const auto stop_late = [&](uint64_t there) {
    if (there < 2 * kObjectBlockBytes) return;
    // Written is not received: what is on its way is lost when the stream is cancelled.
    while (client_->QueryObject(object)->bytes() < kObjectBlockBytes) std::this_thread::yield();
    stop.request_stop();
  };
  const auto first = client_->Upload(object, ReaderOf(bytes), stop_late, stop.get_token());
  EXPECT_EQ(first.status().code(), absl::StatusCode::kCancelled);
  uint64_t begun_at = 0;
  const auto second = client_->Upload(object, ReaderOf(bytes), [&](uint64_t there) {
    if (begun_at == 0) begun_at = there;
  });
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GE(begun_at, kObjectBlockBytes);
  EXPECT_LT(second->sent, bytes.size());
  EXPECT_EQ(second->damaged, 0u);
  EXPECT_TRUE(client_->QueryObject(object)->complete());
}

TEST_P(ObjectTransferTest, WrongBytesAreLostData) {
  const std::string bytes = Noise(5000);
  v1::ObjectRef object = RefOf("something else");
  object.set_bytes(bytes.size());
  const auto sent = client_->Upload(object, ReaderOf(bytes));
  EXPECT_EQ(sent.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(client_->QueryObject(object)->bytes(), 0u);
}

TEST_P(ObjectTransferTest, ADamagedBeginningIsSentAgain) {
  const std::string bytes = Noise(5000);
  const v1::ObjectRef object = RefOf(bytes);
  std::ofstream(PartPath(object)) << std::string(1000, 'x');
  const auto sent = client_->Upload(object, ReaderOf(bytes));
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->sent, 4000u + 5000u);
  EXPECT_EQ(sent->damaged, 1000u);
}

TEST_P(ObjectTransferTest, AnObjectThatWasChangedOnTheDiskIsSentAgain) {
  const std::string bytes = Noise(5000);
  const v1::ObjectRef object = RefOf(bytes);
  ASSERT_TRUE(client_->Upload(object, ReaderOf(bytes)).ok());
  for (const auto& file : std::filesystem::directory_iterator(root_.objects_folder())) {
    std::fstream(file.path(), std::ios::in | std::ios::out) << "x";
  }
  const auto sent = client_->Upload(object, ReaderOf(bytes));
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->sent, 5000u);
  EXPECT_EQ(sent->damaged, 5000u);
  EXPECT_EQ(client_->Upload(object, ReaderOf(bytes))->sent, 0u);
}

TEST_P(ObjectTransferTest, AnObjectThatOnlyWantsItsCheckIsCompletedByNoBytes) {
  const std::string bytes = Noise(5000);
  const v1::ObjectRef object = RefOf(bytes);
  std::ofstream(PartPath(object)) << bytes;
  const auto sent = client_->Upload(object, ReaderOf(bytes));
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->sent, 0u);
  EXPECT_TRUE(client_->QueryObject(object)->complete());
}

TEST_P(ObjectTransferTest, AnErrorOfTheReaderIsHandedOn) {
  const auto sent = client_->Upload(RefOf("weights"), [](uint64_t, char*, size_t) {
    return absl::PermissionDeniedError("the file was taken away");
  });
  EXPECT_EQ(sent.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_P(ObjectTransferTest, OneClientAtATimeSendsAnObject) {
  const std::string bytes = Noise(5000);
  const v1::ObjectRef object = RefOf(bytes);
  grpc::ClientContext context;
  v1::ObjectStatus response;
  const auto stub = RawStub();
  const auto first = stub->UploadObject(&context, &response);
  ASSERT_TRUE(first->Write(Begin(object, 0)));
  first->WaitForInitialMetadata();  // the device has taken the upload
  const grpc::Status status = SendRaw({Begin(object, 0)});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(status.error_message(), HasSubstr("Another client"));
  ASSERT_TRUE(first->Write(Data(bytes)));
  first->WritesDone();
  EXPECT_TRUE(first->Finish().ok());
  EXPECT_TRUE(response.complete());
}

TEST_P(ObjectTransferTest, ManyClientsSendTheSameObjectOnce) {
  const std::string bytes = Noise(3 * kObjectBlockBytes);
  const v1::ObjectRef object = RefOf(bytes);
  std::vector<absl::StatusOr<DeviceClient::UploadReport>> sent(4, absl::UnknownError("not yet"));
  {
    std::vector<std::jthread> clients;
    for (auto& mine : sent) {
      clients.emplace_back([&] { mine = client_->Upload(object, ReaderOf(bytes)); });
    }
  }
  for (const auto& mine : sent) EXPECT_TRUE(mine.ok()) << mine.status();
  EXPECT_TRUE(client_->QueryObject(object)->complete());
}

TEST_P(ObjectTransferTest, UploadsThatAreNoneAreRefused) {
  const v1::ObjectRef object = RefOf("weights");
  using enum grpc::StatusCode;
  EXPECT_EQ(SendRaw({}).error_code(), INVALID_ARGUMENT);
  EXPECT_EQ(SendRaw({Data("weights")}).error_code(), INVALID_ARGUMENT);
  EXPECT_EQ(SendRaw({Begin(object, 0), Begin(object, 0)}).error_code(), INVALID_ARGUMENT);
  EXPECT_EQ(SendRaw({Begin(object, 8)}).error_code(), INVALID_ARGUMENT);
  EXPECT_EQ(SendRaw({Begin(object, 0), Data("more than weights")}).error_code(), INVALID_ARGUMENT);
  EXPECT_EQ(SendRaw({Begin(object, 0), Data(std::string(3 << 20, 'x'))}).error_code(),
            RESOURCE_EXHAUSTED);
  EXPECT_EQ(SendRaw({Begin(object, 3), Data("ghts")}).error_code(), ABORTED);
  EXPECT_EQ(SendRaw({Begin(v1::ObjectRef(), 0)}).error_code(), INVALID_ARGUMENT);
  const auto store = client_->QueryObject(v1::ObjectRef());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_GT(store->store_quota_bytes(), 0u);
}

TEST_P(ObjectTransferTest, TheOutputsComeWholeHoweverLarge) {
  const std::string outputs = Noise(3'000'000);
  root_.WriteOutputs("r", outputs);
  std::string got;
  const absl::Status status = client_->Outputs("r", [&](std::string_view part) {
    got += part;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(got == outputs);
  const auto full = [](std::string_view) { return absl::ResourceExhaustedError("disk full"); };
  EXPECT_EQ(client_->Outputs("r", full).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(client_->Outputs("x", full).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace synergy
