#include "client/commands/import_spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/submission.h"
#include "client/commands/user_file.h"
#include "client/store/truth_store.h"
#include "common/files.h"
#include "common/records/chunk.h"
#include "common/records/spool_reader.h"
#include "synergy/v1/device.pb.h"

namespace synergy {
namespace {

// What protobuf itself can parse.
constexpr uint64_t kMaxTruthBytes = (uint64_t{2} << 30) - 1;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// The next chunk that is whole and undamaged. Nothing: there are no more, and `why` says what is
// wrong with what follows, "" for the end of the file.
class WholeChunks {
 public:
  WholeChunks(UniqueFd fd, uint64_t size) : reader_(std::move(fd)), size_(size) {}

  absl::StatusOr<bool> Next(v1::Chunk* chunk) {
    const uint64_t offset = reader_.offset();
    const absl::StatusOr<bool> next = reader_.Next(chunk);
    if (absl::IsDataLoss(next.status())) return Stop(Message(next.status()));
    if (!next.ok()) return next;
    if (!*next && offset < size_) {
      return Stop(fmt::format("the file is cut off within chunk {}, at byte {} of {}",
                              reader_.next_seq(), offset, size_));
    }
    if (!*next) return Stop("the file ends before the run does");
    const absl::Status whole = VerifyChunkUntrusted(*chunk);
    return whole.ok()
               ? absl::StatusOr<bool>(true)
               : Stop(fmt::format("the file is damaged at byte {}: {}", offset, Message(whole)));
  }
  const std::string& why() const { return why_; }

 private:
  bool Stop(std::string why) {
    why_ = std::move(why);
    return false;
  }

  SpoolReader reader_;
  const uint64_t size_;
  std::string why_;
};

absl::Status NoSpool(const std::string& path, const std::string& what) {
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format(
                    "read {}: {}. --spool takes the records of a run as synergy-sim -o writes "
                    "them, or records.spool of a run's folder on a board",
                    path, what)));
}

absl::StatusOr<v1::RunHeader> HeaderOf(const v1::Chunk& first, const std::string& path) {
  if (first.channel() == kRunRecordsChannel) {
    const auto records = DecodeRunRecordsUntrusted(first.data(), first.count());
    if (records.ok() && records->front().has_header()) return records->front().header();
  }
  return NoSpool(path, "it does not begin with the header of a run");
}

absl::StatusOr<UniqueFd> OpenSpool(const std::string& path, uint64_t* size) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return Ending(ExitCode::kUsage, FileError("read", path, errno));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) {
    return Ending(ExitCode::kUsage, FileError("read", path, errno));
  }
  if (!S_ISREG(info.st_mode)) return NoSpool(path, "it is no regular file");
  if (info.st_size == 0) return NoSpool(path, "it is empty");
  *size = static_cast<uint64_t>(info.st_size);
  return fd;
}

// Absent, with a note where there is one that cannot be taken: the records are what counts.
std::optional<v1::RunTruth> ReadTruth(const std::string& path, const v1::RunHeader& header) {
  if (access(path.c_str(), F_OK) != 0) return std::nullopt;
  const auto without = [&](const std::string& why) {
    PrintNote(fmt::format("the truth in {} is left out: {}", path, why));
    return std::nullopt;
  };
  const absl::StatusOr<std::string> bytes = ReadUserFile(path, kMaxTruthBytes);
  if (!bytes.ok()) return without(Message(bytes.status()));
  v1::RunTruth truth;
  if (!truth.ParseFromString(*bytes)) return without("it is damaged");
  if (truth.run_id() != header.run_id()) {
    return without(fmt::format("it is that of run {}", truth.run_id()));
  }
  if (!header.board().simulated()) return without("the board was none of a simulation");
  return truth;
}

void StoreTruth(RunImport& import, const v1::RunHeader& header, const v1::RunTruth& truth) {
  const auto truths = TruthStore::Open(import.store().path(), StoreAccess::kWrite);
  const absl::Status put =
      truths.ok() ? (*truths)->Put(header.board().board_id(), truth) : truths.status();
  if (!put.ok()) {
    PrintNote(fmt::format("the truth of run {} is not stored: {}", import.number(), Message(put)));
  }
}

}  // namespace

absl::StatusOr<RunImport> ImportSpool(const std::string& path, const std::string& store_option,
                                      std::stop_token stop) {
  uint64_t size = 0;
  absl::StatusOr<UniqueFd> fd = OpenSpool(path, &size);
  if (!fd.ok()) return fd.status();
  WholeChunks chunks(*std::move(fd), size);
  v1::Chunk chunk;
  const absl::StatusOr<bool> first = chunks.Next(&chunk);
  if (!first.ok()) return Ending(ExitCode::kUsage, first.status());
  if (!*first) return NoSpool(path, chunks.why());
  const absl::StatusOr<v1::RunHeader> header = HeaderOf(chunk, path);
  if (!header.ok()) return header.status();
  const std::optional<v1::RunTruth> truth = ReadTruth(path + ".truth", *header);

  v1::JobStatus status;
  status.set_run_id(header->run_id());
  *status.mutable_spec() = header->job();
  status.set_state(v1::JOB_STATE_RUNNING);
  status.set_submitted_unix_ns(UnixNow());
  status.set_has_truth(truth.has_value());
  absl::StatusOr<RunImport> import =
      RunImport::Begin(store_option, header->board(), status, RunImport::Beginning::kGoOn, stop);
  if (!import.ok()) return import.status();
  absl::Status stored;
  for (absl::StatusOr<bool> more = true; stored.ok() && more.ok() && *more;) {
    stored = import->Add(std::move(chunk));
    if (stored.ok()) more = chunks.Next(&chunk);
    stored.Update(more.status());
  }
  if (stored.ok()) stored = import->Finish(chunks.why());
  if (!stored.ok()) {
    import->Discard();
    return stored;
  }
  if (const auto run = import->store().Run(import->number()); run.ok() && !run->complete) {
    PrintNote(fmt::format("{}: {}; what is whole before that is stored", path, chunks.why()));
  }
  if (truth) StoreTruth(*import, *header, *truth);
  return import;
}

}  // namespace synergy
