// `quota`: what clients may take of a board; setting it is for admins.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "client/analysis/report_json.h"
#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

struct QuotaOptions {
  std::string host;
  bool json = false;
  bool reset = false;
  std::optional<uint64_t> records_bytes, objects_bytes;
  std::optional<uint32_t> jobs;
  std::optional<double> watch_rate_hz;
};

std::string BytesText(uint64_t bytes) {
  const auto mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024);
}

std::string QuotaText(const v1::QuotaState& state) {
  using Align = TextTable::Align;
  TextTable table({{"quota", Align::kLeft}, {"used"}, {"limit"}, {"set by", Align::kLeft}});
  const auto by = [](bool set, const std::string& without) {
    return set ? fmt::format("an admin (without: {})", without) : std::string("synergyd");
  };
  const v1::Quotas& limits = state.limits();
  const v1::Quotas& defaults = state.defaults();
  const v1::Quotas& set = state.set();
  table.AddRow({"records of ended jobs", BytesText(state.records_bytes()),
                BytesText(limits.records_bytes()),
                by(set.has_records_bytes(), BytesText(defaults.records_bytes()))});
  table.AddRow({"objects", BytesText(state.objects_bytes()), BytesText(limits.objects_bytes()),
                by(set.has_objects_bytes(), BytesText(defaults.objects_bytes()))});
  table.AddRow({"jobs that one client has waiting", fmt::format("{}", state.jobs_waiting()),
                fmt::format("{}", limits.jobs_per_client()),
                by(set.has_jobs_per_client(), fmt::format("{}", defaults.jobs_per_client()))});
  table.AddRow({"live power for the role watch", "", fmt::format("{:g} Hz", limits.watch_rate_hz()),
                by(set.has_watch_rate_hz(), fmt::format("{:g} Hz", defaults.watch_rate_hz()))});
  return table.Text();
}

template <typename Number>
nlohmann::ordered_json Entry(const char* unit, Number limit, Number without, bool set) {
  nlohmann::ordered_json entry;
  entry[fmt::format("limit{}", unit)] = limit;
  entry[fmt::format("default{}", unit)] = without;
  entry["set_by_admin"] = set;
  return entry;
}

nlohmann::ordered_json QuotaJson(const v1::QuotaState& state) {
  const v1::Quotas& limits = state.limits();
  const v1::Quotas& defaults = state.defaults();
  const v1::Quotas& set = state.set();
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["records"] =
      Entry("_bytes", limits.records_bytes(), defaults.records_bytes(), set.has_records_bytes());
  document["records"]["used_bytes"] = state.records_bytes();
  document["objects"] =
      Entry("_bytes", limits.objects_bytes(), defaults.objects_bytes(), set.has_objects_bytes());
  document["objects"]["used_bytes"] = state.objects_bytes();
  document["jobs_per_client"] =
      Entry("", limits.jobs_per_client(), defaults.jobs_per_client(), set.has_jobs_per_client());
  document["jobs_per_client"]["used"] = state.jobs_waiting();
  document["watch_rate"] =
      Entry("_hz", limits.watch_rate_hz(), defaults.watch_rate_hz(), set.has_watch_rate_hz());
  return document;
}

// Nothing: the user wants to see them only.
std::optional<v1::SetQuotasRequest> RequestOf(const QuotaOptions& options) {
  v1::SetQuotasRequest request;
  request.set_reset(options.reset);
  v1::Quotas& set = *request.mutable_set();
  if (options.records_bytes) set.set_records_bytes(*options.records_bytes);
  if (options.objects_bytes) set.set_objects_bytes(*options.objects_bytes);
  if (options.jobs) set.set_jobs_per_client(*options.jobs);
  if (options.watch_rate_hz) set.set_watch_rate_hz(*options.watch_rate_hz);
  if (!options.reset && set.ByteSizeLong() == 0) return std::nullopt;
  return request;
}

absl::Status ShowOrSetQuotas(const QuotaOptions& options) {
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  const std::optional<v1::SetQuotasRequest> request = RequestOf(options);
  const absl::StatusOr<v1::QuotaState> state =
      request ? (*link)->client()->SetQuotas(*request) : (*link)->client()->Quotas();
  if (absl::IsInvalidArgument(state.status())) return Ending(ExitCode::kUsage, state.status());
  if (!state.ok()) return FromDevice(state.status());
  return options.json ? WriteStdout(JsonText(QuotaJson(*state))) : WriteText(QuotaText(*state));
}

}  // namespace

void AddQuotaCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<QuotaOptions>();
  CLI::App* command = app.add_subcommand(
      "quota",
      "Show what clients may take of a board and what they do; with an option, set it (for "
      "admins): that holds at once, over synergyd's own flags, and after restarts");
  AddHostOption(*command, &options->host);
  const auto add_size = [command](const char* name, std::optional<uint64_t>* bytes,
                                  const char* what) {
    command->add_option(name, *bytes, what)->type_name("SIZE")->transform(CLI::AsSizeValue(false));
  };
  add_size("--records", &options->records_bytes,
           "Bytes (or 2GiB, 500M) of ended jobs' records that nobody has fetched yet; the oldest "
           "make room");
  add_size("--objects", &options->objects_bytes,
           "Bytes of weights and inputs; the least recently used make room");
  command->add_option("--jobs", options->jobs, "Jobs that one client may have waiting")
      ->type_name("N");
  command
      ->add_option("--watch-rate", options->watch_rate_hz,
                   "Points of live power a second for the role watch, 0 to 100")
      ->type_name("HZ");
  command->add_flag("--reset", options->reset,
                    "First put all back to what synergyd was started with");
  AddJsonFlag(*command, &options->json);
  command->callback(
      [options, chosen] { *chosen = [options] { return ShowOrSetQuotas(*options); }; });
}

}  // namespace synergy
