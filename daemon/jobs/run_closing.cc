#include "daemon/jobs/run_closing.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/printable.h"
#include "common/protocol.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/readings.h"
#include "common/run_codes.h"
#include "daemon/jobs/run_header.h"
#include "daemon/sampling/spool.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// What the whole frames of a spool hold.
struct Contents {
  std::optional<v1::RunEnd> end;
  uint64_t chunks = 0;
  uint64_t run_records = 0;  // number of the next one
  uint64_t markers = 0;
  int64_t last_ns = 0;  // the latest stamp, 0: none
};

int64_t LastStamp(const v1::Chunk& chunk) {
  if (chunk.encoding() == v1::ENCODING_READINGS) {
    const auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
    return readings.ok() && !readings->empty() ? readings->back().end_ns : 0;
  }
  int64_t last = 0;
  if (chunk.encoding() == v1::ENCODING_MARKERS) {
    const auto markers = DecodeMarkersUntrusted(chunk.data(), chunk.count());
    if (!markers.ok()) return 0;
    for (const Marker& marker : *markers) last = std::max(last, marker.end_ns);
  }
  return last;
}

absl::StatusOr<Contents> ReadContents(const std::string& path) {
  Contents contents;
  absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  if (absl::IsNotFound(fd.status())) return contents;
  if (!fd.ok()) return fd.status();
  SpoolReader reader(*std::move(fd));
  std::map<uint32_t, v1::Chunk> last;  // by channel
  v1::Chunk chunk;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&chunk);
    if (!more.ok() && !absl::IsDataLoss(more.status())) return more.status();
    if (!more.ok() || !*more || !VerifyChunkUntrusted(chunk).ok())
      break;  // from here on there is no chunk: torn, to be cut off
    ++contents.chunks;
    if (chunk.channel() == kMarkersChannel) contents.markers += chunk.count();
    if (chunk.channel() == kRunRecordsChannel) {
      contents.run_records = chunk.first_sequence() + chunk.count();
      const auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
      if (records.ok() && !records->empty() && records->back().has_end()) {
        contents.end = records->back().end();
      }
    } else {
      last[chunk.channel()].Swap(&chunk);
    }
  }
  for (const auto& [channel, newest] : last) {
    contents.last_ns = std::max(contents.last_ns, LastStamp(newest));
  }
  return contents;
}

absl::Status AppendRecords(RunSpool& spool, uint64_t first,
                           const std::vector<v1::RunRecord>& records) {
  return spool.Append(kRunRecordsChannel, first, static_cast<uint32_t>(records.size()),
                      v1::ENCODING_RUN_RECORDS, EncodeRunRecords(records));
}

}  // namespace

absl::StatusOr<ClosedSpool> CloseSpool(const std::string& path, const v1::RunHeader& header,
                                       v1::RunEnd end, Sync sync) {
  const absl::StatusOr<Contents> contents = ReadContents(path);
  if (!contents.ok()) return contents.status();
  if (contents->end.has_value()) return ClosedSpool{*contents->end, contents->chunks};

  absl::StatusOr<std::unique_ptr<RunSpool>> spool = RunSpool::Reopen(path);
  if (!spool.ok()) return spool.status();
  std::vector<v1::RunRecord> records;
  if (contents->chunks == 0) *records.emplace_back().mutable_header() = header;
  end.set_markers(contents->markers);
  if (contents->last_ns != 0) end.set_end_ns(contents->last_ns);
  *records.emplace_back().mutable_end() = end;
  absl::Status status = AppendRecords(**spool, contents->run_records, records);
  if (status.ok() && sync == Sync::kYes) status = (*spool)->Finish();
  if (!status.ok()) return status;
  return ClosedSpool{std::move(end), (*spool)->chunks()};
}

absl::Status CloseRun(const v1::BoardInfo& board, v1::JobState state, const std::string& error,
                      Clock& clock, RunStore* store, v1::StoredJob* job) {
  v1::JobStatus& status = *job->mutable_status();
  const RunFolder folder = store->Folder(status.run_id());
  store->FreeReserve(status.run_id());  // left behind by a daemon that died
  v1::RunEnd end;
  end.set_end_ns(clock.Now().ns);
  end.set_state(state);
  end.set_error(error);
  end.set_verdict(v1::VERDICT_INVALID);
  end.set_interrupted(status.interrupted());
  end.add_reasons(Reason(ReasonCode::kNotComplete, error));
  const absl::StatusOr<ClosedSpool> closed =
      CloseSpool(folder.Spool(), MakeRunHeader(status, board, clock), std::move(end), Sync::kNo);
  status.set_queue_position(0);
  status.clear_waits_for();
  status.set_has_truth(access(folder.Truth().c_str(), R_OK) == 0);
  status.set_has_outputs(access(folder.Outputs().c_str(), R_OK) == 0);
  if (!closed.ok()) {
    status.set_state(state);
    status.set_error(
        Printable(fmt::format("{}; {}", error, closed.status().ToString()), kMaxJobErrorBytes));
    spdlog::error("Closing the run {}: {}", status.run_id(), closed.status().ToString());
    return closed.status();
  }
  status.set_state(closed->end.state());
  status.set_error(Printable(closed->end.error(), kMaxJobErrorBytes));
  status.set_interrupted(closed->end.interrupted());
  status.set_chunks(closed->chunks);
  store->SyncLater(folder.Spool());
  absl::Status saved = store->Save(*job, false);
  if (!saved.ok()) spdlog::error("Noting the end of {}: {}", status.run_id(), saved.ToString());
  return saved;
}

}  // namespace synergy
