#include "client/models/memory.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/checked_int.h"

namespace synergy {
namespace {

struct Life {
  size_t first = 0;  // layers
  size_t last = 0;
  CheckedInt bytes = 0;
};

CheckedInt BytesOf(const BlobShape& shape) {
  CheckedInt bytes(static_cast<int64_t>(ElementSize(shape.type)));
  for (int64_t dim : shape.dims) bytes *= dim;
  return bytes;
}

std::map<std::string, Life> LivesOf(const Model& model) {
  const auto& external = model.predict.external_input();
  std::set<std::string> weights(external.begin(), external.end());
  for (const BlobShape& input : model.inputs) weights.erase(input.blob);
  std::map<std::string, Life> lives;
  for (const BlobShape& input : model.inputs) lives[input.blob] = {0, 0, BytesOf(input)};
  for (size_t i = 0; i < model.layers.size(); ++i) {
    for (const BlobShape& input : model.layers[i].inputs) {
      if (!weights.contains(input.blob)) lives[input.blob].last = i;
    }
    for (const BlobShape& output : model.layers[i].outputs) {
      auto [life, made_here] = lives.try_emplace(output.blob, Life{i, i, BytesOf(output)});
      if (!made_here) life->second.last = i;
    }
  }
  for (const std::string& blob : model.outputs) lives[blob].last = model.layers.size() - 1;
  return lives;
}

}  // namespace

absl::StatusOr<ActivationMemory> MeasureActivations(const Model& model) {
  CheckedInt all(0);
  std::vector<CheckedInt> alive(model.layers.size(), CheckedInt(0));
  for (const auto& [blob, life] : LivesOf(model)) {
    all += life.bytes;
    for (size_t i = life.first; i <= life.last; ++i) alive[i] += life.bytes;
  }
  // Each sum is at most `all`, so one check is enough.
  if (all.overflow()) {
    return absl::OutOfRangeError("activation memory of the network does not fit in 64 bits");
  }
  const auto peak = std::max_element(
      alive.begin(), alive.end(),
      [](const CheckedInt& a, const CheckedInt& b) { return a.value() < b.value(); });
  return ActivationMemory{all.value(), peak->value()};
}

}  // namespace synergy
