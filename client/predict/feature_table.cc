#include "client/predict/feature_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <map>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

struct Word {
  std::string_view part;  // of a type's letters and digits in lower case
  OpClass op_class;
};

// The first that a type contains decides.
constexpr std::array<Word, 40> kWords = {{
    {"separable", OpClass::kOther},  // a depthwise and a pointwise convolution in one row
    {"sepconv", OpClass::kOther},
    {"depthwise", OpClass::kDepthwise},
    {"dwconv", OpClass::kDepthwise},
    {"convdw", OpClass::kDepthwise},
    {"conv", OpClass::kConvolution},
    {"pool", OpClass::kPooling},
    {"matmul", OpClass::kFullyConnected},
    {"fully", OpClass::kFullyConnected},
    {"gemm", OpClass::kFullyConnected},
    {"dense", OpClass::kFullyConnected},
    {"innerproduct", OpClass::kFullyConnected},
    {"lrn", OpClass::kLocalNormalisation},
    {"localresponse", OpClass::kLocalNormalisation},
    {"norm", OpClass::kNormalisation},
    {"spatialbn", OpClass::kNormalisation},
    {"affinechannel", OpClass::kNormalisation},
    {"relu", OpClass::kActivation},
    {"softmax", OpClass::kActivation},
    {"sigmoid", OpClass::kActivation},
    {"tanh", OpClass::kActivation},
    {"swish", OpClass::kActivation},
    {"elu", OpClass::kActivation},
    {"silu", OpClass::kActivation},
    {"mish", OpClass::kActivation},
    {"clip", OpClass::kActivation},
    {"activation", OpClass::kActivation},
    {"elementwise", OpClass::kElementwise},
    {"eltwise", OpClass::kElementwise},
    {"concat", OpClass::kConcat},
    {"split", OpClass::kConcat},
    {"shuffle", OpClass::kConcat},
    {"transpose", OpClass::kConcat},
    {"permute", OpClass::kConcat},
    {"slice", OpClass::kConcat},
    {"copy", OpClass::kConcat},
    {"pad", OpClass::kConcat},
    {"reshape", OpClass::kConcat},
    {"flatten", OpClass::kConcat},
    {"dropout", OpClass::kConcat},
}};
// Too short, or parts of others: the type, or what is behind its last dot ("nn.Linear").
constexpr std::array<Word, 13> kWholeWords = {{
    {"dw", OpClass::kDepthwise},
    {"linear", OpClass::kFullyConnected},
    {"bn", OpClass::kNormalisation},
    {"scale", OpClass::kNormalisation},  // of Caffe, behind a BatchNorm
    {"sum", OpClass::kElementwise},
    {"add", OpClass::kElementwise},
    {"sub", OpClass::kElementwise},
    {"mul", OpClass::kElementwise},
    {"div", OpClass::kElementwise},
    {"max", OpClass::kElementwise},
    {"mean", OpClass::kElementwise},
    {"min", OpClass::kElementwise},
    {"pow", OpClass::kElementwise},
}};
constexpr std::array<std::string_view, 8> kNotSums = {"intensity",   "kernel",       "stride",
                                                      "channels",    "groups",       "frequency",
                                                      "temperature", kDepthwiseShare};

// Whose names begin otherwise than those of their siblings.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kSiblings = {
    {{"wide_resnet", "resnet"}, {"googlenet", "inception"}}};

// "conv_dw" and "Conv-DW" are one word.
std::string LettersOf(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) letters += static_cast<char>(std::tolower(byte));
  }
  return letters;
}

template <typename T>
std::vector<T> Picked(const std::vector<T>& values, std::span<const Index> rows) {
  std::vector<T> picked;
  for (const Index row : rows) picked.push_back(values[static_cast<size_t>(row)]);
  return picked;
}

}  // namespace

std::string_view OpClassName(OpClass op_class) {
  switch (op_class) {
    case OpClass::kConvolution:
      return "convolution";
    case OpClass::kDepthwise:
      return "depthwise";
    case OpClass::kFullyConnected:
      return "fully-connected";
    case OpClass::kPooling:
      return "pooling";
    case OpClass::kNormalisation:
      return "normalisation";
    case OpClass::kLocalNormalisation:
      return "local-normalisation";
    case OpClass::kActivation:
      return "activation";
    case OpClass::kElementwise:
      return "elementwise";
    case OpClass::kConcat:
      return "concat";
    case OpClass::kOther:
      return "other";
  }
  return "other";
}

OpClass ClassOfType(std::string_view type) {
  const std::string letters = LettersOf(type);
  for (const Word& word : kWords) {
    if (letters.find(word.part) != letters.npos) return word.op_class;
  }
  if (letters.starts_with("fc")) return OpClass::kFullyConnected;
  const std::string last = LettersOf(type.substr(type.rfind('.') + 1));
  const auto* const whole = std::ranges::find(kWholeWords, last, &Word::part);
  return whole == kWholeWords.end() ? OpClass::kOther : whole->op_class;
}

