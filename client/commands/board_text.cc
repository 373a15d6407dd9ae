#include "client/commands/board_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/analysis/simulated_notice.h"
#include "client/commands/progress.h"
#include "client/report/run_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

std::string_view PhaseOf(const v1::JobStatus& job) {
  return job.phase() == v1::PHASE_UNSPECIFIED ? "none" : PhaseName(job.phase());
}

ordered_json JobJson(const v1::JobStatus& job, Progress progress) {
  ordered_json json;
  json["id"] = job.run_id();
  json["net"] = job.spec().net_name();
  json["engine"] = job.spec().engine();
  json["state"] = StateName(job.state());
  json["phase"] = PhaseOf(job);
  json["queue_position"] = job.queue_position();
  json["iteration"] = CountJson(job.iteration(), progress);
  json["iterations"] = job.spec().iterations();
  json["precision"] =
      job.spec().precision() > 0 ? ordered_json(job.spec().precision()) : ordered_json(nullptr);
  json["widest_interval"] =
      job.widest_interval() > 0 ? ordered_json(job.widest_interval()) : ordered_json(nullptr);
  json["submitted_at"] = UtcText(job.submitted_unix_ns());
  json["chunks"] = CountJson(job.chunks(), progress);
  json["acknowledged"] = CountJson(job.acknowledged(), progress);
  return json;
}

// A hidden count would be shown as 0.
std::string RunningText(const v1::JobStatus& job, Progress progress) {
  const bool counts = job.phase() == v1::PHASE_WARMUP || job.phase() == v1::PHASE_MEASURE ||
                      job.phase() == v1::PHASE_DECIDING;
  if (progress == Progress::kShown || job.state() != v1::JOB_STATE_RUNNING || !counts) {
    return ProgressText(job, std::nullopt);
  }
  return fmt::format("{}: running, phase {}; its iterations are not shown to the role watch",
                     Printable(job.spec().net_name()), PhaseOf(job));
}

ordered_json EngineJson(const v1::EngineInfo& engine) {
  ordered_json json;
  json["name"] = engine.name();
  json["version"] = engine.version();
  json["max_threads"] = nullptr;
  if (engine.max_threads() > 0) json["max_threads"] = engine.max_threads();
  json["unusable"] = nullptr;
  if (!engine.unusable().empty()) json["unusable"] = engine.unusable();
  return json;
}

ordered_json ObjectsJson(const std::optional<v1::ObjectStatus>& objects) {
  if (!objects.has_value()) return nullptr;
  return {{"bytes", objects->store_bytes()}, {"quota_bytes", objects->store_quota_bytes()}};
}

ordered_json SourceJson(const v1::SourceInfo& source) {
  ordered_json json;
  json["name"] = source.name();
  json["rails"] = std::vector<std::string>(source.rails().begin(), source.rails().end());
  json["max_rate_hz"] = nullptr;
  if (source.max_rate_hz() > 0) json["max_rate_hz"] = source.max_rate_hz();
  json["remarks"] = std::vector<std::string>(source.remarks().begin(), source.remarks().end());
  return json;
}

// A line for each, with what it says about threads. A daemon one version back names them only.
std::string EnginesText(const v1::BoardInfo& board) {
  std::string text;
  for (const v1::EngineInfo& engine : board.engine_details()) {
    std::string words = engine.version();
    if (!engine.unusable().empty()) {
      words = "cannot be used: " + engine.unusable();
    } else if (engine.max_threads() > 0) {
      words += engine.max_threads() == 1 ? ", one thread"
                                         : fmt::format(", up to {} threads", engine.max_threads());
    }
    text += fmt::format("  engine   {}: {}\n", Printable(engine.name()), Printable(words));
  }
  if (!text.empty()) return text;
  return fmt::format("  engines  {}\n",
                     board.engines().empty()
                         ? "none"
                         : Printable(fmt::format("{}", fmt::join(board.engines(), ", "))));
}

