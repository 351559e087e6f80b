// For tests: a small table with fields of every type.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "admin/query/row_source.h"

namespace vmq::admin::query {

inline constexpr std::array<Field, 6> kSampleFields{{
    {"client_id", Type::Text, "", true},
    {"user", Type::Text, "", true},
    {"queue_size", Type::Integer, ""},
    {"is_online", Type::Boolean, ""},
    {"topic", Type::Text, "", false, false},
    {"routing_key", Type::Text, "", false, false, true},
}};

class SampleRow final : public Row {
public:
    explicit SampleRow(std::vector<Value> cells) : cells_(std::move(cells)) {}
    [[nodiscard]] Value value(std::size_t field) const override {
        return field < cells_.size() ? cells_[field] : Value{};
    }

private:
    std::vector<Value> cells_;
};

class SampleSource final : public RowSource {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "samples"; }
    [[nodiscard]] std::span<const Field> fields() const noexcept override { return kSampleFields; }
    std::vector<std::string> scan(const Statement&, Selection& selection) override {
        for (const SampleRow& row : rows) {
            if (!selection.wants_more()) break;
            ++scanned;
            selection.add(row);
        }
        return missing;
    }

    std::vector<SampleRow> rows;
    std::vector<std::string> missing;
    std::size_t scanned = 0;
};

}  // namespace vmq::admin::query
