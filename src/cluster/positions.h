// Positions: up to which stamp something is known, per writer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "cluster/stamp.h"

namespace vmq::cluster {

/// One time per writer, zero for those never mentioned. A plain value; the numbers are those of one
/// WriterTable.
class Positions final {
public:
    [[nodiscard]] HybridTime operator[](WriterNumber writer) const noexcept {
        const auto index = static_cast<std::size_t>(writer);
        return index < times_.size() ? times_[index] : HybridTime{};
    }
    void set(WriterNumber writer, HybridTime time) {
        const auto index = static_cast<std::size_t>(writer);
        if (index >= times_.size()) {
            if (time == HybridTime{}) return;
            times_.resize(index + 1);
        }
        times_[index] = time;
    }
    /// False: it was there already.
    bool raise(WriterNumber writer, HybridTime time) {
        if (time <= (*this)[writer]) return false;
        set(writer, time);
        return true;
    }
    bool raise(const Positions& other) {
        bool raised = false;
        for (std::size_t i = 0; i < other.times_.size(); ++i) {
            if (raise(static_cast<WriterNumber>(i), other.times_[i])) raised = true;
        }
        return raised;
    }
    void lower(WriterNumber writer, HybridTime time) {
        if (time < (*this)[writer]) set(writer, time);
    }
    /// To the lower of both, for every writer.
    void lower(const Positions& other) noexcept {
        for (std::size_t i = 0; i < times_.size(); ++i) {
            times_[i] = std::min(times_[i], other[static_cast<WriterNumber>(i)]);
        }
    }

    /// For every writer at least as far as `other`.
    [[nodiscard]] bool covers(const Positions& other) const noexcept {
        for (std::size_t i = 0; i < other.times_.size(); ++i) {
            if (other.times_[i] > (*this)[static_cast<WriterNumber>(i)]) return false;
        }
        return true;
    }
    [[nodiscard]] bool operator==(const Positions& other) const noexcept {
        return covers(other) && other.covers(*this);
    }
    [[nodiscard]] HybridTime highest() const noexcept {
        return times_.empty() ? HybridTime{} : *std::max_element(times_.begin(), times_.end());
    }
    [[nodiscard]] bool empty() const noexcept { return highest() == HybridTime{}; }
    /// Writers from this number on are at zero.
    [[nodiscard]] std::size_t size() const noexcept { return times_.size(); }
    void clear() noexcept { times_.clear(); }

private:
    std::vector<HybridTime> times_;
};

}  // namespace vmq::cluster
