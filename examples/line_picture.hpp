// Forecast against run as one SVG picture: the loss over flow time, lines as promised before the
// first step, dots as measured.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "thalweg/method/adapted_flow.hpp"

namespace thalweg {

inline void draw_forecast_against_run(const std::string& path,
                                      const std::vector<std::vector<StepRecord>>& traces,
                                      double samples, double target) {
  constexpr double width = 760, height = 420, left = 78, right = 24, top = 54, bottom = 58;
  constexpr double highest = 1, lowest = -9;  // decades of the loss
  constexpr double tick = 50;                 // flow time
  const char* colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00"};
  double longest = 0;
  for (const auto& trace : traces) longest = std::max(longest, trace.back().flow_time.value_or(0));
  const double end = tick * std::ceil(1.02 * longest / tick);
  const auto px = [&](double s) { return left + (width - left - right) * s / end; };
  const auto py = [&](double loss) {
    return top + (height - top - bottom) * (highest - std::log10(loss)) / (highest - lowest);
  };

  std::ofstream svg(path);
  svg << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
      "font-size=\"13\" fill=\"#222\">\n<title>Forecast against run</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      width, height);
  svg << fmt::format(
      "<text x=\"{}\" y=\"24\" font-size=\"16\">Training loss: promised before the "
      "first step (lines), measured during the run (dots)</text>\n",
      left);
  for (int decade = static_cast<int>(lowest) + 1; decade <= 0; decade += 2) {
    const double y = py(std::pow(10, decade));
    svg << fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"#e4e4e4\"/>\n", left, y,
                       width - right);
    svg << fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">10<tspan dy=\"-5\" "
        "font-size=\"10\">{}</tspan></text>\n",
        left - 8, y + 4, decade);
  }
  for (double s = 0; s <= end; s += tick)
    svg << fmt::format(
        "<path d=\"M{0:.1f} {1:.1f}v5\" stroke=\"#222\"/><text x=\"{0:.1f}\" y=\"{2:.1f}\" "
        "text-anchor=\"middle\">{3:.0f}</text>\n",
        px(s), height - bottom, height - bottom + 20, s);
  svg << fmt::format(
      "<path d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\" fill=\"none\" "
      "stroke=\"#222\"/>\n",
      left, top, height - bottom, width - right);
  svg << fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">flow time s</text>\n",
                     (left + width - right) / 2, height - 16);
  svg << fmt::format(
      "<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"#222\" "
      "stroke-dasharray=\"2 4\"/>\n<text x=\"{:.1f}\" y=\"{:.1f}\">target</text>\n",
      left, py(target), width - right, left + 6, py(target) - 6);
  for (std::size_t k = 0; k < traces.size(); ++k) {
    const double initial = traces[k].front().value;
    const double promised = flow_time_to(samples, initial, target);
    const char* colour = colours[k % 5];
    svg << fmt::format(
        "<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\" "
        "stroke-width=\"1.2\"/>\n",
        px(0), py(initial), px(promised), py(target), colour);
    for (const StepRecord& record : traces[k])
      if (record.accepted)
        svg << fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n",
                           px(record.flow_time.value_or(0)), py(record.value), colour);
    const double row = top + 12 + 19 * static_cast<double>(k);
    svg << fmt::format(
        "<circle cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"4\" fill=\"{2}\"/><text x=\"{3:.1f}\" "
        "y=\"{4:.1f}\">seed {5}: promised s* {6:.1f}</text>\n",
        width - 226.0, row, colour, width - 214.0, row + 4, k + 1, promised);
  }
  svg << "</svg>\n";
}

}  // namespace thalweg
