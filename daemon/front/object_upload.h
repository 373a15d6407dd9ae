// One object on its way in: bytes from the network, collected in anonymous files that go to the
// root side one by one. While the root side writes one, the next is collected.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/unique_fd.h"
#include "daemon/front/net_upload.h"
#include "daemon/front/root_client.h"
#include "synergy/v1/control.pb.h"
#include "synergy/v1/device.pb.h"
#include "synergy/v1/tensor.pb.h"

namespace synergy {

// What one file takes to the root side: large beside a request's cost, small beside the memory.
inline constexpr uint64_t kObjectBlockBytes = uint64_t{4} << 20;

// The objects that are being uploaded: one upload of each at a time. Thread-safe.
class ObjectsUnderWay {
 public:
  static constexpr size_t kMaxUploads = 8;
  static constexpr size_t kMaxUploadsOfOne = 4;  // of one client

  // Its name until it is destroyed.
  class Claim {
   public:
    Claim(ObjectsUnderWay* all, std::string sha256) : all_(all), sha256_(std::move(sha256)) {}
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    ObjectsUnderWay* const all_;
    const std::string sha256_;
  };
  // Aborted: somebody else is uploading it. ResourceExhausted: too many are, or `client` uploads
  // too many. The claim does not outlive this.
  absl::StatusOr<std::unique_ptr<Claim>> Take(const std::string& sha256, const std::string& client);

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::string> clients_ ABSL_GUARDED_BY(mutex_);  // by the object's sha256
};

// Thread-compatible.
class ObjectUpload {
 public:
  // Reserves memory of `client`'s part of `budget`, which outlives the upload as `root` does.
  // ResourceExhausted: there is none.
  static absl::StatusOr<std::unique_ptr<ObjectUpload>> Create(v1::ObjectRef object, uint64_t offset,
                                                              RootClient* root,
                                                              UploadBudget* budget,
                                                              std::string client);
  ~ObjectUpload();
  ObjectUpload(const ObjectUpload&) = delete;
  ObjectUpload& operator=(const ObjectUpload&) = delete;

  // InvalidArgument: more than the object has. Otherwise the root side's errors, about these or
  // earlier bytes.
  absl::Status Append(std::string_view part);
  // Hands over what is left; how much of the object is there then.
  absl::StatusOr<v1::ObjectStatus> Finish();

 private:
  ObjectUpload(v1::ObjectRef object, uint64_t offset, RootClient* root, UploadBudget* budget,
               std::string client, std::array<UniqueFd, 2> blocks);
  absl::Status HandOver();
  absl::Status AwaitHandedOver();

  const v1::ObjectRef object_;
  RootClient* const root_;
  UploadBudget* const budget_;
  const std::string client_;
  const std::array<UniqueFd, 2> blocks_;
  size_t filling_ = 0;                                // index of the block that is being collected
  uint64_t filled_ = 0;                               // bytes in it
  uint64_t block_at_ = 0;                             // where it belongs in the object
  std::unique_ptr<RootClient::Pending> handed_over_;  // of the other block; null: none
  v1::ObjectStatus there_;
};

}  // namespace synergy
