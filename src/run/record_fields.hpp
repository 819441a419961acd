// The fields of a StepRecord by name, in the order of the trace's columns: one list for the trace
// file and the checkpoint.
#pragma once

#include <array>
#include <string_view>
#include <variant>

#include "thalweg/run/method.hpp"

namespace thalweg {

struct RecordField {
  std::string_view name;
  std::variant<std::int64_t StepRecord::*, bool StepRecord::*, double StepRecord::*,
               std::optional<double> StepRecord::*>
      member;
};

inline constexpr std::array<RecordField, 27> record_fields = {{
    {"iteration", &StepRecord::iteration},
    {"accepted", &StepRecord::accepted},
    {"value", &StepRecord::value},
    {"gradient_norm", &StepRecord::gradient_norm},
    {"step_norm", &StepRecord::step_norm},
    {"stepsize", &StepRecord::stepsize},
    {"damping", &StepRecord::damping},
    {"gain_ratio", &StepRecord::gain_ratio},
    {"flow_time", &StepRecord::flow_time},
    {"sigma_min", &StepRecord::sigma_min},
    {"predicted", &StepRecord::predicted},
    {"deviation", &StepRecord::deviation},
    {"log_value", &StepRecord::log_value},
    {"training_error", &StepRecord::training_error},
    {"margin", &StepRecord::margin},
    {"average_log_value", &StepRecord::average_log_value},
    {"last_log_value", &StepRecord::last_log_value},
    {"bound_log_value", &StepRecord::bound_log_value},
    {"transition_step", &StepRecord::transition_step},
    {"last_increase_step", &StepRecord::last_increase_step},
    {"escapes", &StepRecord::escapes},
    {"smallest_curvature", &StepRecord::smallest_curvature},
    {"heuristic_radius", &StepRecord::heuristic_radius},
    {"validation", &StepRecord::validation},
    {"evaluations", &StepRecord::evaluations},
    {"samples", &StepRecord::samples},
    {"seconds", &StepRecord::seconds},
}};

/// Calls f with a reference to the field's number in `record`: int64, bool, double or optional.
template <class Record, class Function>
void with_field(Record& record, const RecordField& field, Function f) {
  std::visit([&](auto member) { f(record.*member); }, field.member);
}

}  // namespace thalweg