std::string TypeOf(const std::string& type, double groups, double channels) {
  const bool is_depthwise =
      groups > 1 && channels == 1 && ClassOfType(type) == OpClass::kConvolution;
  return is_depthwise ? "Depthwise" + type : type;
}

std::string ArchitectureOfName(std::string_view network) {
  std::string letters;
  for (const auto& [beginning, architecture] : kSiblings) {
    if (network.starts_with(beginning)) return std::string(architecture);
  }
  for (const char c : network) {
    if (std::isalpha(static_cast<unsigned char>(c)) == 0) break;
    letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return letters.empty() ? std::string(network) : letters;
}

std::vector<OpClass> ClassesOf(std::span<const std::string> types) {
  std::map<std::string_view, OpClass> known;  // many rows are of few types
  std::vector<OpClass> classes;
  for (const std::string& type : types) {
    const auto [at, is_new] = known.emplace(type, OpClass::kOther);
    if (is_new) at->second = ClassOfType(type);
    classes.push_back(at->second);
  }
  return classes;
}

bool IsCounted(std::string_view feature) {
  const bool is_known = std::ranges::find(kFeatures, feature) != std::end(kFeatures);
  if (feature == kDepthwiseShare) return false;
  return !is_known || feature == "bus" || feature == "simd";
}

bool AddsUp(std::string_view feature) {
  return std::ranges::find(kNotSums, feature) == kNotSums.end();
}

const VectorXd* FeatureTable::Find(std::string_view feature) const {
  const auto found = std::ranges::find(features, feature, &FeatureColumn::name);
  return found == features.end() ? nullptr : &found->values;
}

void FeatureTable::Set(std::string_view feature, VectorXd values) {
  const auto found = std::ranges::find(features, feature, &FeatureColumn::name);
  if (found == features.end()) {
    features.push_back({std::string(feature), std::move(values)});
  } else {
    found->values = std::move(values);
  }
}

void FeatureTable::SetIntensity() {
  const VectorXd *flops = Find("flops"), *bytes = Find("bytes");
  if (Find("intensity") != nullptr || flops == nullptr || bytes == nullptr) return;
  Set("intensity", (bytes->array() > 0).select(flops->cwiseQuotient(*bytes), 0));
}

FeatureTable FeatureTable::Select(std::span<const Index> rows) const {
  FeatureTable out{.networks = Picked(networks, rows),
                   .runs = Picked(runs, rows),
                   .layers = Picked(layers, rows),
                   .types = Picked(types, rows),
                   .architectures = {},
                   .energy_j = energy_j(rows),
                   .energy_sd_j = energy_sd_j(rows),
                   .features = {},
                   .whole_runs = whole_runs};
  if (!architectures.empty()) out.architectures = Picked(architectures, rows);
  for (const FeatureColumn& column : features) {
    out.features.push_back({column.name, column.values(rows)});
  }
  return out;
}

FeatureTable FeatureTable::ByRun() const {
  std::map<std::string, Index> place;
  std::vector<Index> first, run_of;
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto [at, is_new] = place.emplace(runs[i], static_cast<Index>(first.size()));
    if (is_new) first.push_back(static_cast<Index>(i));
    run_of.push_back(at->second);
  }
  FeatureTable out = Select(first);
  for (size_t i = 0; i < first.size(); ++i) {
    out.layers[i].clear();
    out.types[i] = "network";
  }
  const auto sums = [&](const VectorXd& values) {
    VectorXd sum = VectorXd::Zero(static_cast<Index>(first.size()));
    for (Index i = 0; i < values.size(); ++i) sum[run_of[static_cast<size_t>(i)]] += values[i];
    return sum;
  };
  out.energy_j = sums(energy_j);
  out.energy_sd_j = sums(energy_sd_j.cwiseAbs2()).cwiseSqrt();
  std::vector<FeatureColumn> kept;
  for (const FeatureColumn& column : features) {
    if (AddsUp(column.name)) {
      kept.push_back({column.name, sums(column.values)});
      continue;
    }
    const VectorXd of_first = column.values(first);
    bool same = true;
    for (Index i = 0; i < rows() && same; ++i) {
      same = column.values[i] == of_first[run_of[static_cast<size_t>(i)]];
    }
    if (same) kept.push_back({column.name, of_first});
  }
  out.features = std::move(kept);
  const VectorXd* macs = Find("macs");
  const bool is_said = Find(kDepthwiseShare) != nullptr;  // by who knew the operators
  if (is_said || macs == nullptr || (macs->array() <= 0).all()) return out;
  VectorXd depthwise = *macs;
  const std::vector<OpClass> classes = ClassesOf(types);
  for (size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] != OpClass::kDepthwise) depthwise[static_cast<Index>(i)] = 0;
  }
  out.Set(kDepthwiseShare, sums(depthwise).cwiseQuotient(out.Find("macs")->cwiseMax(1)));
  return out;
}

std::vector<std::string> DistinctNames(std::span<const std::string> names) {
  std::vector<std::string> distinct;
  std::map<std::string_view, bool> seen;
  for (const std::string& name : names) {
    if (seen.emplace(name, true).second) distinct.push_back(name);
  }
  return distinct;
}

}  // namespace synergy
