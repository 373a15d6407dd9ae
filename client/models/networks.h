#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/models/model.h"

// The zoo's networks, one source file per family. zoo.h says what each of them is.
namespace synergy {

absl::StatusOr<Model> BuildAlexNet(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildAllCnnC(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildDenseNet121(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildGoogLeNet(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildInceptionBn(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildInceptionV3(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildMobileNet(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildMobileNet025(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildMobileNet050(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildMobileNet075(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildMobileNetV2(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildNin(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildPlacesCnds8s(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildResNet101(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildResNet152(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildResNet18(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildResNet34(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildResNet50(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildResNet50V15(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildShuffleNetV2(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildSqueezeNet(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildSqueezeNet11(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildSqueezeNetResidual(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildVgg16(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildVgg19(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildVggCnnS(int64_t batch, uint64_t seed);
absl::StatusOr<Model> BuildWideResNet50(int64_t batch, uint64_t seed);

}  // namespace synergy
