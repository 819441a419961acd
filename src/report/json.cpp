// The record as JSON and back. Each section declares its fields once, in fields(); a Writer and a
// Reader walk the same declaration, so that what is written can be read.
#include <cmath>
#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "thalweg/report/report.hpp"

namespace thalweg::report {
namespace {

using Json = nlohmann::ordered_json;

// ---- names of enumerators

template <class Enum>
struct EnumNames;

template <>
struct EnumNames<Outcome> {
  static constexpr Outcome values[] = {
      Outcome::failed,        Outcome::diverged, Outcome::interrupted,     Outcome::converged,
      Outcome::early_stopped, Outcome::stalled,  Outcome::budget_exhausted};
};
template <>
struct EnumNames<Verdict> {
  static constexpr Verdict values[] = {Verdict::holds, Verdict::refuted, Verdict::undecided};
};
template <>
struct EnumNames<Status> {
  static constexpr Status values[] = {Status::pass, Status::fail, Status::unknown};
};
template <>
struct EnumNames<RankSource> {
  static constexpr RankSource values[] = {RankSource::jacobian, RankSource::gram};
};

template <>
struct EnumNames<CurvatureBound::Source> {
  using Source = CurvatureBound::Source;
  static constexpr Source values[] = {Source::none, Source::constant, Source::closed_form,
                                      Source::generalized_smoothness, Source::measured};
};

template <>
struct EnumNames<Separable> {
  static constexpr Separable values[] = {Separable::yes, Separable::no, Separable::undecided};
};

template <class Enum>
const char* name_of(Enum value) {
  return to_string(value);
}
const char* name_of(RankSource source) {
  return source == RankSource::jacobian ? "jacobian" : "gram";
}

const char* name_of(CurvatureBound::Source source) {
  switch (source) {
    case CurvatureBound::Source::closed_form: return "closed_form";
    case CurvatureBound::Source::generalized_smoothness: return "generalized_smoothness";
    default: return to_string(source);
  }
}

template <class Enum>
Enum enum_from(const std::string& name) {
  for (const Enum value : EnumNames<Enum>::values)
    if (name == name_of(value)) return value;
  throw std::invalid_argument("unknown word \"" + name + "\"");
}

// ---- the two directions

class Writer {
 public:
  explicit Writer(Json& object) : object_(object) {}

  template <class T>
  void operator()(const char* key, T& value) {
    Json encoded = encode(value);
    if (!encoded.is_null()) object_[key] = std::move(encoded);
  }
  /// Left out where there is nothing to say.
  template <class T>
  void unless_empty(const char* key, T& value) {
    if (!value.empty()) (*this)(key, value);
  }

  /// null stands for "absent" and is never written.
  static Json encode(double value) { return std::isfinite(value) ? Json(value) : Json(); }
  template <std::integral T>
  static Json encode(T value) {
    return value;
  }
  static Json encode(const std::string& text) { return text; }
  template <class T>
  requires std::is_enum_v<T>
  static Json encode(T value) { return name_of(value); }
  static Json encode(const std::map<std::string, std::string>& words) {
    Json object = Json::object();
    for (const auto& [key, word] : words) object[key] = word;
    return object;
  }
  static Json encode(const std::map<std::string, double>& numbers) {
    Json object = Json::object();
    for (const auto& [key, value] : numbers)
      if (std::isfinite(value)) object[key] = value;
    return object;
  }
  static Json encode(const Vector& v) {
    Json array = Json::array();
    for (const double value : v) array.push_back(encode(value));
    return array;
  }
  template <class T>
  static Json encode(std::vector<T>& items) {
    Json array = Json::array();
    for (T& item : items) array.push_back(encode(item));
    return array;
  }
  template <class T>
  static Json encode(std::optional<T>& value) {
    return value ? encode(*value) : Json();
  }
  template <class T>
  requires requires(Writer& writer, T& section) { fields(writer, section); }
  static Json encode(T& section) {
    Json object = Json::object();
    Writer writer(object);
    fields(writer, section);
    return object;
  }

 private:
  Json& object_;
};

class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  template <class T>
  void operator()(const char* key, T& value) {
    if (object_.contains(key)) decode(object_.at(key), value);
  }
  template <class T>
  void unless_empty(const char* key, T& value) {
    (*this)(key, value);
  }

