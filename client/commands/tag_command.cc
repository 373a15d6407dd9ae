#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/run_resolution.h"
#include "client/report/text_table.h"
#include "client/store/store.h"
#include "client/store/store_path.h"
#include "client/store/tag_table.h"

namespace synergy {
namespace {

struct TagOptions {
  std::vector<std::string> words;  // RUN NAME; with --remove also NAME alone
  bool add = false;
  bool remove = false;
  bool json = false;
  std::string store;
};

absl::Status Wrong(const std::string& text) {
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(text));
}

absl::Status List(const TagOptions& options, const std::string& path,
                  const std::vector<StoredRun>& runs) {
  std::map<std::string, std::vector<const StoredRun*>> tags;
  for (const StoredRun& run : runs) {
    for (const std::string& tag : run.tags) tags[tag].push_back(&run);
  }
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["store"] = path;
  document["tags"] = nlohmann::ordered_json::array();
  TextTable table({{"tag", TextTable::Align::kLeft}, {"runs", TextTable::Align::kLeft}});
  for (const auto& [tag, tagged] : tags) {
    std::vector<int64_t> numbers;
    for (const StoredRun* run : tagged) numbers.push_back(run->number);
    table.AddRow({tag, fmt::format("{}", fmt::join(numbers, " "))});
    document["tags"].push_back({{"tag", tag}, {"runs", numbers}});
  }
  if (options.json) return WriteStdout(JsonText(document));
  if (tags.empty()) {
    PrintNote("no run has a tag: synergyctl tag RUN NAME gives it one");
    return absl::OkStatus();
  }
  return WritePaged(table.Text());
}

absl::Status Put(const TagOptions& options, Store& store, const std::vector<StoredRun>& runs) {
  const std::string& tag = options.words[1];
  if (absl::Status status = CheckTagName(tag); !status.ok()) {
    return Ending(ExitCode::kUsage, status);
  }
  const absl::StatusOr<StoredRun> run = ResolveRun(runs, options.words[0]);
  if (!run.ok()) return Ending(ExitCode::kUsage, run.status());
  const absl::Status put =
      options.add ? store.AddTag(tag, run->number) : store.SetTag(tag, run->number);
  if (!put.ok()) return put;
  std::vector<int64_t> others;
  for (const StoredRun& other : RunsWithTag(runs, tag)) {
    if (other.number != run->number) others.push_back(other.number);
  }
  std::string text = fmt::format("run {} has the tag {}", run->number, tag);
  if (!others.empty()) {
    text += fmt::format("{} run{} {}", options.add ? ", and so has" : "; it was taken from",
                        others.size() == 1 ? "" : "s", fmt::join(others, ", "));
  }
  return WriteStdout(text + "\n");
}

absl::Status Remove(const TagOptions& options, Store& store, const std::vector<StoredRun>& runs) {
  std::optional<int64_t> number;
  if (options.words.size() == 2) {
    const absl::StatusOr<StoredRun> run = ResolveRun(runs, options.words[0]);
    if (!run.ok()) return Ending(ExitCode::kUsage, run.status());
    number = run->number;
  }
  const absl::Status removed = store.RemoveTag(options.words.back(), number);
  return absl::IsNotFound(removed) ? Ending(ExitCode::kUsage, removed) : removed;
}

absl::Status CheckOptions(const TagOptions& options) {
  const size_t words = options.words.size();
  if (options.remove) {
    if (options.add) return Wrong("--add and --remove exclude each other");
    return words == 0 ? Wrong("--remove needs the tag's name: tag --remove [RUN] NAME")
                      : absl::OkStatus();
  }
  if (words == 1) return Wrong("tag needs a run and a name: tag RUN NAME");
  if (words == 0 && options.add) return Wrong("--add needs a run and a name: tag RUN NAME --add");
  if (words > 0 && options.json) return Wrong("--json is of the list: tag --json");
  return absl::OkStatus();
}

absl::Status Tag(const TagOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  const absl::StatusOr<std::string> path = StorePath(options.store, /*create_folder=*/false);
  if (!path.ok()) return path.status();
  const bool lists = options.words.empty();
  // Opened to be read first: a store that is not there is not made for a tag.
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kRead);
  std::vector<StoredRun> runs;
  if (store.ok()) {
    absl::StatusOr<std::vector<StoredRun>> stored = (*store)->Runs();
    if (!stored.ok()) return stored.status();
    runs = *std::move(stored);
  } else if (!absl::IsNotFound(store.status())) {
    return store.status();
  } else if (!lists) {
    return Ending(ExitCode::kUsage, store.status());
  }
  if (lists) return List(options, *path, runs);
  store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  return options.remove ? Remove(options, **store, runs) : Put(options, **store, runs);
}

}  // namespace

void AddTagCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<TagOptions>();
  CLI::App* command = app.add_subcommand(
      "tag", "Give a stored run a name (main) that stands for it; alone: list the names");
  command
      ->add_option("words", options->words,
                   "The run (number, tag, run id, 'last') and its new name. A name that other runs "
                   "have is taken from them. What has a name is not pruned")
      ->type_name("RUN NAME")
      ->expected(0, 2);
  command->add_flag("--add", options->add,
                    "Other runs keep the name: it stands for all of them (gate, compare)");
  command->add_flag("--remove", options->remove,
                    "Take the name from the run, or from all: tag --remove [RUN] NAME");
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return Tag(*options); }; });
}

}  // namespace synergy
