// Selection: the rows that answer a statement, as they are found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "admin/query/statement.h"
#include "admin/query/table.h"

namespace vmq::admin::query {

/// What one answer may take in memory.
inline constexpr std::size_t kMaxResultBytes = std::size_t{256} * 1024 * 1024;

/// Without an order the first rows up to the limit; with one, those with the largest values, the
/// largest first and equal ones as they came. `statement` outlives it.
class Selection final {
public:
    explicit Selection(const Statement& statement, std::size_t max_bytes = kMaxResultBytes);

    /// Whether another row could change the answer.
    [[nodiscard]] bool wants_more() const noexcept { return !finished_; }
    /// Takes the row in if it is accepted and fits.
    void add(const Row& row);
    [[nodiscard]] Table take();

private:
    struct Kept {
        Value key;
        std::uint64_t number;  // in the order they came
        std::vector<Value> cells;
    };
    [[nodiscard]] static bool ranks_before(const Kept& a, const Kept& b) noexcept;
    void make_room();

    const Statement& statement_;
    const std::size_t max_bytes_;
    std::vector<Kept> kept_;  // a heap with the last in rank on top, once the limit is reached
    std::size_t bytes_ = 0;
    std::uint64_t accepted_ = 0;
    bool finished_ = false;
    bool overflowed_ = false;
};

}  // namespace vmq::admin::query
