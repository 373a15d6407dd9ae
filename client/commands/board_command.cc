#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/progress.h"
#include "client/report/run_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

struct BoardOptions {
  std::string host;
  bool json = false;
};

std::string_view PhaseName(v1::Phase phase) {
  switch (phase) {
    case v1::PHASE_IDLE:
      return "idle";
    case v1::PHASE_SETUP:
      return "setup";
    case v1::PHASE_WARMUP:
      return "warmup";
    case v1::PHASE_MEASURE:
      return "measure";
    default:
      return "none";
  }
}

ordered_json JobJson(const v1::JobStatus& job) {
  ordered_json json;
  json["id"] = job.run_id();
  json["net"] = job.spec().net_name();
  json["engine"] = job.spec().engine();
  json["state"] = StateName(job.state());
  json["phase"] = PhaseName(job.phase());
  json["queue_position"] = job.queue_position();
  json["iteration"] = job.iteration();
  json["iterations"] = job.spec().iterations();
  json["submitted_at"] = UtcText(job.submitted_unix_ns());
  json["chunks"] = job.chunks();
  json["acknowledged"] = job.acknowledged();
  return json;
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

// What a board keeps of weights and inputs; a daemon one version back does not say.
std::optional<v1::ObjectStatus> AskForObjects(DeviceClient& client) {
  absl::StatusOr<v1::ObjectStatus> objects = client.QueryObject(v1::ObjectRef());
  if (!objects.ok() || objects->store_quota_bytes() == 0) return std::nullopt;
  return *std::move(objects);
}

struct BoardState {
  const v1::BoardInfo& board;
  std::vector<v1::JobStatus> jobs;
  std::optional<v1::ObjectStatus> objects;
};

ordered_json ObjectsJson(const std::optional<v1::ObjectStatus>& objects) {
  if (!objects.has_value()) return nullptr;
  return {{"bytes", objects->store_bytes()}, {"quota_bytes", objects->store_quota_bytes()}};
}

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
  json["cpus"] = board.cpus();
  json["memory_bytes"] =
      board.memory_bytes() > 0 ? ordered_json(board.memory_bytes()) : ordered_json(nullptr);
  json["default_rate_hz"] = board.default_rate_hz();
  json["cannot"] = std::vector<std::string>(board.cannot().begin(), board.cannot().end());
  json["daemon_version"] = board.daemon_version();
  json["kernel"] = board.kernel();
  json["objects"] = ObjectsJson(state.objects);
  json["jobs"] = ordered_json::array();
  for (const v1::JobStatus& job : state.jobs) json["jobs"].push_back(JobJson(job));
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

std::string BoardText(const BoardState& state) {
  const v1::BoardInfo& board = state.board;
  std::string text = fmt::format("{} ({}), id {}\n", Printable(board.title()),
                                 Printable(board.name()), Printable(board.board_id()));
  if (board.simulated()) text += fmt::format("  {}\n", kSimulatedNotice);
  text += fmt::format("  daemon   synergyd {}, {}, {} CPUs\n", Printable(board.daemon_version()),
                      Printable(board.kernel()), board.cpus());
  text += EnginesText(board);
  for (const v1::RailInfo& rail : board.rails()) {
    text += fmt::format("  rail     {} ({}){}{}\n", Printable(rail.name()), ScopeName(rail.scope()),
                        rail.contained_in().empty() ? "" : ", part of ",
                        Printable(rail.contained_in()));
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
    text +=
        fmt::format("  job      {} {}\n", Printable(job.run_id()), ProgressText(job, std::nullopt));
  }
  return text;
}

absl::Status ShowBoard(const BoardOptions& options) {
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  absl::StatusOr<std::vector<v1::JobStatus>> jobs = (*link)->client()->List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  const BoardState state = {(*link)->board(), *std::move(jobs), AskForObjects(*(*link)->client())};
  return WriteStdout(options.json ? JsonText(BoardJson(state)) : BoardText(state));
}

}  // namespace

void AddBoardCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<BoardOptions>();
  CLI::App* command =
      app.add_subcommand("board", "Describe a board: its rails, engines, limits and jobs");
  AddHostOption(*command, &options->host);
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return ShowBoard(*options); }; });
}

}  // namespace synergy
