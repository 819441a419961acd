// The record survives JSON and back, says nothing that is not finite, and refuses what is no
// report.
#include "thalweg/report/report.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace thalweg::report {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Assumption assumption() { return {"rank condition", 0.1 + 0.2, Status::pass}; }

Preflight preflight() {
  Preflight p;
  p.rank.emplace();
  p.rank->rank = 15;
  p.rank->full = false;
  p.rank->rows = 16;
  p.rank->columns = 40;
  p.rank->tolerance = 1e-14;
  p.rank->sigma_max = 1.0 / 3.0;
  p.rank->source = RankSource::gram;
  p.rank->conflicting_duplicates = 2;
  p.rank->duplicate_floor = 1e-3;
  p.rank->warnings = {"condition above 1e8"};
  p.curvature.emplace();
  p.curvature->law = {0.5, 4.75, 2.0 / 3.0};
  p.curvature->samples = 16;
  p.curvature->spread = 1.25;
  p.curvature->smallest_gradient = 0.125;
  p.curvature->largest_gradient = 80;
  p.curvature->evaluations = 180;
  p.noise.emplace();
  p.noise->law = {0.25, 4.4};
  p.noise->batch = 16;
  p.noise->probes = 8;
  p.noise->spread = 1.5;
  p.noise->tail_ratio = 6;
  p.normalization_bias.emplace();
  p.normalization_bias->significant = true;
  p.normalization_bias->same_batch = -0.55;
  p.normalization_bias->same_batch_error = 0.05;
  p.normalization_bias->independent = 0.17;
  p.normalization_bias->statistic = -11;
  p.normalization_bias->threshold = -3.33;
  p.normalization_bias->gradient_to_noise = 0.15;
  p.normalization_bias->false_alarm = 1e-3;
  p.normalization_bias->points = 2;
  p.normalization_bias->draws = 256;
  p.normalization_bias->batch = 3;
  p.normalization_bias->searched = true;
  p.memory = {1e6, 2e9};
  p.gradient_check = {2.0, true};
  p.initial_loss = 0.5;
  p.initial_gradient_norm = 0.25;
  return p;
}

Plan plan() {
  Plan p;
  p.method = "levenberg-marquardt";
  p.options = {{"damping", "gain-ratio"}};
  p.decisions = {{"method", "levenberg-marquardt", "small", {{"adam", "slow"}}}};
  p.target_loss = 1e-3;
  p.max_steps = 77;
  p.may_end_early = true;
  p.takes_all_steps = true;
  return p;
}

OutcomeSection outcome() {
  OutcomeSection o;
  o.reason = {Outcome::stalled, "stall", 1e-13, 1e-12, "try another start"};
  o.reasons = {o.reason, {Outcome::budget_exhausted, "max-steps", 10.0, 10.0, ""}};
  o.steps = 10;
  o.samples = 160;
  o.best_step = 9;
  o.seconds = 0.125;
  o.loss = 1e-4;
  o.log_loss = std::log(1e-4);
  o.train = Metrics{.rmse = 0.1, .mae = 0.05, .r2 = 0.99, .accuracy = {}, .cross_entropy = {}};
  return o;
}

