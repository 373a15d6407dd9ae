#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/model.h"

// The published networks that synergy knows by name. Pure; the tables are constant.
namespace synergy {

// Which operators a published count covers.
enum class MacScope { kConvolutions, kAll };

// A figure that others published, to compare ours with. `note`: why it counts something else than
// this network; such a figure is shown beside ours but not judged by it.
struct PublishedMacs {
  double macs = 0;  // batch 1
  MacScope scope = MacScope::kAll;
  std::string_view source;
  std::string_view note = {};
};

struct PublishedParams {
  double params = 0;  // learned; SpatialBN's running statistics not counted
  std::string_view source;
  std::string_view note = {};
};

// Of trained weights, on the validation set, from one crop.
struct PublishedAccuracy {
  std::string_view data;  // "ImageNet"
  std::optional<double> top1_percent = std::nullopt;
  std::optional<double> top5_percent = std::nullopt;
  std::string_view source;
};

struct ZooEntry {
  std::string_view name;       // what `--net` takes
  std::string_view paper;      // citation
  std::string_view variant;    // which of the published variants it is, and what follows from it
  std::vector<int64_t> input;  // {channels, height, width}
  std::vector<PublishedMacs> published_macs;
  std::vector<PublishedParams> published_params;
  std::optional<PublishedAccuracy> published_accuracy = std::nullopt;

  // `batch` images, weights from `seed`: the same arguments give byte-identical nets.
  // InvalidArgument: a batch below 1, or so large that a blob outgrows what Caffe2 can index.
  absl::StatusOr<Model> (*build)(int64_t batch, uint64_t seed) = nullptr;
};

// In alphabetical order.
const std::vector<ZooEntry>& Zoo();

// NotFound for an unknown name, with the nearest known one, if any is near, and the list. The entry
// is never freed.
absl::StatusOr<const ZooEntry*> FindModel(std::string_view name);

// A published figure may differ from ours by this much.
inline constexpr double kMacsTolerance = 0.02;
inline constexpr double kParamsTolerance = 0.01;

// MACs of one inference of the whole batch.
int64_t CountMacs(const Model& model, MacScope scope);

}  // namespace synergy
