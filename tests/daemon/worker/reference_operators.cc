#include "tests/daemon/worker/reference_operators.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <string>

namespace synergy {
namespace {

class Arguments {
 public:
  explicit Arguments(const caffe2::OperatorDef& op) {
    for (const caffe2::Argument& a : op.arg()) by_name_[a.name()] = &a;
  }
  int64_t Int(const std::string& name, int64_t otherwise) const {
    return by_name_.contains(name) ? by_name_.at(name)->i() : otherwise;
  }
  double Float(const std::string& name, double otherwise) const {
    return by_name_.contains(name) ? static_cast<double>(by_name_.at(name)->f()) : otherwise;
  }
  std::vector<int64_t> Ints(const std::string& name) const {
    if (!by_name_.contains(name)) return {};
    return {by_name_.at(name)->ints().begin(), by_name_.at(name)->ints().end()};
  }

 private:
  std::map<std::string, const caffe2::Argument*> by_name_;
};

// The sliding window of a convolution or a pool.
struct Sliding {
  int64_t kernel_h, kernel_w, stride_h, stride_w, pad_t, pad_l, pad_b, pad_r, dilation;

  explicit Sliding(const Arguments& a)
      : kernel_h(a.Int("kernel_h", a.Int("kernel", 1))),
        kernel_w(a.Int("kernel_w", a.Int("kernel", 1))),
        stride_h(a.Int("stride_h", a.Int("stride", 1))),
        stride_w(a.Int("stride_w", a.Int("stride", 1))),
        pad_t(a.Int("pad_t", a.Int("pad", 0))),
        pad_l(a.Int("pad_l", a.Int("pad", 0))),
        pad_b(a.Int("pad_b", a.Int("pad", 0))),
        pad_r(a.Int("pad_r", a.Int("pad", 0))),
        dilation(a.Int("dilation", 1)) {}

