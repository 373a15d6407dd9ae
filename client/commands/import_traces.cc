#include "client/commands/import_traces.h"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/progress.h"
#include "client/commands/submission.h"
#include "client/commands/trace_file.h"
#include "client/commands/user_file.h"
#include "client/traces/meter_trace.h"
#include "client/traces/operator_rows.h"
#include "client/traces/trace_run.h"
#include "common/sha256.h"

namespace synergy {
namespace {

constexpr uint64_t kMaxSensorFileBytes = 1u << 20;
// A run has 4 MiB for its operators; a byte has at most four in the file.
constexpr uint64_t kMaxOperatorFileBytes = 16u << 20;
// Ten records a second of a day.
constexpr uint64_t kMaxRecordsFileBytes = 1u << 30;
// 10,000 readings a second of an hour.
constexpr uint64_t kMaxMeterFileBytes = uint64_t{2} << 30;

// Files of less are read before anybody wonders.
constexpr uint64_t kProgressBytes = 64u << 20;

std::string Hex(std::string_view bytes, size_t digits) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text.substr(0, digits);
}

std::string HashOf(const std::string& text) {
  Sha256 hash;
  hash.Update(text);
  return hash.Finish();
}

// The same traces are the same run, wherever and whenever they are imported.
std::string RunIdOf(const TraceFile& samples, const TraceFile& markers, const std::string& sensor,
                    const std::string& operators, const std::string& records,
                    const std::string& net) {
  Sha256 hash;
  hash.Update(samples.sha256() + markers.sha256());
  hash.Update(HashOf(sensor));
  for (const std::string* file : {&operators, &records}) {
    if (!file->empty()) hash.Update(HashOf(*file));
  }
  hash.Update(net);
  return "import-" + Hex(hash.Finish(), 16);
}

// What is told apart in lists: runs of one tool and title are of one board.
std::string BoardIdOf(const TraceOrigin& origin) {
  Sha256 hash;
  hash.Update(fmt::format("{}\n{}\n{}", origin.board, origin.title, origin.simulated));
  return "import-" + Hex(hash.Finish(), 16);
}

class Progress {
 public:
  Progress() : line_(StderrIsTerminal(), RealClock(), WriteProgress, StderrColumns) {}
  void Show(const std::string& what, uint64_t done, uint64_t all) {
    if (all < kProgressBytes) return;
    line_.Show({fmt::format("{}: {} %", what, done * 100 / all)}, /*news=*/false);
  }

 private:
  ProgressLine line_;
};

template <typename Table>
absl::Status ScanFile(TraceFile& file, Table& table, Progress& progress, std::stop_token stop) {
  absl::Status scanned = file.Scan([&](std::string_view text, uint64_t done) {
    if (stop.stop_requested()) {
      return Ending(ExitCode::kInterrupted, absl::CancelledError("stopped; nothing is stored"));
    }
    progress.Show("checking " + file.name(), done, file.size());
    return table.Scan(text);
  });
  return scanned.ok() ? Ending(ExitCode::kUsage, table.FinishScan()) : scanned;
}

absl::StatusOr<SensorFile> ReadSensorFile(const std::string& path, std::string* text) {
  if (path.empty()) return SensorFile();
  absl::StatusOr<std::string> read = ReadUserFile(path, kMaxSensorFileBytes);
  if (!read.ok()) return read.status();
  *text = *std::move(read);
  absl::StatusOr<SensorFile> sensors = ParseSensorFile(*text, path);
  if (!sensors.ok()) return Ending(ExitCode::kUsage, sensors.status());
  return sensors;
}

absl::Status SetOperators(const std::string& text, const std::string& path, TraceRun* run) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<v1::OperatorTable> operators = ParseOperators(text, path);
  return operators.ok() ? run->SetOperators(*operators, path) : operators.status();
}

absl::Status SetRecords(const std::string& text, const TraceFiles& files, TraceRun* run) {
  if (text.empty()) return absl::OkStatus();
  absl::StatusOr<TraceRecords> records = ParseTraceRecords(text, files.records);
  if (!records.ok()) return records.status();
  if (!files.net.empty()) records->header.mutable_job()->set_net_name(files.net);
  return run->SetRecords(*std::move(records), files.records);
}

// "" where there is no file.
absl::StatusOr<std::string> ReadIfAny(const std::string& path, uint64_t most_bytes) {
  if (path.empty()) return std::string();
  return ReadUserFile(path, most_bytes);
}

// Absent where there are no such files.
absl::StatusOr<std::optional<MeterTrace>> ReadMeter(const TraceFiles& files) {
  if (files.meter.empty() || files.meter_record.empty()) return std::optional<MeterTrace>();
  const absl::StatusOr<std::string> rows = ReadUserFile(files.meter, kMaxMeterFileBytes);
  if (!rows.ok()) return rows.status();
  const absl::StatusOr<std::string> record = ReadUserFile(files.meter_record, kMaxRecordsFileBytes);
  if (!record.ok()) return record.status();
  absl::StatusOr<MeterTrace> meter =
      ParseMeterTrace(*rows, files.meter, *record, files.meter_record);
  if (!meter.ok()) return Ending(ExitCode::kUsage, meter.status());
  return std::optional(*std::move(meter));
}

