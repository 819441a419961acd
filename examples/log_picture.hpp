// Lines as one SVG picture: a logarithmic axis y over a logarithmic or a linear axis x.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace thalweg {

struct LogLine {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< x > 0 and log10 y
  bool dots = false;                              ///< mark every point
};

struct LogPicture {
  std::string title, x_name;
  int first_x, last_x;                      ///< decades; with tick_x, ticks
  int first_y, last_y;                      ///< decades, lowest first
  double legend_x = 0.05, legend_y = 0.95;  ///< its top left corner, in shares of the frame
  std::vector<LogLine> lines = {};
  double tick_x = 0;  ///< above 0: the axis x is linear, with ticks so far apart

  void write(const std::string& path) const;

 private:
  static constexpr double width = 760, height = 440, left = 62, right = 20, top = 44, bottom = 52;

  double px(double x) const {
    const double place = tick_x > 0 ? x / tick_x : std::log10(x);
    return left + (width - left - right) * (place - first_x) / (last_x - first_x);
  }
  double py(double log_y) const {
    return top + (height - top - bottom) * (last_y - log_y) / (last_y - first_y);
  }
  std::string frame() const;
  std::string line(const LogLine& line, const char* colour) const;
  std::string legend_entry(const std::string& name, const char* colour, std::size_t row) const;
};

inline std::string power_of_ten(double x, double y, const char* anchor, int exponent) {
  return fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">10<tspan dy=\"-5\" "
      "font-size=\"10\">{}</tspan></text>\n",
      x, y, anchor, exponent);
}

inline std::string LogPicture::frame() const {
  std::string svg;
  const int step = last_y - first_y > 8 ? 2 : 1;
  for (int decade = first_y; decade <= last_y; decade += step) {
    svg += fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"#e4e4e4\"/>\n", left, py(decade),
                       width - right);
    svg += power_of_ten(left - 8, py(decade) + 4, "end", decade);
  }
  for (int tick = first_x; tick <= last_x; ++tick) {
    const double value = tick_x > 0 ? tick * tick_x : std::pow(10, tick);
    const double x = px(value), y = height - bottom + 21;
    svg += fmt::format("<path d=\"M{:.1f} {:.1f}v5\" stroke=\"#222\"/>\n", x, height - bottom);
    svg += tick_x > 0
               ? fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                             x, y, value)
               : power_of_ten(x, y, "middle", tick);
  }
  svg +=
      fmt::format("<path d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\" fill=\"none\" stroke=\"#222\"/>\n",
                  left, top, height - bottom, width - right);
  return svg + fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                           (left + width - right) / 2, height - 12, x_name);
}

inline std::string LogPicture::line(const LogLine& line, const char* colour) const {
  std::string path, dots;
  for (const auto& [x, log_y] : line.points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", px(x), py(log_y));
    if (line.dots)
      dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"/>\n", px(x),
                          py(log_y), colour);
  }
  return fmt::format(
             "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" "
             "stroke-linejoin=\"round\"/>\n",
             path, colour) +
         dots;
}

inline std::string LogPicture::legend_entry(const std::string& name, const char* colour,
                                            std::size_t row) const {
  const double x = left + legend_x * (width - left - right);
  const double y = top + (1 - legend_y) * (height - top - bottom) + 19 * static_cast<double>(row);
  return fmt::format(
      "<path d=\"M{0:.1f} {1:.1f}h22\" stroke=\"{2}\" stroke-width=\"2.5\"/>"
      "<text x=\"{3:.1f}\" y=\"{4:.1f}\">{5}</text>\n",
      x, y, colour, x + 30, y + 4, name);
}

inline void LogPicture::write(const std::string& path) const {
  const char* colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                           "#8a6d00", "#56b4e9", "#444444"};
  std::ofstream svg(path);
  svg << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n<title>{2}</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
      "<text x=\"{3}\" y=\"25\" font-size=\"16\">{2}</text>\n",
      width, height, title, left);
  svg << frame();
  for (std::size_t k = 0; k < lines.size(); ++k)
    svg << line(lines[k], colours[k % 7]) << legend_entry(lines[k].name, colours[k % 7], k);
  svg << "</svg>\n";
}

}  // namespace thalweg