ComparisonSection comparison() {
  ComparedRun run;
  run.seed = 1;
  run.steps = 482;
  run.samples = 30848;
  run.value = 0.1 + 0.2;
  run.gradient_norm = 1.0 / 3.0;
  run.samples_to_target = 5440;
  run.validation = HeldBackResult{
      .loss = 0.25,
      .metrics = Metrics{.rmse = {}, .mae = {}, .r2 = {}, .accuracy = 0.75, .cross_entropy = {}}};
  run.seconds = 0.5;
  run.outcome = Outcome::budget_exhausted;
  ComparedMethod adam;
  adam.method = "adam";
  adam.options = {{"stepsize", "0.035"}};
  adam.tuning = {12, 370176, 0.25, "", "stepsize", 1e-3, 0.035, true};
  adam.value = Spread{0.3, 0.25, 0.35};
  adam.gradient_norm = Spread{0.1, 0.1, 0.1};
  adam.seconds = Spread{0.5, 0.5, 0.5};
  adam.validation_loss = Spread{0.25, 0.25, 0.25};
  adam.validation_score = Spread{0.75, 0.75, 0.75};
  adam.reached = 1;
  adam.samples_to_target = 5440;
  adam.runs = {run};
  ComparedMethod gd = adam;
  gd.method = "gd";
  gd.tuning = {0, 0, 0, "no stepsize to set", "", {}, {}, false};
  gd.runs[0].outcome = Outcome::diverged;
  gd.runs[0].samples_to_target.reset();
  gd.runs[0].validation.reset();
  gd.samples_to_target.reset();
  gd.reached = 0;
  gd.diverged = 1;
  ComparisonSection section;
  section.samples = 30900;
  section.sample_count = 1030;
  section.tuning_trials = 12;
  section.seeds = {1, 2, 3};
  section.target = 0.5;
  section.decisions = {{"samples", "30900", "30 passes", {}}};
  section.methods = {adam, gd};
  section.ranking = {{"adam", 1, {"gd"}}, {"gd", 1, {"adam"}}};
  return section;
}

/// Every section, every kind of field.
Certificate second_order() {
  Certificate c;
  c.claim = "second-order";
  c.verdict = Verdict::refuted;
  c.measured = -1;
  c.bound = -0.1;
  c.confidence = 1;
  c.kind = "saddle";
  c.because = "curvature -1";
  c.gradient_norm = 1e-5;
  c.lower_bound = -1.25;
  c.residual = 1e-7;
  c.products = 12;
  c.evaluations = 27;
  c.direction = Vector{{0.6, -0.8}};
  return c;
}

Record full_record() {
  Record record;
  record.manifest = {"0.1.0",
                     "abc",
                     "gcc",
                     "OpenBLAS",
                     "cpu",
                     2,
                     18446744073709551615ULL,
                     {"thalweg", "train"},
                     "2026-01-01T00:00:00Z"};
  record.data = DataSection{.file = "t \"quoted\".csv",
                            .rows = 40,
                            .features = {"a", "b"},
                            .targets = {"y"},
                            .train = 30,
                            .validation = 10,
                            .test = 0,
                            .dropped_rows = 1,
                            .dropped_columns = {"c"},
                            .task = "classification",
                            .classes = {"no", "yes"}};
  record.problem = ProblemSection{"squared loss", 40, 16, "overparametrized", "mlp:3", "tanh"};
  record.preflight = preflight();
  record.plan = plan();
  record.forecast.emplace();
  record.forecast->initial_loss = 0.5;
  record.forecast->flow_time = 12.25;
  record.forecast->claims_global_minimum = true;
  record.forecast->assumptions = {assumption()};
  record.outcome = outcome();
  record.certificates = {{"rate", Verdict::holds, 1e-3, 2e-2, 1.0, 1e-5, {assumption()}},
                         {"first-order", Verdict::undecided, {}, 1e-3, {}, {}, {}},
                         {"first-order", Verdict::holds, 1e-4, 1e-3, 0.999, {}, {assumption()}}};
  record.certificates.push_back(second_order());
  record.solution = SolutionSection{Vector::LinSpaced(3, -1.0, 1.0 / 3.0), 6.5};
  record.advice = {"more rows"};
  return record;
}

TEST(ReportJson, EscapeDirectionsOfManyParametersAreLeftOut) {
  Record record = full_record();
  record.certificates.back().direction = Vector::Ones(1001);
  EXPECT_FALSE(
      nlohmann::json::parse(to_json(record)).at("certificates").at(3).contains("direction"));
}

