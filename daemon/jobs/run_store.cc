#include "daemon/jobs/run_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "common/files.h"
#include "daemon/jobs/run_header.h"
#include "daemon/jobs/run_id.h"
#include "daemon/jobs/submitted_net.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxJobBytes = 1u << 20;  // a spec is at most some 10 KiB
// Enough for a RunEnd and a job.pb on disks with blocks of up to 64 KiB.
constexpr off_t kReserveBytes = 256 << 10;
// Folders under these names are no runs: half made, half deleted.
constexpr char kMaking[] = ".new-";
constexpr char kGone[] = ".gone-";

Sync SyncIf(bool sync) { return sync ? Sync::kYes : Sync::kNo; }

}  // namespace

RunStore::RunStore(std::string state_dir, ObjectStore* objects)
    : state_dir_(std::move(state_dir)), runs_dir_(state_dir_ + "/runs"), objects_(objects) {}

absl::StatusOr<std::unique_ptr<RunStore>> RunStore::Open(const std::string& state_dir,
                                                         ObjectStore* objects) {
  std::unique_ptr<RunStore> store(new RunStore(state_dir, objects));
  if (absl::Status status = MakeFolder(store->runs_dir_, 0700); !status.ok()) return status;
  store->ClearLeftovers();
  const absl::StatusOr<std::string> text = ReadFile(state_dir + "/last_number", 64);
  if (text.ok()) {
    uint64_t number = 0;
    std::from_chars(text->data(), text->data() + text->size(), number);
    absl::MutexLock lock(&store->mutex_);
    store->number_ = number;  // 0 where the file is damaged: Load() raises it above every run's
  }
  return store;
}

void RunStore::ClearLeftovers() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(runs_dir_, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kMaking) && !name.starts_with(kGone)) continue;
    std::error_code removing;
    fs::remove_all(entry.path(), removing);
    if (removing) spdlog::warn("Clearing {}: {}", entry.path().string(), removing.message());
  }
}

std::vector<v1::StoredJob> RunStore::Load() {
  std::vector<v1::StoredJob> jobs;
  std::vector<std::string> damaged;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(runs_dir_, error)) {
    const std::string run_id = entry.path().filename();
    const absl::StatusOr<std::string> bytes = ReadFile(Folder(run_id).Job(), kMaxJobBytes);
    v1::StoredJob job;
    if (bytes.ok() && job.ParseFromString(*bytes) && job.status().run_id() == run_id) {
      jobs.push_back(std::move(job));
    } else {
      damaged.push_back(run_id);
    }
  }
  for (const std::string& run_id : damaged) {
    const std::string aside = state_dir_ + "/damaged";
    absl::Status moved = MakeFolder(aside, 0700);
    if (moved.ok() && rename(Folder(run_id).path.c_str(), (aside + "/" + run_id).c_str()) != 0) {
      moved = FileError("Renaming", Folder(run_id).path, errno);
    }
    spdlog::error("Reading the run {}: its job.pb is missing or damaged; {}", run_id,
                  moved.ok() ? "set aside in " + aside : moved.ToString());
  }
  std::sort(jobs.begin(), jobs.end(),
            [](const auto& a, const auto& b) { return a.number() < b.number(); });
  absl::MutexLock lock(&mutex_);
  if (!jobs.empty()) number_ = std::max(number_, jobs.back().number());
  return jobs;
}

absl::StatusOr<uint64_t> RunStore::TakeNumber() {
  absl::MutexLock lock(&mutex_);
  const std::string path = state_dir_ + "/last_number";
  const uint64_t number = number_ + 1;
  absl::Status status = ReplaceFile(path, fmt::format("{}\n", number), Sync::kYes);
  if (!status.ok()) return status;
  number_ = number;
  return number;
}