// What measures, how fast it can, and what it has to say; then what does not and why.
std::string SourcesText(const v1::BoardInfo& board) {
  std::string text;
  for (const v1::SourceInfo& source : board.sources()) {
    const std::string rate = source.max_rate_hz() > 0
                                 ? fmt::format(", up to {:.1f} Hz", source.max_rate_hz())
                                 : std::string();
    text += fmt::format("  source   {}: {}{}\n", Printable(source.name()),
                        Printable(fmt::format("{}", fmt::join(source.rails(), ", "))), rate);
    for (const std::string& remark : source.remarks()) {
      text += fmt::format("           {}\n", Printable(remark));
    }
  }
  for (const std::string& line : board.unused_sources()) {
    text += fmt::format("  unused   {}\n", Printable(line));
  }
  return text;
}

}  // namespace

ordered_json BoardJson(const BoardState& state) {
  const v1::BoardInfo& board = state.board;
  ordered_json json;
  json["schema_version"] = kReportSchemaVersion;
  json["board_id"] = board.board_id();
  json["name"] = board.name();
  json["title"] = board.title();
  json["simulated"] = board.simulated();
  json["rails"] = ordered_json::array();
  for (const v1::RailInfo& rail : board.rails()) json["rails"].push_back(RailJson(rail));
  json["engines"] = std::vector<std::string>(board.engines().begin(), board.engines().end());
  json["engine_details"] = ordered_json::array();
  for (const v1::EngineInfo& engine : board.engine_details()) {
    json["engine_details"].push_back(EngineJson(engine));
  }
  json["sources"] = ordered_json::array();
  for (const v1::SourceInfo& source : board.sources())
    json["sources"].push_back(SourceJson(source));
  json["unused_sources"] =
      std::vector<std::string>(board.unused_sources().begin(), board.unused_sources().end());
  json["notes"] = std::vector<std::string>(board.notes().begin(), board.notes().end());
  json["cpus"] = board.cpus();
  json["memory_bytes"] =
      board.memory_bytes() > 0 ? ordered_json(board.memory_bytes()) : ordered_json(nullptr);
  json["default_rate_hz"] = board.default_rate_hz();
  json["cannot"] = std::vector<std::string>(board.cannot().begin(), board.cannot().end());
  json["daemon_version"] = board.daemon_version();
  json["kernel"] = board.kernel();
  json["objects"] = ObjectsJson(state.objects);
  json["jobs"] = ordered_json::array();
  for (const v1::JobStatus& job : state.jobs) json["jobs"].push_back(JobJson(job, state.progress));
  return json;
}

std::string BoardText(const BoardState& state) {
  const v1::BoardInfo& board = state.board;
  std::string text = fmt::format("{} ({}), id {}\n", Printable(board.title()),
                                 Printable(board.name()), Printable(board.board_id()));
  if (board.simulated()) text += fmt::format("  {}\n", SimulatedNotice(board));
  text += fmt::format("  daemon   synergyd {}, {}, {} CPUs\n", Printable(board.daemon_version()),
                      Printable(board.kernel()), board.cpus());
  text += EnginesText(board);
  for (const v1::RailInfo& rail : board.rails()) {
    text += fmt::format("  rail     {} ({}){}{}\n", Printable(rail.name()), ScopeName(rail.scope()),
                        rail.contained_in().empty() ? "" : ", part of ",
                        Printable(rail.contained_in()));
  }
  text += SourcesText(board);
  for (const std::string& note : board.notes()) {
    text += fmt::format("  note     {}\n", Printable(note));
  }
  for (const std::string& line : board.cannot()) {
    text += fmt::format("  cannot   {}\n", Printable(line));
  }
  if (state.objects.has_value()) {
    text += fmt::format("  objects  {:.1f} of at most {:.1f} MB for weights and inputs are taken\n",
                        static_cast<double>(state.objects->store_bytes()) / 1e6,
                        static_cast<double>(state.objects->store_quota_bytes()) / 1e6);
  }
  for (const v1::JobStatus& job : state.jobs) {
    text += fmt::format("  job      {} {}\n", Printable(job.run_id()),
                        RunningText(job, state.progress));
  }
  return text;
}

}  // namespace synergy