  static void decode(const Json& json, double& value) { value = json.get<double>(); }
  static void decode(const Json& json, bool& value) { value = json.get<bool>(); }
  /// Integers that T holds; a cast of anything else would be undefined or wrap around.
  template <std::integral T>
  static void decode(const Json& json, T& value) {
    const bool fits = json.is_number_unsigned()
                          ? std::in_range<T>(json.get<std::uint64_t>())
                          : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
    if (!fits) throw std::invalid_argument("a whole number was expected, and one in range");
    value = json.get<T>();
  }
  static void decode(const Json& json, std::string& text) { text = json.get<std::string>(); }
  template <class T>
  requires std::is_enum_v<T>
  static void decode(const Json& json, T& value) { value = enum_from<T>(json.get<std::string>()); }
  static void decode(const Json& json, std::map<std::string, std::string>& words) {
    words = json.get<std::map<std::string, std::string>>();
  }
  static void decode(const Json& json, std::map<std::string, double>& numbers) {
    numbers = json.get<std::map<std::string, double>>();
  }
  static void decode(const Json& json, Vector& v) {
    const auto values = json.get<std::vector<double>>();
    v = Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
  }
  template <class T>
  static void decode(const Json& json, std::vector<T>& items) {
    items.clear();
    for (const Json& entry : json) decode(entry, items.emplace_back());
  }
  template <class T>
  static void decode(const Json& json, std::optional<T>& value) {
    decode(json, value.emplace());
  }
  template <class T>
  requires requires(Reader& reader, T& section) { fields(reader, section); }
  static void decode(const Json& json, T& section) {
    if (!json.is_object()) throw std::invalid_argument("an object was expected");
    Reader reader(json);
    fields(reader, section);
  }

