#include "daemon/front/object_upload.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/fair_share.h"
#include "fmt/format.h"

namespace synergy {

ObjectsUnderWay::Claim::~Claim() {
  absl::MutexLock lock(&all_->mutex_);
  all_->clients_.erase(sha256_);
}

absl::StatusOr<std::unique_ptr<ObjectsUnderWay::Claim>> ObjectsUnderWay::Take(
    const std::string& sha256, const std::string& client) {
  absl::MutexLock lock(&mutex_);
  if (clients_.contains(sha256)) {
    return absl::AbortedError(
        "Another client is uploading this object just now; ask again when it is done");
  }
  const auto own = static_cast<size_t>(std::ranges::count_if(
      clients_, [&client](const auto& entry) { return entry.second == client; }));
  if (clients_.size() >= kMaxUploads || own >= kMaxUploadsOfOne ||
      !LeavesAShare(own + 1, kMaxUploads - clients_.size() - 1)) {
    return absl::ResourceExhaustedError(
        fmt::format("{} objects are being uploaded already, {} of them by you; try again",
                    clients_.size(), own));
  }
  clients_[sha256] = client;
  return std::make_unique<Claim>(this, sha256);
}

absl::StatusOr<std::unique_ptr<ObjectUpload>> ObjectUpload::Create(v1::ObjectRef object,
                                                                   uint64_t offset,
                                                                   RootClient* root,
                                                                   UploadBudget* budget,
                                                                   std::string client) {
  if (offset > object.bytes()) {
    return absl::InvalidArgumentError(fmt::format(
        "An upload of an object of {} bytes cannot begin at {}", object.bytes(), offset));
  }
  std::array<UniqueFd, 2> blocks;
  for (UniqueFd& block : blocks) {
    absl::StatusOr<UniqueFd> file = CreateAnonymousFile();
    if (!file.ok()) return file.status();
    block = *std::move(file);
  }
  if (!budget->Take(client, blocks.size() * kObjectBlockBytes)) {
    return absl::ResourceExhaustedError("There is no memory for one more upload; try again");
  }
  return std::unique_ptr<ObjectUpload>(new ObjectUpload(std::move(object), offset, root, budget,
                                                        std::move(client), std::move(blocks)));
}

ObjectUpload::ObjectUpload(v1::ObjectRef object, uint64_t offset, RootClient* root,
                           UploadBudget* budget, std::string client, std::array<UniqueFd, 2> blocks)
    : object_(std::move(object)),
      root_(root),
      budget_(budget),
      client_(std::move(client)),
      blocks_(std::move(blocks)),
      block_at_(offset) {}

ObjectUpload::~ObjectUpload() { budget_->GiveBack(client_, blocks_.size() * kObjectBlockBytes); }

absl::Status ObjectUpload::Append(std::string_view part) {
  if (part.size() > object_.bytes() - block_at_ - filled_) {
    return absl::InvalidArgumentError(
        fmt::format("More came of the object than its {} bytes", object_.bytes()));
  }
  while (!part.empty()) {
    const size_t wanted = std::min<uint64_t>(part.size(), kObjectBlockBytes - filled_);
    const ssize_t wrote =
        pwrite(blocks_[filling_].get(), part.data(), wanted, static_cast<off_t>(filled_));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      return absl::ResourceExhaustedError(
          fmt::format("Keeping a part of the object in memory: {}", strerror(errno)));
    }
    filled_ += static_cast<uint64_t>(wrote);
    part.remove_prefix(static_cast<size_t>(wrote));
    if (filled_ < kObjectBlockBytes) continue;
    if (absl::Status status = HandOver(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ObjectUpload::HandOver() {
  const int block = blocks_[filling_].get();
  // The file is used again and again: what it held beyond is cut off.
  if (ftruncate(block, static_cast<off_t>(filled_)) != 0) {
    return absl::InternalError(
        fmt::format("Ending a part of the object in memory: {}", strerror(errno)));
  }
  // The root side still reads the other block, which is filled next.
  if (absl::Status status = AwaitHandedOver(); !status.ok()) return status;
  handed_over_ = root_->StartAppend(object_, block_at_, block);
  block_at_ += filled_;
  filled_ = 0;
  filling_ = 1 - filling_;
  return absl::OkStatus();
}

absl::Status ObjectUpload::AwaitHandedOver() {
  if (handed_over_ == nullptr) return absl::OkStatus();
  const absl::StatusOr<v1::ControlEvent::ObjectState> state = root_->AwaitAppend(*handed_over_);
  handed_over_ = nullptr;
  if (!state.ok()) return state.status();
  there_.set_complete(state->complete());
  there_.set_bytes(state->bytes());
  return absl::OkStatus();
}

absl::StatusOr<v1::ObjectStatus> ObjectUpload::Finish() {
  // An object that is there but for its check is completed by no bytes at all.
  absl::Status status = filled_ > 0 || handed_over_ == nullptr ? HandOver() : absl::OkStatus();
  if (status.ok()) status = AwaitHandedOver();
  if (!status.ok()) return status;
  return there_;
}

}  // namespace synergy