TEST(ReportText, SecondOrderCertificatesSayWhatTheyFound) {
  const std::string text = describe_certificates({second_order()});
  for (const char* part :
       {"saddle: curvature -1", "gradient norm 1e-05", "smallest curvature between -1.25 and -1",
        "12 Hessian products", "work of 27 gradients"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

TEST(ReportJson, ComesBackAsItWent) {
  Record record = full_record();
  record.comparison = comparison();
  const std::string json = to_json(record);
  EXPECT_EQ(to_json(from_json(json, "test")), json);
}

TEST(ReportJson, FieldsStandWhereTheSchemaSays) {
  Record record = full_record();
  record.comparison = comparison();
  const auto json = nlohmann::json::parse(to_json(record));
  EXPECT_EQ(json.at("schema"), "thalweg-report/1");
  EXPECT_EQ(json.at("outcome").at("outcome"), "stalled");
  EXPECT_EQ(json.at("outcome").at("reason").at("criterion"), "stall");
  EXPECT_EQ(json.at("preflight").at("rank").at("source"), "gram");
  EXPECT_EQ(json.at("preflight").at("rank").at("full"), false);
  const auto& measured = json.at("preflight");
  EXPECT_EQ(measured.at("curvature").at("L0"), 0.5);
  EXPECT_EQ(measured.at("curvature").at("L1"), 4.75);
  EXPECT_EQ(measured.at("curvature").at("alpha"), 2.0 / 3.0);
  EXPECT_EQ(measured.at("curvature").at("samples"), 16);
  EXPECT_EQ(measured.at("noise").at("tau1"), 0.25);
  EXPECT_EQ(measured.at("noise").at("tau2"), 4.4);
  EXPECT_EQ(measured.at("normalization_bias").at("significant"), true);
  EXPECT_EQ(json.at("plan").at("decisions").at(0).at("rejected").at(0).at("why"), "slow");
  EXPECT_EQ(json.at("forecast").at("assumptions").at(0).at("status"), "pass");
  EXPECT_EQ(json.at("certificates").at(1).at("verdict"), "undecided");
  const auto& second = json.at("certificates").at(3);
  EXPECT_EQ(second.at("kind"), "saddle");
  EXPECT_EQ(second.at("because"), "curvature -1");
  EXPECT_EQ(second.at("gradient_norm"), 1e-5);
  EXPECT_EQ(second.at("lower_bound"), -1.25);
  EXPECT_EQ(second.at("residual"), 1e-7);
  EXPECT_EQ(second.at("products"), 12);
  EXPECT_EQ(second.at("evaluations"), 27);
  EXPECT_EQ(second.at("direction").at(1), -0.8);
  EXPECT_EQ(json.at("solution").at("parameters").size(), 3U);
  EXPECT_EQ(json.at("manifest").at("seed"), 18446744073709551615ULL);
  const auto& compared = json.at("comparison").at("methods").at(0);
  EXPECT_EQ(compared.at("value").at("upper_quartile"), 0.35);
  EXPECT_EQ(compared.at("tuning").at("samples"), 370176);
  EXPECT_EQ(compared.at("runs").at(0).at("validation").at("accuracy"), 0.75);
  EXPECT_EQ(compared.at("runs").at(0).at("outcome"), "budget_exhausted");
  EXPECT_EQ(json.at("comparison").at("ranking").at(0).at("not_distinguishable_from").at(0), "gd");
}

TEST(ReportJson, WhatIsAbsentIsNotWritten) {
  const auto json = nlohmann::json::parse(to_json(Record{}));
  for (const char* section : {"data", "problem", "preflight", "plan", "forecast", "outcome",
                              "certificates", "solution", "comparison", "advice"})
    EXPECT_FALSE(json.contains(section)) << section;
  EXPECT_FALSE(nlohmann::json::parse(to_json(full_record()))
                   .at("preflight")
                   .at("rank")
                   .contains("condition"));
}

TEST(ReportJson, NumbersThatAreNotFiniteAreLeftOut) {
  Record record = full_record();
  record.outcome->loss = std::nan("");
  record.outcome->gradient_norm = infinity;
  record.forecast->steps = -infinity;
  const auto json = nlohmann::json::parse(to_json(record));
  EXPECT_FALSE(json.at("outcome").contains("loss"));
  EXPECT_FALSE(json.at("outcome").contains("gradient_norm"));
  EXPECT_FALSE(json.at("forecast").contains("steps"));
}

TEST(ReportJson, NumbersReadBackExactly) {
  rc::check("any finite number", [] {
    const auto value =
        *rc::gen::suchThat(rc::gen::arbitrary<double>(), [](double x) { return std::isfinite(x); });
    Record record;
    record.outcome.emplace();
    record.outcome->loss = value;
    RC_ASSERT(from_json(to_json(record), "test").outcome->loss == value);
  });
}

TEST(ReportJson, InvalidUtf8DoesNotThrow) {
  Record record;
  record.manifest.argv = {"\xff\xfe"};
  EXPECT_NO_THROW(from_json(to_json(record), "test"));
}

TEST(ReportJson, WhatIsNoReportIsADataError) {
  const std::string good = to_json(full_record());
  EXPECT_THROW(from_json("", "o/report.json"), DataError);
  EXPECT_THROW(from_json("[]", "o/report.json"), DataError);
  EXPECT_THROW(from_json(R"({"schema": "other/1"})", "o/report.json"), DataError);
  EXPECT_THROW(from_json(R"({"schema": "thalweg-report/1", "data": 3})", "o/r"), DataError);
  EXPECT_THROW(from_json(R"({"schema": "thalweg-report/1", "outcome": {"outcome": "fine"}})", "r"),
               DataError);
  for (std::size_t length = 0; length + 2 < good.size(); length += 7)
    EXPECT_THROW(from_json(good.substr(0, length), "o/report.json"), DataError) << length;
  try {
    from_json("{", "o/report.json");
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_EQ(error.where(), "o/report.json");
  }
}

TEST(ReportJson, WholeNumbersAreWholeAndInRange) {
  const auto rows = [](const std::string& number) {
    return from_json(R"({"schema": "thalweg-report/1", "data": {"rows": )" + number + "}}", "r")
        .data->rows;
  };
  EXPECT_EQ(rows("9223372036854775807"), std::numeric_limits<Index>::max());
  for (const char* hostile : {"1e300", "-1e300", "2.5", "9223372036854775808", "true", "\"3\""})
    EXPECT_THROW(rows(hostile), DataError) << hostile;
  const auto threads = [](const std::string& number) {
    return from_json(R"({"schema": "thalweg-report/1", "manifest": {"threads": )" + number + "}}",
                     "r")
        .manifest.threads;
  };
  EXPECT_EQ(threads("2"), 2);
  EXPECT_THROW(threads("4294967298"), DataError) << "it would wrap around to 2";
}

TEST(ReportJson, ErrorsAreObjectsWithoutEmptyParts) {
  const auto full =
      nlohmann::json::parse(error_json(3, DataError("no such file", "a.csv", "check the path")));
  EXPECT_EQ(full.at("schema"), "thalweg-report/1");
  EXPECT_EQ(full.at("error"), (nlohmann::json{{"code", 3},
                                              {"what", "no such file"},
                                              {"where", "a.csv"},
                                              {"remedy", "check the path"}}));
  const auto bare = nlohmann::json::parse(error_json(2, UsageError("unknown option")));
  EXPECT_FALSE(bare.at("error").contains("where"));
  EXPECT_FALSE(bare.at("error").contains("remedy"));
}

TEST(ReportText, IsThePageBeforeAndThePageAfter) {
  const Record record = full_record();
  EXPECT_EQ(to_text(record), text_before_run(record) + text_after_run(record));
  Record before = record;
  before.outcome.reset();
  EXPECT_EQ(to_text(before), text_before_run(record));
}

TEST(ReportText, SaysWhatMatters) {
  const std::string text = to_text(full_record());
  for (const char* part :
       {"40 rows", "levenberg-marquardt", "(slow)", "stalled after 10 steps", "R2 0.99", "rate",
        "holds", "next: more rows", "6.5 correct digits", "15 of 16: not full"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(ReportText, SaysWhatWasMeasuredOfSampledProblems) {
  Record record = full_record();
  const std::string text = to_text(record);
  for (const char* part :
       {"L0 0.5, L1 4.75, alpha 0.667 (16 points, gradient norms 0.125 to 80, spread 1.25)",
        "tau1 0.25, tau2 4.4", "6 times the median", "own batch of 3: significant", "-0.55 +- 0.05",
        "wrong at most once in 1000"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  record.preflight->curvature->law = {2, 0, 0};
  EXPECT_NE(to_text(record).find("L0 2, not seen to grow"), std::string::npos);
}

TEST(ReportText, HasNoNumberThatIsNotFinite) {
  const std::string text = to_text(full_record());
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_EQ(text.find("inf"), std::string::npos);
}

TEST(ReportManifest, NamesBuildAndMachine) {
  const Manifest manifest = make_manifest(5, 2, {"thalweg"});
  EXPECT_FALSE(manifest.version.empty());
  EXPECT_FALSE(manifest.commit.empty());
  EXPECT_FALSE(manifest.blas.empty());
  EXPECT_EQ(manifest.started.size(), std::string("2026-01-01T00:00:00Z").size());
  EXPECT_EQ(manifest.seed, 5U);
}

TEST(ComparisonText, SaysWhatWasFoundAndWhatIsNotApart) {
  const std::string text = describe_comparison(comparison());
  EXPECT_NE(text.find("2 methods, 30900 samples per run, seeds 1, 2, 3\n"), std::string::npos);
  EXPECT_NE(text.find("0.25 .. 0.35"), std::string::npos);
  EXPECT_NE(text.find("stepsize 0.035, 35 times the plan's, at the edge of the search (12 runs, "
                      "370176 samples)"),
            std::string::npos);
  EXPECT_NE(text.find("no stepsize to set"), std::string::npos);
  EXPECT_NE(text.find("1 of 1"), std::string::npos) << "diverged";
  EXPECT_NE(text.find("its accuracy"), std::string::npos);
  EXPECT_NE(text.find("not distinguishable: adam, gd\n"), std::string::npos);
  EXPECT_EQ(text.find("distinguishable from all others"), std::string::npos);
}

TEST(ComparisonText, EveryPairWithoutAVerdictIsNamed) {
  ComparisonSection section = comparison();
  // b reaches over both of its neighbours, which are apart.
  section.ranking = {{"a", 1, {"b"}}, {"b", 1, {"a", "c"}}, {"c", 2, {"b"}}, {"d", 4, {}}};
  const std::string text = describe_comparison(section);
  EXPECT_NE(text.find("not distinguishable: a, b\nnot distinguishable: b, c\n"), std::string::npos);
  section.ranking = {
      {"a", 1, {}}, {"b", 2, {"c", "d"}}, {"c", 2, {"b", "d"}}, {"d", 2, {"b", "c"}}};
  const std::string group = describe_comparison(section);
  EXPECT_NE(
      group.find("lowest: a, distinguishable from all others\nnot distinguishable: b, c, d\n"),
      std::string::npos);
  section.seeds = {1, 2};
  EXPECT_NE(describe_comparison(section).find("so few seeds"), std::string::npos);
}

TEST(ComparisonCsv, HasARowForEveryRun) {
  EXPECT_EQ(comparison_csv(comparison()),
            "method,seed,steps,samples,value,gradient_norm,samples_to_target,validation,test,"
            "seconds,outcome\n"
            "adam,1,482,30848,0.30000000000000004,0.3333333333333333,5440,0.25,,0.5,"
            "budget_exhausted\n"
            "gd,1,482,30848,0.30000000000000004,0.3333333333333333,,,,0.5,diverged\n");
}

}  // namespace
}  // namespace thalweg::report
