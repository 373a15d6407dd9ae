// What can be said of an input's shape where a Caffe2 net does not say it.
#pragma once

#include <string>
#include <vector>

#include "client/models/model.h"

namespace synergy {

// "--input-shape data=N,3,H,W" for each of the `blobs`, at most three of them, with letters for the
// numbers that the user knows: as many as the operators that read the blob and their weights in
// `model` tell, or else "D,D,...".
std::string InputShapeFlags(const Model& model, const std::vector<std::string>& blobs);

}  // namespace synergy
