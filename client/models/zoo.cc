#include "client/models/zoo.h"

#include <string>

#include "absl/status/status.h"
#include "client/models/networks.h"
#include "common/nearest_name.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr std::string_view kSynergySlides =
    "Rodrigues, Riley, Lujan: SyNERGY, PDPTA 2018 (slides, read from a plot)";
constexpr std::string_view kTorchvision = "torchvision's model pages";

std::vector<ZooEntry> MakeZoo() {
  return {
      {"alexnet",
       "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural "
       "Networks, NIPS 2012",
       "BVLC reference model: conv2, conv4 and conv5 in 2 groups",
       {3, 227, 227},
       {{0.667e9, MacScope::kConvolutions, kSynergySlides},
        {0.724e9, MacScope::kAll, "sum of the grouped layers"}},
       60.97e6,
       "the BVLC reference model's weights",
       BuildAlexNet},
      {"mobilenet",
       "Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
       "Applications, arXiv:1704.04861",
       "version 1, width 1.0; SpatialBN not folded",
       {3, 224, 224},
       {{0.567e9, MacScope::kConvolutions, kSynergySlides},
        {0.569e9, MacScope::kAll, "the paper, table 8"}},
       4.232e6,
       "Keras applications, trainable (the paper, table 8: 4.2 million)",
       BuildMobileNet},
      {"resnet50",
       "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016",
       "version 1: the stride is in the first 1x1 convolution of a block (v1.5, with the stride in "
       "the 3x3, has 4.09 G MACs); SpatialBN not folded",
       {3, 224, 224},
       {{3.86e9, MacScope::kConvolutions, kSynergySlides}},
       25.56e6,
       kTorchvision,
       BuildResNet50},
      {"squeezenet",
       "Iandola et al.: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB "
       "model size, arXiv:1602.07360",
       "version 1.0 as the authors released it: conv10 padded by 1, which the paper's table omits",
       {3, 227, 227},
       {{0.862e9, MacScope::kConvolutions, kSynergySlides}},
       1.248e6,
       "the paper, table 1",
       BuildSqueezeNet},
      {"squeezenet1.1",
       "Iandola et al.: SqueezeNet v1.1, github.com/forresti/SqueezeNet",
       "input 224, for which the published count is given (the authors' model file says 227, with "
       "which ceiling pools make it 0.388 G MACs)",
       {3, 224, 224},
       {{0.35e9, MacScope::kAll, kTorchvision}},
       1.235e6,
       kTorchvision,
       BuildSqueezeNet11},
  };
}

}  // namespace

const std::vector<ZooEntry>& Zoo() {
  static const auto* const zoo = new std::vector<ZooEntry>(MakeZoo());
  return *zoo;
}

absl::StatusOr<const ZooEntry*> FindModel(std::string_view name) {
  std::vector<std::string> names;
  for (const ZooEntry& entry : Zoo()) {
    if (entry.name == name) return &entry;
    names.emplace_back(entry.name);
  }
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(
      fmt::format("find network '{}': no network has this name{} There are: {}", name.substr(0, 64),
                  nearest.empty() ? "." : fmt::format("; did you mean '{}'?", nearest),
                  fmt::join(names, ", ")));
}

int64_t CountMacs(const Model& model, MacScope scope) {
  if (scope == MacScope::kAll) return model.total.macs;
  auto conv = model.macs_by_type.find("Conv");
  return conv == model.macs_by_type.end() ? 0 : conv->second;
}

}  // namespace synergy