 private:
  const Json& object_;
};

// ---- the sections, in the order of docs/report-schema.md

template <class Archive>
void fields(Archive& a, Manifest& m) {
  a("version", m.version);
  a("commit", m.commit);
  a("compiler", m.compiler);
  a("blas", m.blas);
  a("cpu", m.cpu);
  a("threads", m.threads);
  a("seed", m.seed);
  a("argv", m.argv);
  a("started", m.started);
}

template <class Archive>
void fields(Archive& a, DataSection& d) {
  a("file", d.file);
  a("rows", d.rows);
  a("features", d.features);
  a("targets", d.targets);
  a("train", d.train);
  a("validation", d.validation);
  a("test", d.test);
  a("dropped_rows", d.dropped_rows);
  a("dropped_columns", d.dropped_columns);
  a("task", d.task);
  a.unless_empty("classes", d.classes);
}

template <class Archive>
void fields(Archive& a, ProblemSection& p) {
  a("objective", p.objective);
  a("parameters", p.parameters);
  a("outputs", p.outputs);
  a.unless_empty("regime", p.regime);
  a.unless_empty("model", p.model);
  a.unless_empty("activation", p.activation);
}

template <class Archive>
void fields(Archive& a, RankReport& r) {
  a("rank", r.rank);
  a("full", r.full);
  a("rows", r.rows);
  a("columns", r.columns);
  a("tolerance", r.tolerance);
  a("sigma_min", r.sigma_min);
  a("sigma_max", r.sigma_max);
  a("condition", r.condition);
  a("source", r.source);
  a("conflicting_duplicates", r.conflicting_duplicates);
  a("duplicate_floor", r.duplicate_floor);
  a("floor", r.floor);
  a("projected_share", r.projected_share);
  a("residual_norm", r.residual_norm);
  a("curvature", r.curvature);
  a("curvature_ratio", r.curvature_ratio);
  a("trial_reduction", r.trial_reduction);
  a.unless_empty("warnings", r.warnings);
}

template <class Archive>
void fields(Archive& a, SeparabilityReport& s) {
  a("verdict", s.verdict);
  a("margin_lower", s.margin_lower);
  a("margin_upper", s.margin_upper);
  a("row_norm", s.row_norm);
  a.unless_empty("conflict", s.conflict);
  if (!s.conflict.empty()) a("equal_rows", s.equal_rows);
  a.unless_empty("tried", s.tried);
  a("seconds", s.seconds);
}

template <class Archive>
void fields(Archive& a, CriticalStep& c) {
  a("stepsize", c.stepsize);
  a("sharpness", c.sharpness);
  a("gradient_norm", c.gradient_norm);
  a("minimum_found", c.minimum_found);
}

template <class Archive>
void fields(Archive& a, CurvatureGrowth& c) {
  a("L0", c.law.l0);
  a("L1", c.law.l1);
  a("alpha", c.law.alpha);
  a("samples", c.samples);
  a("spread", c.spread);
  a("smallest_gradient", c.smallest_gradient);
  a("largest_gradient", c.largest_gradient);
  a("evaluations", c.evaluations);
}

template <class Archive>
void fields(Archive& a, ValueCurvature& c) {
  a("source", c.source);
  a("gap", c.gap);
  a("hessian_norm", c.hessian_norm);
  a("gradient_norm", c.gradient_norm);
  a("smoothness", c.smoothness);
  a("hessian_lipschitz", c.hessian_lipschitz);
  a("radius", c.radius);
  a("samples", c.samples);
  a("evaluations", c.evaluations);
}

template <class Archive>
void fields(Archive& a, GradientNoise& n) {
  a("tau1", n.law.tau1);
  a("tau2", n.law.tau2);
  a("batch", n.batch);
  a("probes", n.probes);
  a("spread", n.spread);
  a("tail_ratio", n.tail_ratio);
}

template <class Archive>
void fields(Archive& a, NormalizationBias& b) {
  a("significant", b.significant);
  a("same_batch", b.same_batch);
  a("same_batch_error", b.same_batch_error);
  a("independent", b.independent);
  a("independent_error", b.independent_error);
  a("statistic", b.statistic);
  a("threshold", b.threshold);
  a("gradient_norm", b.gradient_norm);
  a("gradient_to_noise", b.gradient_to_noise);
  a("false_alarm", b.false_alarm);
  a("points", b.points);
  a("draws", b.draws);
  a("batch", b.batch);
  a("independent_batch", b.independent_batch);
  a("searched", b.searched);
}

template <class Archive>
void fields(Archive& a, MemoryReport& m) {
  a("bytes", m.bytes);
  a("limit", m.limit);
}

template <class Archive>
void fields(Archive& a, GradientCheck& g) {
  a("slope", g.slope);
  a("passed", g.passed);
}

template <class Archive>
void fields(Archive& a, GradientDominance& d) {
  a("rho", d.rho);
  a("two_mu", d.two_mu);
}

template <class Archive>
void fields(Archive& a, Preflight& p) {
  a("rank", p.rank);
  a("separability", p.separability);
  a("critical_step", p.critical_step);
  a("safe_stepsize", p.safe_stepsize);
  a("curvature", p.curvature);
  a("value_curvature", p.value_curvature);
  a("noise", p.noise);
  a("normalization_bias", p.normalization_bias);
  a("dominance", p.dominance);
  a("memory", p.memory);
  a("gradient_check", p.gradient_check);
  a("initial_loss", p.initial_loss);
  a("initial_gradient_norm", p.initial_gradient_norm);
  a("start_norm", p.start_norm);
}

template <class Archive>
void fields(Archive& a, Rejected& r) {
  a("option", r.option);
  a("why", r.why);
}

template <class Archive>
void fields(Archive& a, Decision& d) {
  a("what", d.what);
  a("chosen", d.chosen);
  a("because", d.because);
  a("rejected", d.rejected);
}

template <class Archive>
void fields(Archive& a, Plan& p) {
  a("method", p.method);
  a("options", p.options);
  a("decisions", p.decisions);
  a("target_loss", p.target_loss);
  a("gradient_tolerance", p.gradient_tolerance);
  a("max_steps", p.max_steps);
  a("takes_all_steps", p.takes_all_steps);
  a("may_end_early", p.may_end_early);
}

template <class Archive>
void fields(Archive& a, Assumption& s) {
  a("text", s.text);
  a("measured", s.measured);
  a("status", s.status);
}

template <class Archive>
void fields(Archive& a, Forecast& f) {
  a("initial_loss", f.initial_loss);
  a("target_loss", f.target_loss);
  a("floor", f.floor);
  a("flow_time", f.flow_time);
  a("steps", f.steps);
  a("seconds", f.seconds);
  a("bytes", f.bytes);
  a("claims_global_minimum", f.claims_global_minimum);
  a("claims_rate", f.claims_rate);
  a("claims_second_order", f.claims_second_order);
  a("step_gradients", f.step_gradients);
  a("log_loss_bound", f.log_loss_bound);
  a("regime", f.regime);
  a("exponent", f.exponent);
  a("step_floor", f.step_floor);
  a("samples", f.samples);
  a("transition_bound", f.transition_bound);
  a("claims_separates", f.claims_separates);
  a("assumptions", f.assumptions);
}

template <class Archive>
void fields(Archive& a, StopReason& r) {
  a("outcome", r.outcome);
  a("criterion", r.criterion);
  a("measured", r.measured);
  a("threshold", r.threshold);
  a("advice", r.advice);
}

template <class Archive>
void fields(Archive& a, Metrics& m) {
  a("rmse", m.rmse);
  a("mae", m.mae);
  a("r2", m.r2);
  a("accuracy", m.accuracy);
  a("cross_entropy", m.cross_entropy);
}

template <class Archive>
void fields(Archive& a, OutcomeSection& o) {
  a("outcome", o.reason.outcome);
  a("reason", o.reason);
  a("reasons", o.reasons);
  a("steps", o.steps);
  a("samples", o.samples);
  a("seconds", o.seconds);
  a("loss", o.loss);
  a("log_loss", o.log_loss);
  a("gradient_norm", o.gradient_norm);
  a("best_step", o.best_step);
  a("flow_time", o.flow_time);
  a("average_log_loss", o.average_log_loss);
  a("last_log_loss", o.last_log_loss);
  a("bound_log_loss", o.bound_log_loss);
  a("train", o.train);
  a("validation", o.validation);
  a("test", o.test);
}

template <class Archive>
void fields(Archive& a, PhasesSection& p) {
  a("transition_step", p.transition_step);
  a("last_increase_step", p.last_increase_step);
  a("stable_since", p.stable_since);
}

template <class Archive>
void fields(Archive& a, EscapesSection::Heuristic& h) {
  a("step", h.step);
  a("radius", h.radius);
}

template <class Archive>
void fields(Archive& a, EscapesSection& e) {
  a("count", e.count);
  a("steps", e.steps);
  a.unless_empty("heuristic", e.heuristic);
  a("certificate_step", e.certificate_step);
  a("waiting_end_step", e.waiting_end_step);
}

template <class Archive>
void fields(Archive& a, RobustSection& r) {
  a("divergence", r.divergence);
  a("lambda", r.lambda);
  a("psi", r.psi);
  a("eta", r.eta);
  a("groups", r.groups);
  a("worst_group", r.worst_group);
  a("worst_group_rows", r.worst_group_rows);
  a("worst_group_error", r.worst_group_error);
  a("median_group_error", r.median_group_error);
}

template <class Archive>
void fields(Archive& a, PlateauDiagnosis& p) {
  a("first_step", p.first_step);
  a("last_step", p.last_step);
  a("at_end", p.at_end);
  a("value", p.value);
  a("kind", p.kind);
  a.unless_empty("because", p.because);
  a.unless_empty("measured", p.measured);
  a.unless_empty("advice", p.advice);
}

template <class Archive>
void fields(Archive& a, Certificate& c) {
  a("claim", c.claim);
  a("verdict", c.verdict);
  a("measured", c.measured);
  a("bound", c.bound);
  a("confidence", c.confidence);
  a("sigma_min_path", c.sigma_min_path);
  a("assumptions", c.assumptions);
  a.unless_empty("kind", c.kind);
  a.unless_empty("because", c.because);
  a("gradient_norm", c.gradient_norm);
  a("lower_bound", c.lower_bound);
  a("residual", c.residual);
  a("products", c.products);
  a("evaluations", c.evaluations);
  constexpr Index most_numbers = 1000;  // as of the solution
  if (!c.direction || c.direction->size() <= most_numbers) a("direction", c.direction);
}

template <class Archive>
void fields(Archive& a, SolutionSection& s) {
  a("parameters", s.parameters);
  a("digits", s.digits);
}

template <class Archive>
void fields(Archive& a, Spread& s) {
  a("median", s.median);
  a("lower_quartile", s.lower_quartile);
  a("upper_quartile", s.upper_quartile);
}

template <class Archive>
void fields(Archive& a, HeldBackResult& h) {
  a("loss", h.loss);
  fields(a, h.metrics);
}

template <class Archive>
void fields(Archive& a, ComparedRun& r) {
  a("seed", r.seed);
  a("outcome", r.outcome);
  a("steps", r.steps);
  a("samples", r.samples);
  a("value", r.value);
  a("gradient_norm", r.gradient_norm);
  a("samples_to_target", r.samples_to_target);
  a("validation", r.validation);
  a("test", r.test);
  a("seconds", r.seconds);
}

template <class Archive>
void fields(Archive& a, TuningSection& t) {
  a("trials", t.trials);
  a("samples", t.samples);
  a("seconds", t.seconds);
  a.unless_empty("because", t.because);
  a.unless_empty("option", t.option);
  a("planned", t.planned);
  a("chosen", t.chosen);
  if (t.trials > 0) a("at_edge", t.at_edge);
}

template <class Archive>
void fields(Archive& a, ComparedMethod& m) {
  a("method", m.method);
  a("options", m.options);
  a("tuning", m.tuning);
  a("value", m.value);
  a("gradient_norm", m.gradient_norm);
  a("samples_to_target", m.samples_to_target);
  a("reached", m.reached);
  a("validation_loss", m.validation_loss);
  a("validation_score", m.validation_score);
  a("test_loss", m.test_loss);
  a("test_score", m.test_score);
  a("seconds", m.seconds);
  a("diverged", m.diverged);
  a("runs", m.runs);
}

template <class Archive>
void fields(Archive& a, RankedMethod& r) {
  a("method", r.method);
  a("rank", r.rank);
  a("not_distinguishable_from", r.not_distinguishable_from);
}

template <class Archive>
void fields(Archive& a, ComparisonSection& c) {
  a("samples", c.samples);
  a("sample_count", c.sample_count);
  a("seeds", c.seeds);
  a("interrupted", c.interrupted);
  a("tuning_trials", c.tuning_trials);
  a("tuning_seed", c.tuning_seed);
  a("target", c.target);
  a("target_given", c.target_given);
  a("decisions", c.decisions);
  a("methods", c.methods);
  a("ranking", c.ranking);
}

template <class Archive>
void fields(Archive& a, Record& r) {
  a("manifest", r.manifest);
  a("data", r.data);
  a("problem", r.problem);
  a("preflight", r.preflight);
  a("plan", r.plan);
  a("forecast", r.forecast);
  a("outcome", r.outcome);
  a("phases", r.phases);
  a("escapes", r.escapes);
  a("robust", r.robust);
  a.unless_empty("plateaus", r.plateaus);
  a.unless_empty("certificates", r.certificates);
  a("solution", r.solution);
  a("comparison", r.comparison);
  a.unless_empty("advice", r.advice);
}

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

const char* const remedy = "give the report.json that thalweg wrote, or train again";

}  // namespace

