#include "client/watch/watch_view.h"

#include <algorithm>
#include <array>

namespace synergy {
namespace {

constexpr std::array<double, 6> kSpans = {10, 30, 60, 120, 300, 600};

double NextSpan(double span_s, bool longer) {
  const auto* at = std::ranges::find(kSpans, span_s);
  if (longer) return at + 1 < kSpans.end() ? at[1] : kSpans.back();
  return at != kSpans.end() && at != kSpans.begin() ? at[-1] : kSpans.front();
}

}  // namespace

void PressKey(char key, size_t devices, size_t rails, WatchView* view) {
  if (view->help && key != 'q') {
    view->help = false;
    return;
  }
  switch (key) {
    case 'q':
      view->quit = true;
      break;
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
      view->rails = rails == 0 ? 0 : (view->rails + 1) % (rails + 1);
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
      view->rails = 0;
      break;
    case '?':
      view->help = true;
      break;
    default:
      break;
  }
}

}  // namespace synergy
