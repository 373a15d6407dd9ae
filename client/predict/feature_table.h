// What models are fitted to and predict: operators or networks with their features and energies.
// Pure.
#pragma once

#include <Eigen/Dense>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synergy {

// Operators that cost alike, as far as few features can tell.
enum class OpClass {
  kConvolution,
  kDepthwise,  // a convolution of one channel at a time
  kFullyConnected,
  kPooling,
  kNormalisation,
  kLocalNormalisation,  // LRN, which takes powers and roots
  kActivation,
  kElementwise,
  kConcat,  // and whatever else moves data
  kOther,
};
std::string_view OpClassName(OpClass op_class);
// By an operator's type in Caffe2, or a word that a table has for it ("conv", "pool", "fc").
OpClass ClassOfType(std::string_view type);
// A convolution of several groups with one input channel each is of a type of its own.
std::string TypeOf(const std::string& type, double groups, double channels);

std::vector<OpClass> ClassesOf(std::span<const std::string> types);

// The features that families are made of. What a source does not have is absent.
//   macs, flops     multiply-accumulates and floating-point operations (common/op_cost.h)
//   bytes           distinct bytes read and written (likewise)
//   im2col_bytes    of the patches that a convolution is unrolled to; 0 where it is not
//   outputs         elements that it writes
//   intensity       arithmetic: flops a byte; 0 where no byte is moved
//   kernel, stride, channels, groups    of a window: taps, step, input channels of a group, groups
//   time            seconds
//   frequency       GHz, of the CPU
//   temperature     Celsius, of the CPU or, where its zone is not known, of the board
//   others          counted events, by the names that they were counted with; NaN in the rows of
//                   runs that have none
inline constexpr std::string_view kFeatures[] = {
    "macs",     "flops",  "bytes", "im2col_bytes", "outputs",     "intensity", "kernel", "stride",
    "channels", "groups", "time",  "frequency",    "temperature", "bus",       "simd"};
// Of a whole network: the share of its macs in depthwise convolutions.
inline constexpr std::string_view kDepthwiseShare = "depthwise_share";
struct FeatureColumn {
  std::string name;
  Eigen::VectorXd values;
};
// Whether a network's is the sum of its operators'.
bool AddsUp(std::string_view feature);
// Whether it is a counted event, or no feature that families are made of.
bool IsCounted(std::string_view feature);

// Networks of one kind, which share their blocks: the letters that the name begins with
// ("resnet50", "squeezenet1.1", "mobilenet_v2"), but for what the zoo calls otherwise. Lower case.
std::string ArchitectureOfName(std::string_view network);

struct FeatureTable {
  // By row. `runs`: rows of one are the operators of one network, measured together; a network may
  // have several, at other clocks.
  std::vector<std::string> networks, runs, layers, types;
  std::vector<std::string> architectures;  // empty: as the networks' names say
  Eigen::VectorXd energy_j;                // of one execution; above 0 where it is to be fitted
  Eigen::VectorXd energy_sd_j;             // its standard error; 0: not known
  std::vector<FeatureColumn> features;
  // Runs of whose operators no energies are known: the network's is in the run's first row, and the
  // others have none.
  std::vector<std::string> whole_runs;

  Eigen::Index rows() const { return energy_j.size(); }
  // Null where there is none.
  const Eigen::VectorXd* Find(std::string_view feature) const;
  // Adds the column, or takes its place.
  void Set(std::string_view feature, Eigen::VectorXd values);
  // Sets the feature intensity where it is not there and flops and bytes are.
  void SetIntensity();
  FeatureTable Select(std::span<const Eigen::Index> rows) const;
  // A row a run, in the order of their first rows, with sums of what adds up; of the rest what is
  // the same in all rows of each. With depthwise_share, unless these rows are of networks already.
  FeatureTable ByRun() const;
};

// The different names, in the order in which they come first.
std::vector<std::string> DistinctNames(std::span<const std::string> names);

}  // namespace synergy