absl::StatusOr<v1::StoredJob> RunStore::Add(const v1::JobSpec& spec, const JobOwner& owner,
                                            const UniqueFd& predict_net, const UniqueFd& init_net,
                                            const Space& space, const std::atomic<bool>* stop) {
  const absl::StatusOr<uint64_t> predict = SubmittedNetSize(predict_net, space.max_net_bytes);
  if (!predict.ok()) return predict.status();
  const absl::StatusOr<uint64_t> init = SubmittedNetSize(init_net, space.max_net_bytes);
  if (!init.ok()) return init.status();
  if (*predict == 0) {
    return absl::InvalidArgumentError("Taking the submitted nets: the predict net is empty");
  }
  absl::Status status = RequireSpace(space.min_free_bytes + *predict + *init);
  if (!status.ok()) return status;

  v1::StoredJob job;
  *job.mutable_status()->mutable_spec() = spec;
  job.mutable_status()->set_state(v1::JOB_STATE_QUEUED);
  job.set_owner_id(owner.id);
  job.mutable_status()->set_owner(owner.name);
  job.mutable_status()->set_submitted_unix_ns(WallTimeUnixNs());
  std::error_code error;
  do {
    const absl::StatusOr<uint64_t> number = TakeNumber();
    if (!number.ok()) return number.status();
    job.set_number(*number);
    job.mutable_status()->set_run_id(
        MakeRunId(job.status().submitted_unix_ns() / 1'000'000'000, spec.net_name(), *number));
  } while (fs::exists(Folder(job.status().run_id()).path, error));

  const std::string making = runs_dir_ + "/" + kMaking + job.status().run_id();
  status = Make(RunFolder{making}, job, {predict_net, *predict}, {init_net, *init}, stop);
  if (!status.ok()) {
    fs::remove_all(making, error);  // what stays is cleared at the next start
    return status;
  }
  return job;
}

absl::Status RunStore::Make(const RunFolder& making, const v1::StoredJob& job, const Net& predict,
                            const Net& init, const std::atomic<bool>* stop) {
  const auto stopped = [&] { return stopped_ || (stop != nullptr && *stop); };
  const RunFolder folder = Folder(job.status().run_id());
  if (mkdir(making.path.c_str(), 0700) != 0) {
    return FileError("Creating the folder", making.path, errno);
  }
  absl::Status status = LinkObjects(job.status().spec(), making, stop);
  if (status.ok()) {
    status = CopySubmittedNet(predict.fd, predict.bytes, making.PredictNet(), stopped);
  }
  if (status.ok()) status = CopySubmittedNet(init.fd, init.bytes, making.InitNet(), stopped);
  if (status.ok()) status = ReplaceFile(making.Job(), job.SerializeAsString(), Sync::kYes);
  if (!status.ok()) return status;
  if (rename(making.path.c_str(), folder.path.c_str()) != 0) {
    return FileError("Renaming to", folder.path, errno);
  }
  return SyncPath(runs_dir_);
}

absl::Status RunStore::LinkObjects(const v1::JobSpec& spec, const RunFolder& folder,
                                   const std::atomic<bool>* stop) {
  if (!spec.has_weights() && !spec.has_input_values()) return absl::OkStatus();
  if (objects_ == nullptr) return absl::FailedPreconditionError("This device keeps no objects");
  absl::Status status;
  if (spec.has_weights()) {
    status = objects_->LinkUntrusted(spec.weights(), "weights", folder.Weights(), stop);
  }
  if (status.ok() && spec.has_input_values()) {
    status =
        objects_->LinkUntrusted(spec.input_values(), "input values", folder.InputValues(), stop);
  }
  return status;
}

absl::Status RunStore::VerifyObjects(const v1::JobStatus& job,
                                     const std::atomic<bool>& stop) const {
  if (objects_ == nullptr) return absl::OkStatus();
  const RunFolder folder = Folder(job.run_id());
  const v1::JobSpec& spec = job.spec();
  absl::Status status;
  if (spec.has_weights()) {
    status = objects_->VerifyLink(spec.weights(), "weights", folder.Weights(), &stop);
  }
  if (status.ok() && spec.has_input_values()) {
    status = objects_->VerifyLink(spec.input_values(), "input values", folder.InputValues(), &stop);
  }
  return status;
}

void RunStore::ReleaseObjects(const v1::JobStatus& job) {
  if (objects_ == nullptr) return;
  const RunFolder folder = Folder(job.run_id());
  const v1::JobSpec& spec = job.spec();
  if (spec.has_weights()) objects_->Unlink(spec.weights(), folder.Weights());
  if (spec.has_input_values()) objects_->Unlink(spec.input_values(), folder.InputValues());
}

absl::Status RunStore::Save(const v1::StoredJob& job, bool sync) {
  const RunFolder folder = Folder(job.status().run_id());
  absl::Status status = ReplaceFile(folder.Job(), job.SerializeAsString(), SyncIf(sync));
  if (!status.ok() || sync) return status;
  absl::MutexLock lock(&mutex_);
  unsynced_.push_back(folder.Job());
  unsynced_.push_back(folder.path);
  return absl::OkStatus();
}

absl::Status RunStore::Remove(std::string_view run_id) {
  const std::string gone = fmt::format("{}/{}{}", runs_dir_, kGone, run_id);
  if (rename(Folder(run_id).path.c_str(), gone.c_str()) != 0) {
    return FileError("Deleting", Folder(run_id).path, errno);
  }
  std::error_code error;
  fs::remove_all(gone, error);
  if (error) spdlog::warn("Deleting {}: {}", gone, error.message());
  return absl::OkStatus();
}

void RunStore::Sync() {
  std::vector<std::string> paths;
  {
    absl::MutexLock lock(&mutex_);
    paths.swap(unsynced_);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  for (const std::string& path : paths) {
    const absl::Status status = SyncPath(path);
    // Not there: the run was deleted meanwhile.
    if (!status.ok() && !absl::IsNotFound(status)) spdlog::error("{}", status.ToString());
  }
}

void RunStore::SyncLater(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  unsynced_.push_back(path);
}

RunFolder RunStore::Folder(std::string_view run_id) const {
  return RunFolder{fmt::format("{}/{}", runs_dir_, run_id)};
}

uint64_t RunStore::BytesOf(std::string_view run_id) const {
  uint64_t bytes = 0;
  std::error_code error;
  struct stat info = {};
  for (const auto& entry : fs::directory_iterator(Folder(run_id).path, error)) {
    if (stat(entry.path().c_str(), &info) == 0)
      bytes += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

absl::Status RunStore::RequireSpace(uint64_t bytes) const {
  struct statvfs info = {};
  if (statvfs(runs_dir_.c_str(), &info) != 0) {
    return FileError("Asking for the free space of", runs_dir_, errno);
  }
  const uint64_t free = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (free >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("Not enough space left in {}: {} MiB are free and {} MiB are needed; free some "
                  "there (what lies in objects/ may be deleted), or fetch ended runs with "
                  "synergyctl, which deletes them from the device",
                  state_dir_, free >> 20, (bytes + (1 << 20) - 1) >> 20));
}

absl::Status RunStore::RequireRoom(const std::vector<std::string>& waiting,
                                   const UniqueFd& predict_net, const UniqueFd& init_net) const {
  uint64_t queued = 0;
  struct stat info = {};
  for (const std::string& run_id : waiting) {
    for (const std::string& path : {Folder(run_id).PredictNet(), Folder(run_id).InitNet()}) {
      if (stat(path.c_str(), &info) == 0) queued += static_cast<uint64_t>(info.st_size);
    }
  }
  uint64_t more = 0;
  for (const UniqueFd* net : {&predict_net, &init_net}) {
    if (fstat(net->get(), &info) == 0) more += static_cast<uint64_t>(info.st_size);
  }
  struct statvfs disk = {};
  if (statvfs(runs_dir_.c_str(), &disk) != 0) {
    return FileError("Asking for the free space of", runs_dir_, errno);
  }
  const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (queued + more <= (free + queued) / 2) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "Queueing the job: {} has {} MiB of free space, of which the nets of this job ({} MiB) and "
      "of "
      "those that wait ({} MiB) may take half; free some there, or try again when a job has ended",
      state_dir_, free >> 20, more >> 20, queued >> 20));
}

absl::Status RunStore::CreateReserve(std::string_view run_id) {
  const std::string path = Folder(run_id).Reserve();
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.ok()) return FileError("Creating", path, errno);
  const int error = posix_fallocate(fd.get(), 0, kReserveBytes);
  return error == 0 ? absl::OkStatus() : FileError("Keeping space back in", path, error);
}

void RunStore::FreeReserve(std::string_view run_id) {
  unlink(Folder(run_id).Reserve().c_str());  // it need not be there
}

}  // namespace synergy
