#include "client/report/model_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "client/report/text_table.h"
#include "common/op_cost.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

constexpr double kMega = 1e-6;

// About three digits that say something.
std::string Number(double value) {
  if (value == 0) return "0";
  const char* const format = value < 0.995 ? "{:.2f}" : value < 99.95 ? "{:.1f}" : "{:.0f}";
  return fmt::format(fmt::runtime(format), value);
}

std::string Number(int64_t value, double scale) {
  return Number(static_cast<double>(value) * scale);
}

std::string Percent(const std::optional<double>& percent) {
  return percent ? fmt::format("{:.1f}", *percent) : "-";
}

// FLOPs for each byte that has to be moved; absent where none is moved.
std::optional<double> Intensity(const OpCost& cost) {
  const int64_t bytes = cost.bytes_read + cost.bytes_written;
  if (bytes == 0) return std::nullopt;
  return static_cast<double>(cost.flops) / static_cast<double>(bytes);
}

std::string IntensityText(const OpCost& cost) {
  const std::optional<double> intensity = Intensity(cost);
  return intensity ? Number(*intensity) : "-";
}

int64_t MacsOf(const Model& model, const std::string& type) {
  const auto found = model.macs_by_type.find(type);
  return found == model.macs_by_type.end() ? 0 : found->second;
}

// ---- list

struct ListColumn {
  TextTable::Column column;
  std::string (*cell)(const ZooModel&);
  int worth = 0;  // the lowest goes first where the terminal is narrow
};

const std::vector<ListColumn>& ListColumns() {
  static const auto* const columns = new std::vector<ListColumn>{
      {{"network", TextTable::Align::kLeft},
       [](const ZooModel& m) { return std::string(m.entry->name); },
       9},
      {{"input"},
       [](const ZooModel& m) { return fmt::format("{}", fmt::join(m.entry->input, "x")); },
       5},
      {{"ops"}, [](const ZooModel& m) { return fmt::format("{}", m.model.layers.size()); }, 6},
      {{"MMACs"}, [](const ZooModel& m) { return Number(m.model.total.macs, kMega); }, 9},
      {{"Conv"}, [](const ZooModel& m) { return Number(MacsOf(m.model, "Conv"), kMega); }, 2},
      {{"FC"}, [](const ZooModel& m) { return Number(MacsOf(m.model, "FC"), kMega); }, 1},
      {{"Mparams"}, [](const ZooModel& m) { return Number(m.model.total.params, kMega); }, 8},
      {{"wts MB"}, [](const ZooModel& m) { return Number(m.model.total.params_bytes, kMega); }, 4},
      {{"act MB"},
       [](const ZooModel& m) { return Number(m.model.peak_activation_bytes, kMega); },
       7},
      {{"top-1"},
       [](const ZooModel& m) {
         return Percent(m.entry->published_accuracy ? m.entry->published_accuracy->top1_percent
                                                    : std::nullopt);
       },
       3},
      {{"top-5"},
       [](const ZooModel& m) {
         return Percent(m.entry->published_accuracy ? m.entry->published_accuracy->top5_percent
                                                    : std::nullopt);
       },
       0},
  };
  return *columns;
}

std::string ListTable(const std::vector<ZooModel>& models, int least_worth) {
  std::vector<TextTable::Column> shown;
  for (const ListColumn& column : ListColumns()) {
    if (column.worth >= least_worth) shown.push_back(column.column);
  }
  TextTable table(shown);
  for (const ZooModel& model : models) {
    std::vector<std::string> cells;
    for (const ListColumn& column : ListColumns()) {
      if (column.worth >= least_worth) cells.push_back(column.cell(model));
    }
    table.AddRow(std::move(cells));
  }
  return table.Text();
}

// ---- JSON

