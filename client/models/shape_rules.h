// The rows of InferOperator's table, a family of operators per file. Internal to client/models.
#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/models/operator_shapes.h"

namespace synergy {

// One operator and the shapes of its inputs. Arguments are read as Caffe2's ArgumentHelper reads
// them: a list is no scalar and a scalar no list, an int has 32 bits. The first argument that
// cannot be read so stays as `status`, and the reader gets its default.
class OpCall {
 public:
  OpCall(const caffe2::OperatorDef& op, const std::vector<BlobShape>& inputs,
         const KnownInts& known);

  const caffe2::OperatorDef& op() const { return op_; }
  size_t inputs() const { return inputs_.size(); }
  size_t outputs() const { return static_cast<size_t>(op_.output_size()); }
  const BlobShape& input(size_t i) const { return inputs_[i]; }
  const Dims& dims(size_t i) const { return inputs_[i].dims; }
  v1::DataType type(size_t i) const { return inputs_[i].type; }
  // The values of input i where they are known beforehand.
  std::optional<Dims> Values(size_t i) const;
  // Whether output `o` is the same blob as input `i`.
  bool Aliases(size_t i, size_t o) const;

  bool Has(std::string_view name) const;
  int64_t Int(std::string_view name, int64_t otherwise) const;
  int64_t Int64(std::string_view name, int64_t otherwise) const;
  double Float(std::string_view name, double otherwise) const;
  bool Flag(std::string_view name, bool otherwise) const;
  std::string Text(std::string_view name, std::string_view otherwise) const;
  Dims Ints(std::string_view name) const;
  Dims Int64s(std::string_view name) const;
  std::vector<float> Floats(std::string_view name) const;
  // By the argument "order".
  bool ChannelsLast() const;

  const absl::Status& status() const { return status_; }
  // InvalidArgument or Unimplemented that begins with the operator's type.
  absl::Status Wrong(std::string_view what) const;
  absl::Status Unsure(std::string_view what) const;
  absl::Status NeedType(size_t i, std::initializer_list<v1::DataType> types) const;
  absl::Status NeedFloats() const;  // every input
  absl::Status NeedElements(size_t i, int64_t count) const;
  absl::StatusOr<int64_t> Axis(int64_t axis, size_t rank) const;  // as canonical_axis_index

 private:
  const caffe2::Argument* Find(std::string_view name) const;
  Dims List(std::string_view name, bool narrow) const;
  void Remember(absl::Status status) const;

  const caffe2::OperatorDef& op_;
  const std::vector<BlobShape>& inputs_;
  const KnownInts& known_;
  mutable absl::Status status_;
};

struct Produced {
  Dims dims;
  v1::DataType type = v1::DATA_TYPE_FLOAT32;
};
// At least as many as the operator can have; what it does not name is dropped.
using Outputs = std::vector<Produced>;
using ShapeRule = absl::StatusOr<Outputs> (*)(const OpCall& call);

// Which inputs Caffe2's schema lets be an output at the same time.
enum class InPlace { kNo, kFirst, kFirstTwo };

inline constexpr int kAny = INT32_MAX;

struct OperatorRow {
  std::string_view type;
  int least_inputs;
  int most_inputs;
  int least_outputs;
  int most_outputs;
  InPlace in_place;
  ShapeRule rule;
};

std::span<const OperatorRow> WindowOperators();       // Conv, pools, LRN, PadImage
std::span<const OperatorRow> ElementwiseOperators();  // one or several inputs, broadcast
std::span<const OperatorRow> MatrixOperators();       // FC, normalisation by channel
std::span<const OperatorRow> LayoutOperators();       // Concat, Split, Reshape, Transpose
std::span<const OperatorRow> SelectOperators();       // Slice, Gather, Reduce.., Resize.., Cast
std::span<const OperatorRow> FillOperators();

// Product of dims[begin, end); they are bounded by CheckBlobSize.
int64_t Volume(const Dims& dims, size_t begin = 0, size_t end = SIZE_MAX);

// Caffe2's element types that can be sent; Unimplemented for the others.
absl::StatusOr<v1::DataType> TypeOfCaffe2(const OpCall& call, int64_t type);

// The values of input i; Unimplemented, with `what` they are, where they are not known beforehand.
absl::StatusOr<Dims> KnownValues(const OpCall& call, size_t i, std::string_view what);

// Same type and shape as the first input; any type.
absl::StatusOr<Outputs> SameAsFirst(const OpCall& call);

}  // namespace synergy
