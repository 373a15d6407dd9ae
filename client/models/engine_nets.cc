#include "client/models/engine_nets.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "client/models/fillers.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

bool IsRandomFill(const caffe2::OperatorDef& op) {
  constexpr std::array<std::string_view, 5> kTypes = {"UniformFill", "UniformIntFill",
                                                      "GaussianFill", "XavierFill", "MSRAFill"};
  return std::find(kTypes.begin(), kTypes.end(), op.type()) != kTypes.end();
}

// Whether it was for another device.
bool TidyOperator(caffe2::OperatorDef* op, uint64_t seed, std::set<std::string>* names) {
  std::string label = Printable(op->name(), 128);
  if (label.empty() && op->output_size() > 0) label = op->output(0);
  op->set_name(label);
  for (int i = 2; !names->insert(op->name()).second; ++i) {
    op->set_name(fmt::format("{}/{}", label, i));
  }
  const bool moved = op->device_option().device_type() != caffe2::PROTO_CPU;
  if (moved) {
    op->mutable_device_option()->clear_device_type();
    op->mutable_device_option()->clear_device_id();
  }
  if (IsRandomFill(*op) && !op->device_option().has_random_seed() && op->output_size() > 0) {
    op->mutable_device_option()->set_random_seed(SeedOfBlob(seed, op->output(0)));
  }
  return moved;
}

}  // namespace

std::string TodaysNetType(const std::string& type) {
  const std::map<std::string, std::string> kToday = {
      {"", "simple"},
      {"simple", "simple"},
      {"async_simple", "simple"},
      {"rnn", "simple"},
      {"async_scheduling", "async_scheduling"},
      {"dag", "async_scheduling"},
      {"prof_dag", "async_scheduling"},
      {"async_dag", "async_scheduling"},
      {"async_polling", "async_scheduling"},
  };
  const auto today = kToday.find(type);
  return today == kToday.end() ? std::string() : today->second;
}

void TidyForEngines(const std::vector<std::string>& weights, uint64_t seed, Model* model) {
  caffe2::NetDef& predict = model->predict;
  predict.set_name(model->name);
  predict.clear_external_input();
  predict.clear_external_output();
  predict.clear_device_option();
  predict.clear_partition_info();
  for (const BlobShape& input : model->inputs) predict.add_external_input(input.blob);
  for (const std::string& blob : weights) predict.add_external_input(blob);
  for (const std::string& output : model->outputs) predict.add_external_output(output);
  model->init.set_name(model->name + "_init");
  for (const caffe2::OperatorDef& op : model->init.op()) {
    for (const std::string& blob : op.output()) model->init.add_external_output(blob);
  }
  int moved = 0;
  for (caffe2::NetDef* net : {&predict, &model->init}) {
    std::set<std::string> names;
    for (caffe2::OperatorDef& op : *net->mutable_op()) {
      moved += TidyOperator(&op, seed, &names) ? 1 : 0;
    }
  }
  if (moved > 0) {
    model->notes.push_back(fmt::format(
        "{} operators were for another device; the engines run them on the CPU", moved));
  }
}

}  // namespace synergy