std::string to_json(const Record& record) {
  Record copy = record;  // fields() is declared once for both directions and takes its section open
  Json json;
  json["schema"] = schema;
  Writer writer(json);
  fields(writer, copy);
  return text_of(json);
}

Record from_json(const std::string& json, const std::string& origin) {
  try {
    const Json parsed = Json::parse(json);
    if (!parsed.is_object() || !parsed.contains("schema") || parsed.at("schema") != schema)
      throw DataError(std::string("not a report of schema ") + schema, origin, remedy);
    Record record;
    Reader reader(parsed);
    fields(reader, record);
    return record;
  } catch (const Json::exception&) {
    throw DataError("not a readable report: truncated, or a field of a wrong type", origin, remedy);
  } catch (const std::invalid_argument& problem) {
    throw DataError(std::string("not a readable report: ") + problem.what(), origin, remedy);
  }
}

std::string error_json(int code, const std::string& what, const std::string& where,
                       const std::string& advice) {
  Json error = {{"code", code}, {"what", what}};
  if (!where.empty()) error["where"] = where;
  if (!advice.empty()) error["remedy"] = advice;
  return text_of({{"schema", schema}, {"error", std::move(error)}});
}

std::string error_json(int code, const Error& error) {
  return error_json(code, error.problem(), error.where(), error.remedy());
}

}  // namespace thalweg::report
