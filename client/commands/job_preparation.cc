#include "client/commands/job_preparation.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/experiment_flags.h"
#include "client/commands/input_values.h"
#include "client/commands/job_flags.h"
#include "client/commands/pause_choice.h"

namespace synergy {

void AddMeasureOptions(CLI::App& command, MeasureOptions* options) {
  AddModelOptions(command, &options->model);
  command
      .add_option("--input", options->model.inputs,
                  "What the network computes on, instead of random values: .npy of exactly the "
                  "input's shape, or a picture (.ppm, .png, .jpg), scaled and normalised; BLOB= "
                  "where the network has several inputs")
      ->type_name("[BLOB=]FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  AddJobFlags(command, options->job);
  AddExperimentFlags(command, options->job);
}

absl::StatusOr<Job> PrepareJob(const MeasureOptions& options) {
  absl::StatusOr<LoadedModel> loaded = LoadModel(options.model);
  if (!loaded.ok()) return loaded.status();
  Job job;
  job.loaded = *std::move(loaded);
  const Model& model = job.loaded.model;
  for (const std::string& note : model.notes) PrintNote(note);
  if (model.predict.type() != "simple" && options.job.threads == 1) {
    PrintNote(fmt::format("{} with one worker: operators cannot overlap; give --threads N",
                          model.predict.type()));
  }
  if (!options.job.loop.empty()) {
    const absl::StatusOr<uint32_t> op = LoopedOperator(model, options.job.loop);
    if (!op.ok()) return op.status();
    job.looped = *op;
  }
  std::vector<std::string> flags = options.model.inputs;
  std::erase_if(flags, [&](const auto& f) { return job.loaded.used_inputs.contains(f); });
  absl::StatusOr<InputValues> inputs = ReadInputValues(flags, model);
  if (!inputs.ok()) return inputs.status();
  job.inputs = *std::move(inputs);
  job.files = job.loaded.files;
  for (const std::string& flag : options.model.inputs) {
    job.files.insert(flag.substr(flag.find('=') + 1));
  }
  return job;
}

JobOptions ForBoard(const JobOptions& options, const v1::BoardInfo& board) {
  JobOptions job = options;
  if (!job.longest_pause_s) job.longest_pause_s = PauseFor(board);
  if (job.loop_s == 0) job.loop_s = LoopTimeFor(board);
  return job;
}

}  // namespace synergy
