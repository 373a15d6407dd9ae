#include "client/predict/op_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "client/predict/run_scope.h"
#include "common/op_spec.h"
#include "common/op_window.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::array<std::string_view, 9> kColumns = {
    "macs", "flops", "bytes", "im2col_bytes", "outputs", "kernel", "stride", "channels", "groups"};
using Row = std::array<double, kColumns.size()>;

struct OpShape {
  std::string type;
  std::vector<Dims> inputs, outputs;
  double macs = 0, flops = 0, bytes = 0;
  std::optional<OpWindow> window{};  // of its arguments, where these are known

  explicit OpShape(std::string of_type) : type(std::move(of_type)) {}
};

double Elements(const Dims& dims) {
  double count = 1;
  for (const int64_t dim : dims) count *= static_cast<double>(dim);
  return count;
}

// Whether the window of this many taps an axis, in these steps, has `out` places on `in` elements,
// with a padding that no window lies on wholly.
bool Fits(int64_t in, int64_t out, int64_t taps, int64_t stride) {
  const int64_t least = (out - 1) * stride + taps - in;  // padding at both ends together
  return least <= taps - 1 && least > -stride;
}

// Runs do not record their operators' arguments: from what they counted and their sizes, NCHW. A
// pool's FLOPs are the elements under its windows (common/op_cost.h), without padding.
OpWindow DerivedWindow(const OpShape& op) {
  OpWindow window;
  const bool has = !op.inputs.empty() && !op.outputs.empty() && op.inputs[0].size() == 4 &&
                   op.outputs[0].size() == 4 && op.outputs[0][2] > 0;
  if (!has) return window;
  const OpClass op_class = ClassOfType(op.type);
  int64_t taps = 1;  // along an axis
  if (op_class == OpClass::kConvolution && op.inputs.size() >= 2 && op.inputs[1].size() == 4) {
    const Dims& weights = op.inputs[1];
    taps = weights[2];
    window.taps = weights[2] * weights[3];
    window.groups = op.inputs[0][1] / std::max<int64_t>(weights[1], 1);
  } else if (op_class == OpClass::kPooling) {
    const double own = op.type.starts_with("Average") ? 1 : 0;
    const double mean = op.flops / std::max(Elements(op.outputs[0]), 1.0) - own;
    taps = std::llround(std::ceil(std::sqrt(std::max(mean, 1.0))));
    window.taps = taps * taps;
  }
  const int64_t in = op.inputs[0][2], out = op.outputs[0][2];
  while (out < in && window.stride < in && !Fits(in, out, taps, window.stride)) ++window.stride;
  return window;
}

struct OpRow {
  std::string type;  // a depthwise convolution has one of its own
  Row values{};
};

OpRow RowOf(const OpShape& op) {
  OpRow out{.type = op.type};
  const double outputs = op.outputs.empty() ? 0 : Elements(op.outputs[0]);
  const OpWindow window = op.window ? *op.window : DerivedWindow(op);
  const auto taps = static_cast<double>(window.taps), groups = static_cast<double>(window.groups);
  double channels = 1, im2col = 0;
  const bool is_conv = ClassOfType(op.type) == OpClass::kConvolution && op.inputs.size() >= 2 &&
                       op.inputs[0].size() == 4 && op.inputs[1].size() == 4;
  if (is_conv) {
    const Dims& weights = op.inputs[1];
    channels = static_cast<double>(weights[1]);
    const double filters = std::max(static_cast<double>(weights[0]), 1.0);
    if (window.taps > 1 || window.stride > 1) {
      constexpr double kFloat = 4;
      im2col = kFloat * outputs / filters * channels * groups * taps;
    }
    out.type = TypeOf(op.type, groups, channels);
  } else if (!op.inputs.empty() && op.inputs[0].size() > 1) {
    channels = static_cast<double>(op.inputs[0][1]);
  }
  out.values = {
      op.macs,  op.flops, op.bytes, im2col, outputs, taps, static_cast<double>(window.stride),
      channels, groups};
  return out;
}

// A table with these rows, whose texts and energies the caller fills in.
void SetColumns(const std::vector<OpRow>& rows, FeatureTable* table) {
  const auto count = static_cast<Index>(rows.size());
  for (size_t c = 0; c < kColumns.size(); ++c) {
    VectorXd values(count);
    for (Index i = 0; i < count; ++i) values[i] = rows[static_cast<size_t>(i)].values[c];
    table->Set(kColumns[c], std::move(values));
  }
  table->SetIntensity();
}

