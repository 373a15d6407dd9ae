#include "client/models/fillers.h"

#include <cmath>
#include <string>

namespace synergy {
namespace {

caffe2::OperatorDef Filler(std::string_view type, std::string_view blob,
                           const std::vector<int64_t>& dims) {
  caffe2::OperatorDef op;
  op.set_type(std::string(type));
  op.set_name(std::string(blob));
  op.add_output(std::string(blob));
  caffe2::Argument* shape = op.add_arg();
  shape->set_name("shape");
  for (int64_t dim : dims) shape->add_ints(dim);
  return op;
}

void SetSeed(caffe2::OperatorDef& op, uint64_t run_seed, std::string_view blob) {
  op.mutable_device_option()->set_random_seed(SeedOfBlob(run_seed, blob));
}

}  // namespace

uint32_t SeedOfBlob(uint64_t run_seed, std::string_view blob) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (char c : blob) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash += run_seed * 0x9e3779b97f4a7c15;  // SplitMix64's step and finalizer
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  hash ^= hash >> 31;
  return static_cast<uint32_t>(hash >> 33);  // Caffe2 keeps it in an int
}

void AddIntArg(caffe2::OperatorDef& op, std::string_view name, int64_t value) {
  caffe2::Argument* arg = op.add_arg();
  arg->set_name(std::string(name));
  arg->set_i(value);
}

void AddFloatArg(caffe2::OperatorDef& op, std::string_view name, double value) {
  caffe2::Argument* arg = op.add_arg();
  arg->set_name(std::string(name));
  arg->set_f(static_cast<float>(value));
}

caffe2::OperatorDef UniformFiller(std::string_view blob, const std::vector<int64_t>& dims,
                                  double low, double high, uint64_t run_seed) {
  caffe2::OperatorDef op = Filler("UniformFill", blob, dims);
  AddFloatArg(op, "min", low);
  AddFloatArg(op, "max", high);
  SetSeed(op, run_seed, blob);
  return op;
}

caffe2::OperatorDef WeightFiller(std::string_view blob, const std::vector<int64_t>& dims,
                                 double gain, int64_t fan_in, uint64_t run_seed) {
  // A uniform draw in [-a, a) has the variance a^2 / 3.
  const double limit = std::sqrt(3.0 * gain / static_cast<double>(fan_in));
  return UniformFiller(blob, dims, -limit, limit, run_seed);
}

caffe2::OperatorDef ConstantFiller(std::string_view blob, const std::vector<int64_t>& dims,
                                   double value) {
  caffe2::OperatorDef op = Filler("ConstantFill", blob, dims);
  AddFloatArg(op, "value", value);
  return op;
}

}  // namespace synergy