ordered_json PublishedJson(const ZooEntry& entry) {
  ordered_json json;
  json["macs"] = ordered_json::array();
  for (const PublishedMacs& published : entry.published_macs) {
    json["macs"].push_back(
        {{"macs", published.macs},
         {"scope", published.scope == MacScope::kConvolutions ? "convolutions" : "all"},
         {"source", published.source},
         {"note", published.note.empty() ? ordered_json() : ordered_json(published.note)}});
  }
  json["params"] = ordered_json::array();
  for (const PublishedParams& published : entry.published_params) {
    json["params"].push_back(
        {{"params", published.params},
         {"source", published.source},
         {"note", published.note.empty() ? ordered_json() : ordered_json(published.note)}});
  }
  json["accuracy"] = nullptr;
  if (const auto& accuracy = entry.published_accuracy) {
    const auto number = [](const std::optional<double>& value) {
      return value ? ordered_json(*value) : ordered_json();
    };
    json["accuracy"] = {{"data", accuracy->data},
                        {"top1_percent", number(accuracy->top1_percent)},
                        {"top5_percent", number(accuracy->top5_percent)},
                        {"source", accuracy->source}};
  }
  return json;
}

ordered_json SummaryJson(const ZooModel& zoo_model) {
  const Model& model = zoo_model.model;
  ordered_json json;
  json["name"] = zoo_model.entry->name;
  json["variant"] = zoo_model.entry->variant;
  json["paper"] = zoo_model.entry->paper;
  json["input"] = zoo_model.entry->input;
  json["layers"] = model.layers.size();
  json["macs"] = model.total.macs;
  json["macs_by_type"] = ordered_json::object();
  for (const auto& [type, macs] : model.macs_by_type) json["macs_by_type"][type] = macs;
  json["flops"] = model.total.flops;
  json["params"] = model.total.params;
  json["weight_bytes"] = model.total.params_bytes;
  json["activation_bytes"] = model.activation_bytes;
  json["peak_activation_bytes"] = model.peak_activation_bytes;
  json["published"] = PublishedJson(*zoo_model.entry);
  return json;
}

ordered_json ShapesJson(const std::vector<BlobShape>& blobs) {
  ordered_json shapes = ordered_json::array();
  for (const BlobShape& blob : blobs) shapes.push_back(blob.dims);
  return shapes;
}

ordered_json CostJson(const OpCost& cost) {
  const std::optional<double> intensity = Intensity(cost);
  return {{"macs", cost.macs},
          {"flops", cost.flops},
          {"bytes_read", cost.bytes_read},
          {"bytes_written", cost.bytes_written},
          {"params", cost.params},
          {"flops_per_byte", intensity ? ordered_json(*intensity) : ordered_json()}};
}

// ---- show

// Without the batch, which is 1.
std::string ImageShape(const BlobShape& blob) {
  return FormatShape({blob.dims.begin() + (blob.dims.size() > 1 ? 1 : 0), blob.dims.end()});
}

// The first input, and how many others come in with it.
std::string InputText(const Layer& layer) {
  const bool has_weights = layer.cost.params_bytes > 0;
  const size_t others = has_weights ? 0 : layer.inputs.size() - 1;
  return ImageShape(layer.inputs[0]) + (others > 0 ? fmt::format(" +{}", others) : "");
}

// Of a convolution or a fully connected layer.
std::string FilterText(const Layer& layer) {
  if (layer.cost.macs == 0 || layer.cost.params == 0) return "";
  return FormatShape(layer.inputs[1].dims);
}

std::string OperatorsText(const Model& model) {
  TextTable table({{"#"},
                   {"operator", TextTable::Align::kLeft},
                   {"type", TextTable::Align::kLeft},
                   {"input"},
                   {"weights"},
                   {"output"},
                   {"MMACs"},
                   {"kB"},
                   {"FLOP/B"}});
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    const int64_t bytes = layer.cost.bytes_read + layer.cost.bytes_written;
    table.AddRow({fmt::format("{}", i), layer.name, layer.type, InputText(layer), FilterText(layer),
                  ImageShape(layer.outputs[0]),
                  layer.cost.macs > 0 ? Number(layer.cost.macs, kMega) : "", Number(bytes, 1e-3),
                  IntensityText(layer.cost)});
  }
  return table.Text();
}

struct TypeSum {
  int operators = 0;
  OpCost cost;  // within the network's total, which did not overflow
};