OpShape ShapeOf(const v1::OperatorInfo& info) {
  OpShape op(info.type());
  for (const v1::TensorShape& shape : info.inputs()) {
    op.inputs.emplace_back(shape.dims().begin(), shape.dims().end());
  }
  for (const v1::TensorShape& shape : info.outputs()) {
    op.outputs.emplace_back(shape.dims().begin(), shape.dims().end());
  }
  op.macs = static_cast<double>(info.macs());
  op.flops = static_cast<double>(info.flops());
  op.bytes = static_cast<double>(info.bytes_read() + info.bytes_written());
  return op;
}

VectorXd Joined(const VectorXd& a, const VectorXd& b) {
  VectorXd both(a.size() + b.size());
  both << a, b;
  return both;
}

void Append(FeatureTable more, FeatureTable* table) {
  if (table->rows() == 0) {
    *table = std::move(more);
    return;
  }
  const auto append = [](std::vector<std::string>& from, std::vector<std::string>* to) {
    to->insert(to->end(), from.begin(), from.end());
  };
  append(more.networks, &table->networks);
  append(more.runs, &table->runs);
  append(more.layers, &table->layers);
  append(more.types, &table->types);
  append(more.whole_runs, &table->whole_runs);
  // What is the same of all rows, and whatever was counted of some.
  const VectorXd none_before = VectorXd::Constant(table->rows(), std::nan(""));
  const VectorXd none_more = VectorXd::Constant(more.rows(), std::nan(""));
  std::vector<FeatureColumn> joined;
  for (FeatureColumn& column : table->features) {
    const VectorXd* also = more.Find(column.name);
    if (also == nullptr && IsCounted(column.name)) also = &none_more;
    if (also != nullptr) joined.push_back({column.name, Joined(column.values, *also)});
  }
  for (FeatureColumn& column : more.features) {
    if (table->Find(column.name) != nullptr || !IsCounted(column.name)) continue;
    joined.push_back({column.name, Joined(none_before, column.values)});
  }
  table->features = std::move(joined);
  table->energy_j = Joined(table->energy_j, more.energy_j);
  table->energy_sd_j = Joined(table->energy_sd_j, more.energy_sd_j);
}

constexpr double kNormal975 = 1.959963984540054;

struct Energy {
  double mean_j = 0, sd_j = 0;
};

// Of one inference.
Energy EnergyOf(const RailEnergy& rail, const RunReport& report, size_t place, size_t rail_place) {
  const OpReport& op = report.ops[place];
  const double executions = static_cast<double>(op.result.executions) /
                            static_cast<double>(report.attribution.iterations);
  const std::optional<OperatorEnergy>& estimate = op.estimate[rail_place];
  if (!estimate) return {};
  if (estimate->energy_j) {
    return {executions * estimate->energy_j->mean,
            executions * estimate->energy_j->half_width() / kNormal975};
  }
  if (!estimate->group) return {};
  const GroupEnergy& group = rail.groups[*estimate->group];
  double time_s = 0, own_s = 0;
  for (const OpReport& other : report.ops) {
    if (std::ranges::find(group.ops, other.result.op) == group.ops.end()) continue;
    const double seconds = other.result.time_s.mean * static_cast<double>(other.result.executions);
    time_s += seconds;
    if (other.result.op == op.result.op) own_s = seconds;
  }
  const double share = time_s > 0 ? own_s / time_s : 0;
  return {share * group.energy_j.mean, share * group.energy_j.mean};
}

// With the arguments and the shapes of a layer, which are all that its window is made of.
OpSpec SpecOf(const Model& model, size_t layer) {
  OpSpec spec = OpSpecOf(model.predict.op(static_cast<int>(layer)));
  for (const BlobShape& input : model.layers[layer].inputs) spec.inputs.push_back({input.dims});
  return spec;
}

}  // namespace

FeatureTable FeaturesOf(const Model& model, std::optional<double> frequency_ghz) {
  FeatureTable table;
  std::vector<OpRow> rows;
  for (const Layer& layer : model.layers) {
    OpShape op(layer.type);
    for (const BlobShape& input : layer.inputs) op.inputs.push_back(input.dims);
    for (const BlobShape& output : layer.outputs) op.outputs.push_back(output.dims);
    op.macs = static_cast<double>(layer.cost.macs);
    op.flops = static_cast<double>(layer.cost.flops);
    op.bytes = static_cast<double>(layer.cost.bytes_read + layer.cost.bytes_written);
    op.window = WindowOf(SpecOf(model, rows.size()));
    rows.push_back(RowOf(op));
    table.layers.push_back(layer.name);
    table.types.push_back(rows.back().type);
  }
  const auto count = static_cast<Index>(rows.size());
  table.networks.assign(rows.size(), model.name);
  table.runs = table.networks;
  table.energy_j = table.energy_sd_j = VectorXd::Zero(count);
  SetColumns(rows, &table);
  if (frequency_ghz) table.Set("frequency", VectorXd::Constant(count, *frequency_ghz));
  return table;
}

