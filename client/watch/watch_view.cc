#include "client/watch/watch_view.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

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

void PressKey(char key, size_t devices, size_t rails, WatchView* view) {
  const bool quits = key == 'q' || key == kControlBackslash;
  if (view->help && !quits) {
    view->help = false;
    return;
  }
  if (key >= '1' && key <= '9') {
    return ToggleRail(static_cast<size_t>(key - '1'), rails, &view->rails);
  }
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
      NextRail(rails, &view->rails);
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
      break;
    case '\t':
      view->device = devices == 0 ? 0 : (view->device + 1) % devices;
      view->rails.clear();
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