std::string TypesText(const Model& model) {
  std::map<std::string, TypeSum> types;
  for (const Layer& layer : model.layers) {
    for (TypeSum* sum : {&types[layer.type], &types["total"]}) {
      ++sum->operators;
      sum->cost = AddCosts(sum->cost, layer.cost).value_or(sum->cost);
    }
  }
  std::vector<std::pair<std::string, TypeSum>> rows(types.begin(), types.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first != "total", a.second.cost.flops) >
           std::pair(b.first != "total", b.second.cost.flops);
  });
  TextTable table({{"type", TextTable::Align::kLeft},
                   {"ops"},
                   {"MMACs"},
                   {"MFLOP"},
                   {"MB"},
                   {"FLOP/B"},
                   {"Mparams"}});
  for (const auto& [type, sum] : rows) {
    table.AddRow({type, fmt::format("{}", sum.operators), Number(sum.cost.macs, kMega),
                  Number(sum.cost.flops, kMega),
                  Number(sum.cost.bytes_read + sum.cost.bytes_written, kMega),
                  IntensityText(sum.cost), Number(sum.cost.params, kMega)});
  }
  return table.Text();
}

// A line for each published figure: ours, how far it is away, and whose it is.
std::string PublishedText(const ZooEntry& entry, const Model& model) {
  std::string text;
  const auto line = [&](const std::string& what, int64_t ours, double published,
                        std::string_view source, std::string_view note) {
    text += fmt::format("  {} {:.3f} M, {:+.1f} % from {:.3f} M: {}{}\n", what,
                        static_cast<double>(ours) * kMega,
                        100.0 * (static_cast<double>(ours) / published - 1.0), published * kMega,
                        source, note.empty() ? "" : fmt::format(" ({})", note));
  };
  for (const PublishedMacs& published : entry.published_macs) {
    line(published.scope == MacScope::kConvolutions ? "MACs of convolutions" : "MACs",
         CountMacs(model, published.scope), published.macs, published.source, published.note);
  }
  for (const PublishedParams& published : entry.published_params) {
    line("parameters", model.total.params, published.params, published.source, published.note);
  }
  if (const auto& accuracy = entry.published_accuracy) {
    text += fmt::format("  {}, top-1 {} %, top-5 {} %: {}\n", accuracy->data,
                        Percent(accuracy->top1_percent), Percent(accuracy->top5_percent),
                        accuracy->source);
  }
  return text;
}

}  // namespace

std::string ModelsText(const std::vector<ZooModel>& models, size_t columns) {
  constexpr int kMostWorth = 9;
  std::string text = ListTable(models, 0);
  for (int least = 1; least <= kMostWorth && columns > 0; ++least) {
    // Every line of a table is as long as its rule, or shorter.
    const size_t begin = text.find('\n') + 1;
    if (text.find('\n', begin) - begin <= columns) break;
    text = ListTable(models, least);
  }
  return text +
         "\nFor one image. MMACs: million multiply-accumulates, of which Conv and FC. wts: weights."
         "\nact: the most activations that are needed at once. top-1, top-5: published accuracy in "
         "%.\nsynergyctl models show NETWORK says more of one; export writes its nets for any "
         "Caffe2.\n";
}

ordered_json ModelsJson(const std::vector<ZooModel>& models) {
  ordered_json list = ordered_json::array();
  for (const ZooModel& model : models) list.push_back(SummaryJson(model));
  return list;
}

std::string ModelText(const ZooModel& zoo_model) {
  const ZooEntry& entry = *zoo_model.entry;
  const Model& model = zoo_model.model;
  return fmt::format(
      "{}\n  {}\n  {}\nCounted here, and published\n{}\n{}\n{}\n"
      "For one image. kB: inputs, weights and outputs, each once. FLOP/B: arithmetic intensity.\n"
      "Activations: {} MB are needed at once, {} MB are kept by Caffe2.\n",
      entry.name, entry.variant, entry.paper, PublishedText(entry, model), OperatorsText(model),
      TypesText(model), Number(model.peak_activation_bytes, kMega),
      Number(model.activation_bytes, kMega));
}

ordered_json ModelJson(const ZooModel& zoo_model) {
  ordered_json json = SummaryJson(zoo_model);
  json["operators"] = ordered_json::array();
  for (const Layer& layer : zoo_model.model.layers) {
    ordered_json op;
    op["index"] = json["operators"].size();
    op["name"] = layer.name;
    op["type"] = layer.type;
    op["input_shapes"] = ShapesJson(layer.inputs);
    op["output_shapes"] = ShapesJson(layer.outputs);
    op.update(CostJson(layer.cost));
    json["operators"].push_back(std::move(op));
  }
  return json;
}

}  // namespace synergy