  int64_t OutH(int64_t h) const {
    return (h + pad_t + pad_b - dilation * (kernel_h - 1) - 1) / stride_h + 1;
  }
  int64_t OutW(int64_t w) const {
    return (w + pad_l + pad_r - dilation * (kernel_w - 1) - 1) / stride_w + 1;
  }
};

Array Zeros(std::vector<int64_t> dims) {
  const int64_t size = std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
  return {std::move(dims), std::vector<double>(static_cast<size_t>(size), 0.0)};
}

double& At(Array& a, int64_t n, int64_t c, int64_t h, int64_t w) {
  return a.values[static_cast<size_t>(((n * a.dims[1] + c) * a.dims[2] + h) * a.dims[3] + w)];
}
double At(const Array& a, int64_t n, int64_t c, int64_t h, int64_t w) {
  return a.values[static_cast<size_t>(((n * a.dims[1] + c) * a.dims[2] + h) * a.dims[3] + w)];
}

// Calls f(n, c, h, w) for every place of a four-dimensional array.
template <typename F>
void ForEachPlace(const std::vector<int64_t>& dims, const F& f) {
  for (int64_t n = 0; n < dims[0]; ++n) {
    for (int64_t c = 0; c < dims[1]; ++c) {
      for (int64_t h = 0; h < dims[2]; ++h) {
        for (int64_t w = 0; w < dims[3]; ++w) f(n, c, h, w);
      }
    }
  }
}

// Calls f(y, x, ky, kx) for every place of the input under the window at (h, w), padding left out.
template <typename F>
void ForEachTap(const Sliding& s, const Array& x, int64_t h, int64_t w, const F& f) {
  for (int64_t ky = 0; ky < s.kernel_h; ++ky) {
    const int64_t y = h * s.stride_h - s.pad_t + ky * s.dilation;
    if (y < 0 || y >= x.dims[2]) continue;
    for (int64_t kx = 0; kx < s.kernel_w; ++kx) {
      const int64_t column = w * s.stride_w - s.pad_l + kx * s.dilation;
      if (column >= 0 && column < x.dims[3]) f(y, column, ky, kx);
    }
  }
}

// Cross-correlation, as all frameworks call it convolution.
Array Conv(const Arguments& a, const std::vector<Array>& in) {
  const Sliding s(a);
  const Array& x = in[0];
  const Array& weight = in[1];
  const int64_t group_inputs = weight.dims[1];
  const int64_t group_outputs = weight.dims[0] / a.Int("group", 1);
  Array y = Zeros({x.dims[0], weight.dims[0], s.OutH(x.dims[2]), s.OutW(x.dims[3])});
  ForEachPlace(y.dims, [&](int64_t n, int64_t m, int64_t h, int64_t w) {
    double sum = in.size() > 2 ? in[2].values[static_cast<size_t>(m)] : 0.0;
    const int64_t first_input = m / group_outputs * group_inputs;
    for (int64_t c = 0; c < group_inputs; ++c) {
      ForEachTap(s, x, h, w, [&](int64_t row, int64_t column, int64_t ky, int64_t kx) {
        sum += At(x, n, first_input + c, row, column) * At(weight, m, c, ky, kx);
      });
    }
    At(y, n, m, h, w) = sum;
  });
  return y;
}

Array Pool(const Arguments& a, const Array& x, bool average) {
  Sliding s(a);
  if (a.Int("global_pooling", 0) != 0) {
    s.kernel_h = x.dims[2];
    s.kernel_w = x.dims[3];
  }
  Array y = Zeros({x.dims[0], x.dims[1], s.OutH(x.dims[2]), s.OutW(x.dims[3])});
  ForEachPlace(y.dims, [&](int64_t n, int64_t c, int64_t h, int64_t w) {
    double sum = 0;
    double largest = -std::numeric_limits<double>::infinity();
    int64_t count = 0;
    ForEachTap(s, x, h, w, [&](int64_t row, int64_t column, int64_t, int64_t) {
      sum += At(x, n, c, row, column);
      largest = std::max(largest, At(x, n, c, row, column));
      ++count;
    });
    if (a.Int("count_include_pad", 0) != 0) count = s.kernel_h * s.kernel_w;
    At(y, n, c, h, w) = average ? sum / static_cast<double>(count) : largest;
  });
  return y;
}

// x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta
Array Lrn(const Arguments& a, const Array& x) {
  const int64_t size = a.Int("size", 0);
  const double alpha = a.Float("alpha", 0) / static_cast<double>(size);
  Array y = Zeros(x.dims);
  ForEachPlace(y.dims, [&](int64_t n, int64_t c, int64_t h, int64_t w) {
    double squares = 0;
    const int64_t first = c - (size - 1) / 2;
    for (int64_t k = std::max<int64_t>(first, 0); k < std::min(first + size, x.dims[1]); ++k) {
      squares += At(x, n, k, h, w) * At(x, n, k, h, w);
    }
    At(y, n, c, h, w) =
        At(x, n, c, h, w) * std::pow(a.Float("bias", 1) + alpha * squares, -a.Float("beta", 0));
  });
  return y;
}

Array SpatialBn(const Arguments& a, const std::vector<Array>& in) {
  Array y = Zeros(in[0].dims);
  ForEachPlace(y.dims, [&](int64_t n, int64_t c, int64_t h, int64_t w) {
    const auto of = [&](size_t input) { return in[input].values[static_cast<size_t>(c)]; };
    const double deviation = std::sqrt(of(4) + a.Float("epsilon", 1e-5));
    At(y, n, c, h, w) = of(1) * (At(in[0], n, c, h, w) - of(3)) / deviation + of(2);
  });
  return y;
}

int64_t Product(const std::vector<int64_t>& dims, size_t begin, size_t end) {
  return std::accumulate(dims.begin() + static_cast<std::ptrdiff_t>(begin),
                         dims.begin() + static_cast<std::ptrdiff_t>(end), int64_t{1},
                         std::multiplies<>());
}

Array FullyConnected(const std::vector<Array>& in) {
  const int64_t rows = in[0].dims[0];
  const int64_t inner = in[0].size() / rows;
  const int64_t columns = in[1].dims[0];
  Array y = Zeros({rows, columns});
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < columns; ++n) {
      double sum = in[2].values[static_cast<size_t>(n)];
      for (int64_t k = 0; k < inner; ++k) {
        sum += in[0].values[static_cast<size_t>(m * inner + k)] *
               in[1].values[static_cast<size_t>(n * inner + k)];
      }
      y.values[static_cast<size_t>(m * columns + n)] = sum;
    }
  }
  return y;
}

Array Softmax(const Arguments& a, const Array& x) {
  const size_t axis = static_cast<size_t>(a.Int("axis", 1));
  const int64_t rows = Product(x.dims, 0, axis);
  const int64_t columns = Product(x.dims, axis, x.dims.size());
  Array y = x;
  for (int64_t r = 0; r < rows; ++r) {
    const auto begin = y.values.begin() + r * columns;
    const auto end = begin + columns;
    const double largest = *std::max_element(begin, end);
    std::transform(begin, end, begin, [&](double v) { return std::exp(v - largest); });
    const double sum = std::accumulate(begin, end, 0.0);
    std::transform(begin, end, begin, [&](double v) { return v / sum; });
  }
  return y;
}

