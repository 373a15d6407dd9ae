#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/models/model.h"

// The zoo's networks, one source file per family. zoo.h says what each of them is.
namespace synergy {

absl::StatusOr<Model> BuildAlexNet(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildMobileNet(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildResNet50(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildSqueezeNet(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildSqueezeNet11(int64_t batch, uint64_t seed);

}  // namespace synergy
