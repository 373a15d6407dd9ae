#include "client/models/init_pruning.h"

#include <algorithm>

#include "client/models/blob_names.h"
#include "fmt/format.h"

namespace synergy {

absl::Status PruneInitNet(const caffe2::NetDef& predict, std::set<std::string> needed,
                          caffe2::NetDef* init, std::vector<std::string>* notes) {
  auto& ops = *init->mutable_op();
  std::vector<std::string> left_out;
  int kept = 0;
  for (auto op = ops.rbegin(); op != ops.rend(); ++op) {
    const bool wanted = std::any_of(op->output().begin(), op->output().end(),
                                    [&](const std::string& blob) { return needed.contains(blob); });
    if (wanted) {
      needed.insert(op->input().begin(), op->input().end());
      kept += op->output_size();
    } else {
      left_out.insert(left_out.end(), op->output().begin(), op->output().end());
      op->Clear();
    }
  }
  if (left_out.empty()) return absl::OkStatus();
  // A file that was cut off between two operators is a whole, smaller net, but its outputs are
  // gone: they stand behind the operators.
  const bool perhaps_cut = predict.external_output().empty();
  if (perhaps_cut && left_out.size() > static_cast<size_t>(kept)) {
    return absl::InvalidArgumentError(fmt::format(
        "the predict net names no output (external_output) and leaves {} of the {} blobs of the "
        "init net unread ({}): its file was cut off, or the init net is another network's. Get "
        "both anew; where they belong together, name the outputs in the predict net",
        left_out.size(), left_out.size() + static_cast<size_t>(kept), Some(left_out)));
  }
  notes->push_back(fmt::format(
      "left out of the init net, since the predict net does not read them from it: {}{}",
      Some(left_out),
      perhaps_cut ? "; it names no output (external_output) either: if its file was cut off, "
                    "this is a part of the network"
                  : ""));
  return absl::OkStatus();
}

}  // namespace synergy
