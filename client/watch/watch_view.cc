#include "client/watch/watch_view.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "client/watch/key_sequence.h"

namespace synergy {
namespace {

constexpr std::array<double, 6> kSpans = {10, 30, 60, 120, 300, 600};

constexpr char kControlBackslash = '\x1c';  // which is to end a program, as Ctrl-C

double NextSpan(double span_s, bool longer) {
  const auto* at = std::ranges::find(kSpans, span_s);
  if (longer) return at + 1 < kSpans.end() ? at[1] : kSpans.back();
  return at != kSpans.end() && at != kSpans.begin() ? at[-1] : kSpans.front();
}

// All, each alone, all again.
void NextRail(size_t rails, std::set<size_t>* shown) {
  const size_t next = shown->empty() ? 0 : *shown->begin() + 1;
  const bool all = shown->size() > 1 || next >= rails;
  shown->clear();
  if (!all) shown->insert(next);
}

void ToggleRail(size_t rail, size_t rails, std::set<size_t>* shown) {
  if (rail >= rails) return;
  if (shown->empty()) {
    for (size_t i = 0; i < rails; ++i) shown->insert(i);
  }
  if (shown->erase(rail) == 0) shown->insert(rail);
  if (shown->size() == rails) shown->clear();
}

}  // namespace

size_t FirstOperator(const WatchView& view, const ShownBoard& shown) {
  const size_t beyond = shown.operators - std::min(shown.operators, shown.operator_rows);
  return std::min(view.first_operator, beyond);
}

void PressKey(char key, size_t devices, const ShownBoard& shown, WatchView* view) {
  const bool quits = key == 'q' || key == kControlBackslash;
  if (view->help && !quits) {
    view->help = false;
    return;
  }
  if (key >= '1' && key <= '9') {
    return ToggleRail(static_cast<size_t>(key - '1'), shown.rails, &view->rails);
  }
  view->first_operator = FirstOperator(*view, shown);
  if (quits) view->quit = true;
  switch (key) {
    case 'p':
      view->paused = !view->paused;
      break;
    case '+':
      view->span_s = NextSpan(view->span_s, false);
      break;
    case '-':
      view->span_s = NextSpan(view->span_s, true);
      break;
    case 'r':
      NextRail(shown.rails, &view->rails);
      break;
    case '0':
      view->rails.clear();
      break;
    case 'c':
      view->cores = !view->cores;
      break;
    case 's':
      view->order =
          view->order == OperatorOrder::kEnergy ? OperatorOrder::kNetwork : OperatorOrder::kEnergy;
      view->first_operator = 0;
      break;
    case kUpKey:
      view->first_operator -= std::min<size_t>(view->first_operator, 1);
      break;
    case kDownKey:
      ++view->first_operator;
      break;
    case kPageUpKey:
      view->first_operator -= std::min(view->first_operator, shown.operator_rows);
      break;
    case kPageDownKey:
      view->first_operator += shown.operator_rows;
      break;
    case '\t':
      view->device = devices == 0 ? 0 : (view->device + 1) % devices;
      view->rails.clear();
      view->first_operator = 0;
      break;
    case '?':
      view->help = true;
      break;
    default:
      break;
  }
}

std::vector<size_t> ShownRails(const WatchView& view, size_t device, size_t rails) {
  std::vector<size_t> all(rails), chosen;
  std::iota(all.begin(), all.end(), 0);
  if (device != view.device) return all;
  std::ranges::copy_if(all, std::back_inserter(chosen),
                       [&](size_t rail) { return view.rails.contains(rail); });
  return chosen.empty() ? all : chosen;
}

}  // namespace synergy
