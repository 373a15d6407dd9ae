#include "client/commands/job_submission.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/object_upload.h"
#include "client/commands/output.h"
#include "client/models/memory.h"
#include "common/clock_request.h"
#include "common/precision_request.h"
#include "common/roles.h"
#include "common/spec_validation.h"

namespace synergy {
namespace {

v1::JobSpec SpecOf(const JobOptions& options, const ModelOptions& net, const Job& job) {
  const Model& model = job.loaded.model;
  v1::JobSpec spec;
  spec.set_net_name(model.name);
  spec.set_engine(options.engine);
  spec.set_iterations(options.iterations);
  spec.set_warmup(options.warmup);
  spec.set_threads(options.threads);
  spec.set_batch(job.loaded.batch);
  spec.set_seed(net.seed);
  spec.set_rate_hz(options.rate_hz);
  spec.set_idle_s(options.idle_s);
  spec.set_longest_pause_s(options.longest_pause_s.value_or(0));
  spec.set_cool_below_c(options.cool_below_c);
  spec.set_cool_timeout_s(options.cool_timeout_s);
  spec.set_time_limit_s(options.time_limit_s);
  spec.set_priority(options.priority);
  spec.set_precision(options.precision);
  spec.set_max_time_s(options.max_time_s);
  for (const std::string& rail : options.precision_rails) spec.add_precision_rails(rail);
  if (job.looped) {
    spec.mutable_loop()->set_op(*job.looped);
    spec.mutable_loop()->set_seconds(options.loop_s);
  }
  for (const std::string& event : options.events) spec.add_events(event);
  spec.set_events_optional(options.events_optional);
  spec.set_keep_outputs(job.keep_outputs);
  spec.set_net_type(model.predict.type());
  spec.set_model_source(job.loaded.source);
  if (!AsksForNothing(options.clocks)) *spec.mutable_clocks() = options.clocks;
  if (options.load_chirp) *spec.mutable_load_chirp() = *options.load_chirp;
  for (const BlobShape& shape : model.inputs) {
    v1::InputShape* input = spec.add_inputs();
    input->set_blob(shape.blob);
    input->mutable_dims()->Add(shape.dims.begin(), shape.dims.end());
    input->set_type(shape.type);
  }
  return spec;
}

SpecLimits LimitsOf(const v1::BoardInfo& board) {
  SpecLimits limits;
  for (const v1::EngineInfo& engine : board.engine_details()) {
    limits.engines.push_back(
        {engine.name(), engine.version(), engine.max_threads(), engine.unusable()});
  }
  if (limits.engines.empty()) {  // daemons of before do not tell more
    for (const std::string& engine : board.engines()) limits.engines.push_back({.name = engine});
  }
  limits.libexec_dir = "its libexec folder";
  limits.cpus = board.cpus();
  limits.can_set_clocks = board.can_set_clocks();
  limits.has_thermal_zones = board.thermal_zones_size() > 0;
  limits.knows_events = board.knows_events();
  limits.can_measure = board.rails_size() > 0;
  limits.cannot_measure = fmt::format("This board ({}) cannot {}", board.name(),
                                      fmt::join(board.cannot(), "; it cannot "));
  return limits;
}

// Fields of a job's spec by the flags that set them.
std::string InFlags(const std::string& text) {
  using std::string_view_literals::operator""sv;
  for (const auto& [field, flag] : {std::pair("engine: "sv, "--engine: "sv),
                                    {"threads: "sv, "--threads: "sv},
                                    {"iterations: "sv, "--iterations: "sv},
                                    {"warmup: "sv, "--warmup: "sv},
                                    {"batch: "sv, "--batch: "sv},
                                    {"rate_hz: "sv, "--rate: "sv},
                                    {"idle_s: "sv, "--idle: "sv},
                                    {"longest_pause_s: "sv, "--pause: "sv},
                                    {"cool_below_c: "sv, "--cool-below: "sv},
                                    {"cool_timeout_s: "sv, "--cool-timeout: "sv},
                                    {"time_limit_s: "sv, "--time-limit: "sv},
                                    {"priority: "sv, "--priority: "sv},
                                    {"precision: "sv, "--precision: "sv},
                                    {"precision_rails: "sv, "--precision-rail: "sv},
                                    {"max_time_s: "sv, "--max-time: "sv},
                                    {"events: "sv, "--events: "sv},
                                    {"loop.seconds: "sv, "--loop-time: "sv}}) {
    if (text.starts_with(field)) return fmt::format("{}{}", flag, text.substr(field.size()));
  }
  return text;
}

absl::Status UploadObjects(const Job& job, DeviceClient& client, std::stop_token stop,
                           v1::JobSpec* spec) {
  if (!job.loaded.model.weights.empty()) {
    const absl::StatusOr<v1::ObjectRef> weights =
        UploadTensors(client, job.loaded.model.weights, "weights", stop);
    if (!weights.ok()) return weights.status();
    *spec->mutable_weights() = *weights;
  }
  if (!job.inputs.tensors.empty()) {
    const absl::StatusOr<v1::ObjectRef> values =
        UploadTensors(client, job.inputs.tensors, "input values", stop);
    if (!values.ok()) return values.status();
    *spec->mutable_input_values() = *values;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FitsMemory(const Model& model, uint64_t memory_bytes) {
  const absl::Status fits = CheckMemory(model, memory_bytes);
  return fits.ok() ? fits : Ending(ExitCode::kUsage, fits);
}

absl::Status CheckJob(const JobOptions& options, const ModelOptions& net, const Job& job,
                      const v1::BoardInfo& board) {
  const absl::Status fits = FitsMemory(job.loaded.model, board.memory_bytes());
  if (!fits.ok()) return fits;
  const v1::JobSpec spec = SpecOf(options, net, job);
  absl::Status status = ValidateSpecUntrusted(spec, LimitsOf(board));
  if (status.ok() && spec.precision() > 0) status = PrecisionRails(spec, board).status();
  if (status.ok()) return status;
  return Ending(absl::IsInvalidArgument(status) ? ExitCode::kUsage : ExitCode::kRefused,
                absl::Status(status.code(), InFlags(std::string(status.message()))));
}

absl::Status CheckJobOn(const JobOptions& options, const ModelOptions& net, const Job& job,
                        BoardLink& link) {
  const v1::Role role = link.client()->role();
  if (options.priority > 0 && role != v1::ROLE_UNSPECIFIED) {
    const absl::Status may =
        CheckRole(v1::ROLE_ADMIN, role, "A priority above 0", link.client()->paired());
    if (!may.ok()) return FromDevice(may);
  }
  const absl::Status good = CheckJob(options, net, job, link.board());
  if (!good.ok() || AsksForNothing(options.clocks)) return good;
  const absl::Status has = link.client()->CheckClocks(options.clocks);
  if (has.ok()) return has;
  return absl::IsInvalidArgument(has) ? Ending(ExitCode::kUsage, has) : FromDevice(has);
}

namespace {

struct Nets {
  std::string predict;
  std::string init;
};

absl::StatusOr<EnteredRun> TrySubmit(const Job& job, const Nets& nets, v1::JobSpec spec,
                                     Store& store, BoardLink& link, JobInterrupt& interrupt) {
  const std::stop_token stop = interrupt.first();
  const absl::Status uploaded = UploadObjects(job, *link.client(), stop, &spec);
  if (!uploaded.ok()) return uploaded;
  if (stop.stop_requested()) return absl::CancelledError("interrupted before the job was sent");
  const auto submit = [&](const v1::JobSpec& marked) -> absl::StatusOr<v1::JobStatus> {
    absl::StatusOr<v1::JobStatus> status = link.client()->Submit(marked, nets.predict, nets.init);
    if (absl::IsNotFound(status.status())) {
      // Since the upload another client's objects have taken the place of ours, or somebody has
      // changed them on the board's disk.
      PrintNote(fmt::format("{}; that is done now", std::string(status.status().message())));
      const absl::Status again = UploadObjects(job, *link.client(), stop, &spec);
      if (!again.ok()) return again;
      status = link.client()->Submit(marked, nets.predict, nets.init);
    }
    if (status.ok()) interrupt.SetJob(&link, status->run_id());
    return status;
  };
  return SubmitAndEnter(store, link.board(), spec, UnixNow(), submit);
}

}  // namespace

absl::StatusOr<EnteredRun> SubmitJob(const JobOptions& options, const ModelOptions& net,
                                     const Job& job, Store& store, BoardLink& link,
                                     JobInterrupt& interrupt, const std::string& token) {
  absl::StatusOr<std::string> predict = SerializeNet(job.loaded.model.predict);
  if (!predict.ok()) return predict.status();
  absl::StatusOr<std::string> init = SerializeNet(job.loaded.model.init);
  if (!init.ok()) return init.status();
  const Nets nets = {*std::move(predict), *std::move(init)};
  v1::JobSpec spec = SpecOf(options, net, job);
  const absl::StatusOr<std::string> own = token.empty() ? NewToken() : token;
  if (!own.ok()) return own.status();
  spec.set_token(*own);
  while (true) {
    absl::StatusOr<EnteredRun> entered = TrySubmit(job, nets, spec, store, link, interrupt);
    if (!link.board().submits_once() || ExitCodeOf(entered.status()) != ExitCode::kNotReached) {
      return entered;
    }
    const absl::Status back = link.AwaitBoard(entered.status(), interrupt.first());
    if (!back.ok()) return back;
  }
}

}  // namespace synergy