namespace {

// Of one inference, of events that were counted in all these operators.
void SetCounts(const RunReport& report, const std::vector<const OpReport*>& ops,
               FeatureTable* table) {
  for (int event = 0; report.counted && event < report.counted->events_size(); ++event) {
    VectorXd counts(static_cast<Index>(ops.size()));
    bool all = true;
    for (size_t i = 0; i < ops.size() && all; ++i) {
      const std::optional<MeanCount>& count = ops[i]->counts[static_cast<size_t>(event)];
      all = count.has_value();
      if (!all) break;
      counts[static_cast<Index>(i)] = count->mean * static_cast<double>(ops[i]->result.executions) /
                                      static_cast<double>(report.attribution.iterations);
    }
    if (all) table->Set(report.counted->events(event).name(), std::move(counts));
  }
}

}  // namespace

namespace {

// Whether the run's energy is known of the network alone. NotFound: nor is that.
absl::StatusOr<bool> IsWhole(const RunReport& report, size_t rail, const std::string& run) {
  const bool is_estimated = rail < report.estimates.size() && report.estimates[rail];
  if (is_estimated && report.estimates[rail]->why_not.empty()) return false;
  const bool has_sum = rail < report.per_inference.size() && report.per_inference[rail].energy_j &&
                       report.per_inference[rail].energy_j->mean > 0;
  if (has_sum) return true;
  return absl::NotFoundError(
      fmt::format("{} has no energies on {}: {}", run, report.rails()[rail],
                  is_estimated ? report.estimates[rail]->why_not : "it has no estimates"));
}

}  // namespace

absl::Status AddRun(const RunReport& report, const std::string& rail, const std::string& run,
                    FeatureTable* table) {
  const auto found = std::ranges::find(report.rails(), rail);
  if (found == report.rails().end()) {
    return absl::NotFoundError(fmt::format("{} has no rail {}", run, rail));
  }
  const auto place = static_cast<size_t>(found - report.rails().begin());
  const absl::StatusOr<bool> is_whole = IsWhole(report, place, run);
  if (!is_whole.ok()) return is_whole.status();
  FeatureTable more;
  std::vector<OpRow> rows;
  std::vector<double> energies, deviations, times;
  std::vector<const OpReport*> ops;
  for (size_t i = 0; i < report.ops.size(); ++i) {
    const OpReport& op = report.ops[i];
    if (!op.info.has_cost()) continue;
    Energy energy;
    if (*is_whole) {
      energy.mean_j = rows.empty() ? report.per_inference[place].energy_j->mean : 0;
    } else {
      energy = EnergyOf(*report.estimates[place], report, i, place);
      if (!(energy.mean_j > 0)) continue;
    }
    rows.push_back(RowOf(ShapeOf(op.info)));
    ops.push_back(&op);
    more.layers.push_back(op.info.name());
    more.types.push_back(rows.back().type);
    energies.push_back(energy.mean_j);
    deviations.push_back(energy.sd_j);
    times.push_back(op.result.time_s.mean * static_cast<double>(op.result.executions) /
                    static_cast<double>(report.attribution.iterations));
  }
  const auto count = static_cast<Index>(rows.size());
  more.networks.assign(rows.size(), report.header.job().net_name());
  more.runs.assign(rows.size(), run);
  if (*is_whole) more.whole_runs = {run};
  more.energy_j = Eigen::Map<const VectorXd>(energies.data(), count);
  more.energy_sd_j = Eigen::Map<const VectorXd>(deviations.data(), count);
  SetColumns(rows, &more);
  SetCounts(report, ops, &more);
  more.Set("time", Eigen::Map<const VectorXd>(times.data(), count));
  if (const auto ghz = FrequencyOf(report)) more.Set("frequency", VectorXd::Constant(count, *ghz));
  if (const auto celsius = TemperatureOf(report)) {
    more.Set("temperature", VectorXd::Constant(count, *celsius));
  }
  Append(std::move(more), table);
  return absl::OkStatus();
}

}  // namespace synergy
