// A net on its way in: bytes from the network into an anonymous file that goes to the root side.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/unique_fd.h"

namespace synergy {

// Anonymous files are memory: all uploads under way share this budget (common/fair_share.h).
// Thread-safe.
class UploadBudget {
 public:
  explicit UploadBudget(uint64_t bytes) : left_(bytes), share_(bytes / 3 * 2 + bytes % 3 / 2) {}
  bool Take(const std::string& client, uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack(const std::string& client, uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t share() const { return share_; }  // of one client that is alone

 private:
  absl::Mutex mutex_;
  uint64_t left_ ABSL_GUARDED_BY(mutex_);
  const uint64_t share_;
  std::map<std::string, uint64_t> taken_ ABSL_GUARDED_BY(mutex_);  // by client
};

// Of the uploads of one front: the two nets of one job at their largest, but no more than a quarter
// of the memory.
uint64_t UploadBudgetBytes();

// A memfd that can be sealed or, on kernels without (before 3.17), an unlinked file in `folder`.
absl::StatusOr<UniqueFd> CreateAnonymousFile();
absl::StatusOr<UniqueFd> CreateUnlinkedFile(const std::string& folder);

// Thread-compatible.
class NetUpload {
 public:
  // What comes is taken from `client`'s part of `budget`, which outlives the upload. `what` is for
  // texts ("predict net"). ResourceExhausted: larger than kMaxNetBytes or that part.
  static absl::StatusOr<NetUpload> Create(std::string what, uint64_t bytes, UploadBudget* budget,
                                          std::string client);
  NetUpload(NetUpload&& other) noexcept;
  NetUpload& operator=(NetUpload&&) = delete;
  ~NetUpload();

  // InvalidArgument: more than was announced. ResourceExhausted: no memory is left for it, or not
  // of the budget.
  absl::Status Append(std::string_view part);
  // The file with its offset at 0, for as long as the upload lives; no Append afterwards. Sealed
  // where the kernel can, so that nobody changes it while the root side reads. InvalidArgument:
  // less came than was announced.
  absl::StatusOr<const UniqueFd*> Finish();

 private:
  NetUpload(std::string what, uint64_t announced, UploadBudget* budget, std::string client,
            UniqueFd file);

  std::string what_;
  uint64_t announced_;
  UploadBudget* budget_;
  std::string client_;
  UniqueFd file_;
  uint64_t bytes_ = 0;
};

}  // namespace synergy
