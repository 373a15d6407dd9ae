#include "daemon/power/operator_load.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/counter_noise.h"

namespace synergy {
namespace {

// What the instructions of a type of operator are like.
struct TypeClass {
  double operations_per_cycle;  // of one core: MACs, or half the FLOPs where there are no MACs
  double switching;
};
// 2.88 MAC a cycle are the 10 GFLOP/s that OpenBLAS reaches on one core at 1734 MHz.
constexpr TypeClass kDense{2.88, 1.0};
constexpr TypeClass kPooling{0.8, 0.85};
constexpr TypeClass kElementwise{1.0, 0.8};
constexpr TypeClass kTranscendental{0.1, 0.9};
constexpr TypeClass kMovement{1.0, 0.7};
constexpr TypeClass kOther{0.5, 0.8};

struct NamedClass {
  std::string_view type;
  TypeClass type_class;
};
constexpr std::array kClasses{
    NamedClass{"Conv", kDense},
    NamedClass{"ConvTranspose", kDense},
    NamedClass{"FC", kDense},
    NamedClass{"MatMul", kDense},
    NamedClass{"BatchMatMul", kDense},
    NamedClass{"MaxPool", kPooling},
    NamedClass{"AveragePool", kPooling},
    NamedClass{"Relu", kElementwise},
    NamedClass{"PRelu", kElementwise},
    NamedClass{"LeakyRelu", kElementwise},
    NamedClass{"Add", kElementwise},
    NamedClass{"Sum", kElementwise},
    NamedClass{"Mul", kElementwise},
    NamedClass{"Sub", kElementwise},
    NamedClass{"Clip", kElementwise},
    NamedClass{"SpatialBN", kElementwise},
    NamedClass{"InstanceNorm", kElementwise},
    NamedClass{"LRN", kTranscendental},
    NamedClass{"Softmax", kTranscendental},
    NamedClass{"Sigmoid", kTranscendental},
    NamedClass{"Tanh", kTranscendental},
    NamedClass{"Elu", kTranscendental},
    NamedClass{"Concat", kMovement},
    NamedClass{"Split", kMovement},
    NamedClass{"Copy", kMovement},
    NamedClass{"Transpose", kMovement},
    NamedClass{"Flatten", kMovement},
    NamedClass{"Reshape", kMovement},
    NamedClass{"ChannelShuffle", kMovement},
    NamedClass{"Dropout", kMovement},
};

TypeClass ClassOf(std::string_view type) {
  const auto found = std::ranges::find(kClasses, type, &NamedClass::type);
  return found == kClasses.end() ? kOther : found->type_class;
}

// Traffic of dense arithmetic besides its tensors: the matrices are unrolled, packed and read
// again. 0.2454 SIMD instructions a MAC, 0.06639 bus accesses a SIMD instruction, 16 bytes a bus
// access.
constexpr double kDenseBytesPerMac = kSimdPerOperation * 0.06639 * kBusBytes;

constexpr double kCoreDramBytesPerS = 6e9;  // one core
constexpr double kL2Bytes = 2.0 * 1024 * 1024;
constexpr double kL2BytesPerCycle = 8;  // one core
// Each further thread adds this much of a core's work: 3.07 times the speed of one thread with
// four.
constexpr double kThreadEfficiency = 0.69;
constexpr double kBytesPerElement = 4;

double TensorBytes(const google::protobuf::RepeatedPtrField<v1::TensorShape>& shapes) {
  double bytes = 0;
  for (const v1::TensorShape& shape : shapes) {
    double elements = 1;
    for (const int64_t dim : shape.dims())
      elements *= static_cast<double>(std::max<int64_t>(dim, 0));
    bytes += elements * kBytesPerElement;
  }
  return bytes;
}

double BytesOf(const v1::OperatorInfo& op) {
  if (!op.has_cost()) return TensorBytes(op.inputs()) + TensorBytes(op.outputs());
  return static_cast<double>(std::max<int64_t>(op.bytes_read(), 0)) +
         static_cast<double>(std::max<int64_t>(op.bytes_written(), 0));
}

double OperationsOf(const v1::OperatorInfo& op) {
  const int64_t operations = op.macs() > 0 ? op.macs() : op.flops() / 2;
  return static_cast<double>(std::max<int64_t>(operations, 0));
}

// One execution, by the roofline.
struct Roofline {
  double compute_s = 0;
  double dram_bytes = 0;
  double time_s = 0;
};

// What of the tensors the L2 cache cannot keep.
double SpilledBytes(double tensor_bytes) {
  return tensor_bytes * (tensor_bytes / (tensor_bytes + kL2Bytes));
}

Roofline RooflineOf(const v1::OperatorInfo& op, const CpuUse& use) {
  const TypeClass type_class = ClassOf(op.type());
  const double cores = CoresAtWork(use);
  const double tensor_bytes = BytesOf(op);
  const double tensor_dram_bytes = SpilledBytes(tensor_bytes);
  const auto [operations, dram_bytes] = WorkOf(op);
  const double dram_rate = std::min(cores * kCoreDramBytesPerS, kDramBytesPerS);
  const double l2_rate = cores * kL2BytesPerCycle * use.frequency_hz;
  const double compute_s =
      operations / (cores * type_class.operations_per_cycle * use.frequency_hz);
  const double memory_s = dram_bytes / dram_rate + (tensor_bytes - tensor_dram_bytes) / l2_rate;
  // Arithmetic and memory overlap in part.
  return {
      .compute_s = compute_s, .dram_bytes = dram_bytes, .time_s = std::hypot(compute_s, memory_s)};
}

}  // namespace

double CoresAtWork(const CpuUse& use) {
  const uint32_t threads = std::clamp(use.threads, 1u, use.cores);
  return 1.0 + kThreadEfficiency * (threads - 1);
}

OperatorWork WorkOf(const v1::OperatorInfo& op) {
  const auto macs = static_cast<double>(std::max<int64_t>(op.macs(), 0));
  return {.operations = OperationsOf(op),
          .memory_bytes = SpilledBytes(BytesOf(op)) + kDenseBytesPerMac * macs};
}

OperatorLoad LoadOf(const v1::OperatorInfo& op, const CpuUse& use) {
  const Roofline roofline = RooflineOf(op, use);
  OperatorLoad load{
      .cores = CoresAtWork(use), .pipe_share = 1, .switching = ClassOf(op.type()).switching};
  if (roofline.time_s > 0) {
    load.pipe_share = roofline.compute_s / roofline.time_s;
    load.dram_bytes_per_s = roofline.dram_bytes / roofline.time_s;
  }
  return load;
}

double SecondsOf(const v1::OperatorInfo& op, const CpuUse& use) {
  return RooflineOf(op, use).time_s;
}

OperatorLoad LoadOfUnknown(const CpuUse& use) {
  const double cores = CoresAtWork(use);
  return {.cores = cores,
          .pipe_share = 0.8,
          .switching = 0.9,
          .dram_bytes_per_s = 0.2 * std::min(cores * kCoreDramBytesPerS, kDramBytesPerS)};
}

OperatorLoad LoadOfLoading() {
  return {.cores = 1, .pipe_share = 1, .switching = kOther.switching, .dram_bytes_per_s = 0.5e9};
}

OperatorLoad LoadOfFilling() {
  return {
      .cores = 1, .pipe_share = 1, .switching = kTranscendental.switching, .dram_bytes_per_s = 1e9};
}

double DeviationOf(std::string_view net_name, const v1::OperatorInfo& op) {
  constexpr uint64_t kKey = 0x7E57B0A2D0000001;  // of this model of a board
  constexpr double kSpread = 0.10, kCut = 2.5;
  const uint64_t net = MixHash(kKey, net_name);
  const double draw = NormalDraw(MixHash(net, std::string_view(op.name())), op.index());
  return 1.0 + kSpread * std::clamp(draw, -kCut, kCut);
}

}  // namespace synergy