absl::Status StoreMeter(const MeterTrace& meter, RunImport* import) {
  const absl::Status stored = import->store().AppendMeterChunks(import->number(), meter.chunks);
  return stored.ok() ? import->store().PutMeter(import->number(), meter.record) : stored;
}

v1::JobStatus StatusOf(const v1::RunHeader& header) {
  v1::JobStatus status;
  status.set_run_id(header.run_id());
  *status.mutable_spec() = header.job();
  status.set_state(v1::JOB_STATE_RUNNING);
  status.set_submitted_unix_ns(UnixNow());
  return status;
}

BlockText TextOf(const TraceFile& file, Progress& progress) {
  return [&file, &progress](size_t block) {
    progress.Show("storing " + file.name(), block * TraceFile::kBlockBytes, file.size());
    return file.Block(block);
  };
}

// What was taken from the numbers alone, and how to say otherwise.
void SayStepsFound(const SampleTable& samples) {
  for (const RailFacts& rail : samples.rails()) {
    if (!rail.step_found) continue;
    fmt::print(stderr,
               "{}: all powers of the rail '{}' are multiples of {} W: taken as rounded to that "
               "(step_w, in the rows or a sensor file, says otherwise)\n",
               samples.name(), rail.sensor.rail.name(), rail.step_w);
  }
}

}  // namespace

TraceFiles TraceFilesOf(const std::string& folder) {
  const auto in_folder = [&](const char* name, bool is_needed) {
    const std::string path = (std::filesystem::path(folder) / name).string();
    std::error_code error;
    return is_needed || std::filesystem::exists(path, error) ? path : std::string();
  };
  return {.samples = in_folder("samples.csv", true),
          .markers = in_folder("markers.csv", true),
          .sensor = in_folder("sensor.toml", false),
          .operators = in_folder("operators.csv", false),
          .records = in_folder("records.jsonl", false),
          .meter = in_folder("meter.csv", false),
          .meter_record = in_folder("meter.json", false),
          .net = ""};
}

absl::StatusOr<RunImport> ImportTraces(const TraceFiles& files, const std::string& store_option,
                                       std::stop_token stop) {
  std::string sensor_text;
  const absl::StatusOr<SensorFile> sensors = ReadSensorFile(files.sensor, &sensor_text);
  if (!sensors.ok()) return sensors.status();
  const auto operator_text = ReadIfAny(files.operators, kMaxOperatorFileBytes);
  if (!operator_text.ok()) return operator_text.status();
  const auto record_text = ReadIfAny(files.records, kMaxRecordsFileBytes);
  if (!record_text.ok()) return record_text.status();
  const absl::StatusOr<std::optional<MeterTrace>> meter = ReadMeter(files);
  if (!meter.ok()) return meter.status();
  absl::StatusOr<TraceFile> sample_file = TraceFile::Open(files.samples);
  if (!sample_file.ok()) return sample_file.status();
  absl::StatusOr<TraceFile> marker_file = TraceFile::Open(files.markers);
  if (!marker_file.ok()) return marker_file.status();

  Progress progress;
  SampleTable samples(sample_file->name(), *sensors);
  absl::Status scanned = ScanFile(*sample_file, samples, progress, stop);
  if (!scanned.ok()) return scanned;
  SayStepsFound(samples);
  MarkerTable markers(marker_file->name());
  scanned = ScanFile(*marker_file, markers, progress, stop);
  if (!scanned.ok()) return scanned;

  const TraceIdentity identity = {.run_id = RunIdOf(*sample_file, *marker_file, sensor_text,
                                                    *operator_text, *record_text, files.net),
                                  .board_id = BoardIdOf(OriginOf(samples, markers, *sensors)),
                                  .net = files.net,
                                  .importer = "synergyctl " SYNERGY_VERSION,
                                  .wall_time_unix_ns = marker_file->modified_unix_ns()};
  absl::StatusOr<TraceRun> run = TraceRun::Make(samples, markers, *sensors, identity);
  if (!run.ok()) return Ending(ExitCode::kUsage, run.status());
  absl::Status known = SetOperators(*operator_text, files.operators, &*run);
  if (known.ok()) known = SetRecords(*record_text, files, &*run);
  if (!known.ok()) return Ending(ExitCode::kUsage, known);
  absl::StatusOr<RunImport> import =
      RunImport::Begin(store_option, run->header().board(), StatusOf(run->header()),
                       RunImport::Beginning::kReplace, stop);
  if (!import.ok()) return import.status();
  absl::Status stored = run->Write(TextOf(*sample_file, progress), TextOf(*marker_file, progress),
                                   [&](v1::Chunk chunk) { return import->Add(std::move(chunk)); });
  if (stored.ok() && *meter) stored = StoreMeter(**meter, &*import);
  if (stored.ok()) {
    stored = import->Finish(run->is_whole() ? "" : files.records + " ends before the run does");
  }
  if (stored.ok()) return import;
  import->Discard();
  return absl::IsInvalidArgument(stored) ? Ending(ExitCode::kUsage, stored) : stored;
}

}  // namespace synergy
