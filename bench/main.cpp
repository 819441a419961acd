// thalweg-bench CASE [options] [--threads N] [--json]

#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <string>

#include "bench.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/threads.hpp"

namespace {

using namespace thalweg;

constexpr const char* usage =
    "thalweg-bench CASE [options] [--threads N] [--json]\n"
    "  step    --rows N --inputs D --widths 512,512,512 --outputs Q\n"
    "          an exact Gauss-Newton step against a gradient step\n"
    "  normal  --rows N --inputs D --widths 32,32 --outputs Q\n"
    "          the structured normal matrix against syrk of an explicit Jacobian\n"
    "  csv     --megabytes M\n"
    "          reading a table\n"
    "  teacher --rows N --seeds S --digits D --limit SECONDS\n"
    "          seconds to a training error of 10^-D, Levenberg-Marquardt against L-BFGS\n"
    "  logistic --data FILE --c 0.1,1,10 --solvers 0,7\n"
    "          seconds to LIBLINEAR's objective on a sparse table, newton against LIBLINEAR\n"
    "  margin-pass --rows N --columns D\n"
    "          the gradient of a linear model against reading its table\n"
    "  batch   --rows N --inputs D --widths 256,128 --outputs Q --batch B --precision float32 "
    "--updates U\n"
    "          an update of mini-batch training: gradient on a batch, and x -= eta g\n"
    "  watching --method M --data FILE --rows N --inputs D --widths 64,64 --batch B --steps plan "
    "--repeats R\n"
    "          a training run with and without watch for plateaus, diagnosis and certificates\n"
    "  escape  --dimensions 10,1000,100000 --seeds S\n"
    "          steps of perturbed descent out of saddles, published against practical constants\n"
    "Without --json one line per number. Times are medians of repeats, in seconds.\n";

const std::map<std::string, bench::Json (*)(const std::map<std::string, std::string>&)> cases = {
    {"step", bench::step},       {"normal", bench::normal},     {"csv", bench::csv},
    {"teacher", bench::teacher}, {"logistic", bench::logistic}, {"margin-pass", bench::margin_pass},
    {"batch", bench::batch},     {"escape", bench::escape},     {"watching", bench::watching}};

struct CommandLine {
  std::string name;
  std::map<std::string, std::string> options;
  bool json = false, help = false;
};

CommandLine parse(int argc, char** argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      line.json = true;
    } else if (word == "--help" || word == "-h") {
      line.help = true;
    } else if (word.starts_with("--")) {
      const auto equals = word.find('=');
      if (equals != std::string::npos)
        line.options[word.substr(2, equals - 2)] = word.substr(equals + 1);
      else if (i + 1 < argc)
        line.options[word.substr(2)] = argv[++i];
      else
        throw UsageError(word + " needs a value");
    } else if (line.name.empty()) {
      line.name = word;
    } else {
      throw UsageError("unexpected argument '" + word + "'");
    }
  }
  return line;
}

void print(const bench::Json& result, const std::string& indent) {
  for (const auto& [name, value] : result.items()) {
    if (value.is_object()) {
      std::cout << indent << name << '\n';
      print(value, indent + "  ");
    } else {
      std::cout << indent << name << "  " << value << '\n';
    }
  }
}

void run(CommandLine line) {
  if (line.help) {
    std::cout << usage;
    return;
  }
  const auto chosen = cases.find(line.name);
  if (chosen == cases.end())
    throw UsageError(
        line.name.empty() ? "no case given" : "unknown case '" + line.name + "'",
        "use step, normal, csv, teacher, logistic, margin-pass, batch, escape or watching");
  if (const auto found = line.options.find("threads"); found != line.options.end()) {
    const bench::Options threads({{"threads", found->second}}, {});
    set_threads(static_cast<int>(threads.number("threads")));
    line.options.erase(found);
  }
  const bench::Json result = chosen->second(line.options);
  if (line.json)
    std::cout << result << '\n';
  else
    print(result, "");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const UsageError& error) {
    std::cerr << "error: " << error.what() << '\n' << usage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 4;
  }
}