Array Concat(const Arguments& a, const std::vector<Array>& in) {
  const size_t axis = static_cast<size_t>(a.Int("axis", 1));
  std::vector<int64_t> dims = in[0].dims;
  dims[axis] = 0;
  for (const Array& x : in) dims[axis] += x.dims[axis];
  Array y = {dims, {}};
  for (int64_t outer = 0; outer < Product(dims, 0, axis); ++outer) {
    for (const Array& x : in) {
      const int64_t block = Product(x.dims, axis, dims.size());
      y.values.insert(y.values.end(), x.values.begin() + outer * block,
                      x.values.begin() + (outer + 1) * block);
    }
  }
  return y;
}

// The first of equal parts.
Array Split(const Arguments& a, const Array& x, int64_t parts) {
  const size_t axis = static_cast<size_t>(a.Int("axis", 1));
  Array y = {x.dims, {}};
  y.dims[axis] /= parts;
  const int64_t block = Product(x.dims, axis, x.dims.size());
  for (int64_t outer = 0; outer < Product(x.dims, 0, axis); ++outer) {
    y.values.insert(y.values.end(), x.values.begin() + outer * block,
                    x.values.begin() + outer * block + block / parts);
  }
  return y;
}

Array Transpose(const Arguments& a, const Array& x) {
  const std::vector<int64_t> axes = a.Ints("axes");
  std::vector<int64_t> dims;
  for (const int64_t axis : axes) dims.push_back(x.dims[static_cast<size_t>(axis)]);
  Array y = Zeros(dims);
  for (int64_t i = 0; i < y.size(); ++i) {
    // The place of element i in y, from the last axis to the first, and the same element in x.
    int64_t rest = i;
    int64_t from = 0;
    for (size_t k = dims.size(); k-- > 0;) {
      const size_t axis = static_cast<size_t>(axes[k]);
      from += rest % dims[k] * Product(x.dims, axis + 1, x.dims.size());
      rest /= dims[k];
    }
    y.values[static_cast<size_t>(i)] = x.values[static_cast<size_t>(from)];
  }
  return y;
}

Array ChannelShuffle(const Arguments& a, const Array& x) {
  const int64_t groups = a.Int("group", 1);
  const int64_t in_group = x.dims[1] / groups;
  Array y = Zeros(x.dims);
  ForEachPlace(y.dims, [&](int64_t n, int64_t c, int64_t h, int64_t w) {
    At(y, n, c, h, w) = At(x, n, c % groups * in_group + c / groups, h, w);
  });
  return y;
}

Array Reshape(const Arguments& a, const Array& x) {
  Array y = {a.Ints("shape"), x.values};
  for (size_t k = 0; k < y.dims.size(); ++k) {
    if (y.dims[k] == 0) y.dims[k] = x.dims[k];
  }
  for (int64_t& d : y.dims) {
    if (d == -1) d = -x.size() / Product(y.dims, 0, y.dims.size());  // the product holds the -1
  }
  return y;
}

Array Flatten(const Arguments& a, const Array& x) {
  const size_t axis = static_cast<size_t>(a.Int("axis", 1));
  return {{Product(x.dims, 0, axis), Product(x.dims, axis, x.dims.size())}, x.values};
}

Array Map(Array x, const std::function<double(double)>& f) {
  std::transform(x.values.begin(), x.values.end(), x.values.begin(), f);
  return x;
}

Array Sum(const std::vector<Array>& in) {
  Array y = in[0];
  for (size_t i = 1; i < in.size(); ++i) {
    std::transform(y.values.begin(), y.values.end(), in[i].values.begin(), y.values.begin(),
                   std::plus<>());
  }
  return y;
}

}  // namespace

std::optional<Array> ReferenceOutput(const caffe2::OperatorDef& op, const std::vector<Array>& in) {
  const Arguments a(op);
  const std::string& type = op.type();
  if (type == "Conv") return Conv(a, in);
  if (type == "FC") return FullyConnected(in);
  if (type == "MaxPool") return Pool(a, in[0], false);
  if (type == "AveragePool") return Pool(a, in[0], true);
  if (type == "Relu") return Map(in[0], [](double v) { return std::max(v, 0.0); });
  if (type == "Clip") {
    return Map(in[0],
               [&](double v) { return std::clamp(v, a.Float("min", 0), a.Float("max", 0)); });
  }
  if (type == "LRN") return Lrn(a, in[0]);
  if (type == "Softmax") return Softmax(a, in[0]);
  if (type == "Sum") return Sum(in);
  if (type == "SpatialBN") return SpatialBn(a, in);
  if (type == "Concat") return Concat(a, in);
  if (type == "Split") return Split(a, in[0], op.output_size());
  if (type == "Dropout" || type == "Copy") return in[0];
  if (type == "Reshape") return Reshape(a, in[0]);
  if (type == "Flatten") return Flatten(a, in[0]);
  if (type == "Transpose") return Transpose(a, in[0]);
  if (type == "ChannelShuffle") return ChannelShuffle(a, in[0]);
  return std::nullopt;
}

}  // namespace synergy
